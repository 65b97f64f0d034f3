"""
A document in the terms of EN 16931: what UBL and CII both say (pure).

BT and BG numbers are those of the standard. Credit that lowers what is taxed is an allowance of its
line (BG-27), credit that counts as a payment is the prepaid amount (BT-113). Prices are net: a line
whose price has its tax in it shows its base.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing.invoicing.documents.presenting import step_text
from billing.invoicing.documents.printable import (
    BankAccount,
    Preceding,
    Printable,
    PrintedLine,
    PrintedParty,
    PrintedTax,
)
from billing.invoicing.documents.wording import Wording, wording
from billing.tax.facts import Category
from billing.tax.ids import payment_reference
from ledger.money import ONE, ZERO, absolute, add, multiply, negate, subtract, total

CORE: Final = "urn:cen.eu:en16931:2017"
_PEPPOL: Final = f"{CORE}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_PEPPOL_PROFILE: Final = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_TYPES: Final = {"invoice": "380", "debit_note": "383", "credit_note": "381"}  # UNTDID 1001
_SEPA: Final = "58"  # UNTDID 4461
_TRANSFER: Final = "30"
_UNITS: Final = {  # UN/ECE recommendation 20; all else is counted
    "second": "SEC",
    "minute": "MIN",
    "hour": "HUR",
    "day": "DAY",
    "week": "WEE",
    "month": "MON",
    "year": "ANN",
    "kwh": "KWH",
    "mb": "4L",
    "gb": "E34",
    "tb": "E35",
}
_PIECE: Final = "C62"
_UNWRITABLE: Final = re.compile(
    "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # in XML


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days from the first to the last (BG-14, BG-26)."""

    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is taken off a line (BG-27)."""

    amount: Decimal
    reason: str
    code: str = "95"  # a discount, UNTDID 5189


@dataclass(frozen=True, slots=True, kw_only=True)
class VatCategory:
    """How a line or a sum is taxed; nothing outside the scope has a rate (BR-O-05)."""

    code: str
    percentage: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ELine:
    """One line (BG-25)."""

    id: str
    name: str
    description: str
    quantity: Decimal
    unit: str
    price: Decimal
    per: Decimal  # units the price is for (BT-149)
    net: Decimal
    vat: VatCategory
    allowances: tuple[Allowance, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EVat:
    """One rate of the document (BG-23)."""

    vat: VatCategory
    base: Decimal
    tax: Decimal
    reason_code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EParty:
    """Seller or buyer (BG-4, BG-7)."""

    party: PrintedParty
    id: str = ""  # BT-29
    vat_id: str = ""  # BT-31, BT-48
    tax_number: str = ""  # BT-32
    endpoint: tuple[str, str] | None = None  # scheme, id


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoice:
    """A document of EN 16931."""

    specification: str  # BT-24
    process: str  # BT-23
    number: str
    type_code: str
    issue_date: date
    currency: str
    exponent: int
    seller: EParty
    buyer: EParty
    due_date: date | None
    tax_date: date | None
    span: Span | None
    buyer_reference: str
    purchase_order: str
    notes: tuple[str, ...]
    terms: str
    preceding: Preceding | None
    account: BankAccount | None
    means: str
    remittance: str  # BT-83
    delivered_to: str  # country, of goods (BT-80)
    lines: tuple[ELine, ...]
    vat: tuple[EVat, ...]
    net: Decimal  # BT-106, BT-109
    tax: Decimal  # BT-110
    gross: Decimal  # BT-112
    prepaid: Decimal  # BT-113
    payable: Decimal  # BT-115

    @property
    def is_credit_note(self) -> bool:
        """Tell whether the document gives money back."""
        return self.type_code == _TYPES["credit_note"]


class UnfinishedError(ValueError):
    """A draft has no number and no date: there is no e-invoice of it."""


def of(printable: Printable, *, language: str = "") -> EInvoice:
    """
    Return a document in the terms of EN 16931.

    Raises:
        UnfinishedError: it has not been issued.
    """
    if not printable.is_issued or printable.issue_date is None:
        raise UnfinishedError(printable.kind)
    words = wording(language or printable.language)
    vat = _breakdown(printable.taxes, words)
    is_outside = any(each.vat.code == Category.OUTSIDE for each in vat)
    is_peppol = bool(printable.seller.endpoint and printable.buyer.endpoint)
    account = _account(printable)
    return EInvoice(
        specification=_PEPPOL if is_peppol else CORE,
        process=_PEPPOL_PROFILE if is_peppol else "",
        number=clean(printable.number),
        type_code=_TYPES[printable.kind],
        issue_date=printable.issue_date,
        currency=printable.currency,
        exponent=printable.exponent,
        seller=_party(printable.seller, is_outside=is_outside, is_seller=True),
        buyer=_party(printable.buyer, is_outside=is_outside, is_seller=False),
        due_date=None if printable.is_credit_note else printable.due_date,
        tax_date=printable.tax_date,
        span=_span(printable.starts_at, printable.ends_at, printable.time_zone),
        buyer_reference=clean(printable.cost_centre or printable.buyer_key),
        purchase_order=clean(printable.purchase_order),
        notes=tuple(clean(note) for note in (printable.reason, printable.note) if note),
        terms=_terms(printable, words),
        preceding=printable.preceding,
        account=account,
        means=_SEPA if printable.currency == "EUR" else _TRANSFER,
        remittance=payment_reference(printable.number) if account else "",
        delivered_to=_delivered_to(printable, vat),
        lines=tuple(_line(line, printable, words) for line in printable.lines),
        vat=vat,
        net=printable.taxable,
        tax=printable.tax,
        gross=printable.total,
        prepaid=printable.prepaid,
        payable=printable.due,
    )


def clean(text: str) -> str:
    r"""
    Leave out what XML cannot write.

    >>> clean("a\x00b<c>")
    'ab<c>'
    """
    return _UNWRITABLE.sub("", text)


def _party(party: PrintedParty, *, is_outside: bool, is_seller: bool) -> EParty:
    """Name a party; outside the scope of VAT nobody has a VAT number (BR-O-02)."""
    vat_id = _prefixed(party.vat_id, party.address.country)
    others = (number for _, number in party.tax_ids if number != party.vat_id)
    scheme, _, number = party.endpoint.partition(":")
    if is_outside:
        held, vat_id = vat_id, ""
        other = held or next(others, "")
    else:
        other = next(others, "")
    return EParty(
        party=party,
        id=other if is_seller and not party.registration and not vat_id else "",
        vat_id=vat_id,
        tax_number=other if is_seller else "",
        endpoint=(scheme, number) if scheme and number else None,
    )


def _prefixed(number: str, country: str) -> str:
    """Write a VAT number with its country before it (BR-CO-09)."""
    has_country = number[:2].isalpha()
    return number if has_country or not number else f"{country}{number}"


def _span(starts_at: datetime | None, ends_at: datetime | None, zone: str) -> Span | None:
    if starts_at is None or ends_at is None:
        return None
    place = ZoneInfo(zone)
    first = starts_at.astimezone(place).date()
    last = (ends_at.astimezone(place) - timedelta(microseconds=1)).date()
    return Span(first=first, last=max(first, last))


def _terms(printable: Printable, words: Wording) -> str:
    """Say when to pay; a credit note is set off or paid out."""
    if printable.is_credit_note:
        return words["credited"]
    if printable.due_date is None or not printable.due:
        return ""
    return words["due_by"].format(date=words.date(printable.due_date))


def _account(printable: Printable) -> BankAccount | None:
    if printable.is_credit_note or not printable.due:
        return None
    held = [account for account in printable.bank_accounts if account.iban]
    own = (account for account in held if account.currency == printable.currency)
    return next(own, None) or next((each for each in held if not each.currency), None)


def _delivered_to(printable: Printable, vat: Sequence[EVat]) -> str:
    """Return where goods went for which that decides about the tax (BR-IC-12)."""
    is_supply = any(each.vat.code == Category.INTRA_COMMUNITY for each in vat)
    return printable.buyer.address.country if is_supply else ""


def _category(category: str, percentage: Decimal) -> VatCategory:
    is_outside = category == Category.OUTSIDE
    return VatCategory(code=category, percentage=None if is_outside else percentage)


def _breakdown(taxes: Sequence[PrintedTax], words: Wording) -> tuple[EVat, ...]:
    """Return the taxes by category and rate, wherever and however they were priced (BR-S-08)."""
    found: dict[VatCategory, EVat] = {}
    for tax in taxes:
        vat = _category(tax.category, tax.percentage)
        held = found.get(vat)
        found[vat] = EVat(
            vat=vat,
            base=add(held.base, tax.base) if held else tax.base,
            tax=add(held.tax, tax.tax) if held else tax.tax,
            reason_code=(held.reason_code if held else "") or tax.code,
            reason=(held.reason if held else "") or _reason(tax, words),
        )
    return tuple(found.values())


def _reason(tax: PrintedTax, words: Wording) -> str:
    if tax.category in {Category.STANDARD, Category.ZERO}:
        return ""  # BR-S-10, BR-Z-10
    return clean(words.named("exempt", tax.code) or tax.note) or words["not_subject"]


def _line(line: PrintedLine, printable: Printable, words: Wording) -> ELine:
    net = line.taxable
    gross = net if line.is_inclusive else line.amount
    taken_off = subtract(gross, net)
    if taken_off < ZERO or gross < ZERO:
        gross, taken_off = net, ZERO  # an allowance is above zero
    quantity, price, per = _priced(line, gross)
    allowance = Allowance(amount=taken_off, reason=words["credit"])
    return ELine(
        id=str(line.position),
        name=clean(line.description) or words["amount"],
        description=clean("; ".join(_steps(line, words))),
        quantity=quantity,
        unit=_UNITS.get(line.unit.lower().removesuffix("s"), _PIECE),
        price=price,
        per=per,
        net=net,
        vat=_category(line.category, line.percentage),
        allowances=(allowance,) if taken_off else (),
        span=_span(line.starts_at, line.ends_at, printable.time_zone),
    )


def _priced(line: PrintedLine, gross: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """
    Return quantity, price and what the price is for, so that together they make ``gross``.

    What has several prices, or one that comes with its tax, is priced as a whole. Prices are not
    below zero (BR-27): what gives back has a quantity below it.
    """
    quantity = absolute(line.quantity) if line.quantity else ONE
    signed = negate(quantity) if gross < ZERO else quantity
    unit_price = line.unit_price
    if (
        unit_price is not None
        and unit_price >= ZERO
        and not line.is_inclusive
        and multiply(signed, unit_price) == gross
    ):
        return signed, unit_price, ONE
    return signed, absolute(gross), quantity


def _steps(line: PrintedLine, words: Wording) -> list[str]:
    return [
        " ".join(part for part in (step_text(step, words), step.quantity, step.price) if part)
        for step in line.steps
    ]


def check(document: EInvoice) -> list[str]:
    """Return what of the sums does not hold (BR-CO-10, -13, -14, -15, -16): never anything."""
    sums = {
        "BR-CO-10": total(line.net for line in document.lines) == document.net,
        "BR-CO-13": total(each.base for each in document.vat) == document.net,
        "BR-CO-14": total(each.tax for each in document.vat) == document.tax,
        "BR-CO-15": add(document.net, document.tax) == document.gross,
        "BR-CO-16": subtract(document.gross, document.prepaid) == document.payable,
    }
    return [rule for rule, holds in sums.items() if not holds]
