"""A document's content in a reader's words, ready to be set: text alone (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from billing.invoicing.documents import epc
from billing.invoicing.documents.printable import (
    Address,
    BankAccount,
    Printable,
    PrintedLine,
    PrintedParty,
    PrintedTax,
    Step,
)
from billing.invoicing.documents.wording import Wording
from billing.tax.ids import payment_reference
from ledger.money import absolute, total

_LONGEST_RUN: Final = 24  # letters without a place to break a line at
_BREAK: Final = "\u200b"
_LEAST_PRICE: Final = 2  # decimal places
_WRITTEN_IN: Final = "en"  # what drafting says of steps
_FIGURE: Final = re.compile(  # in what drafting says: Packages of 1000, Discount of 10 %
    r"(?:^Packages of |^Discount of |imum of )(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<sign> %)?"
)
_UNIT: Final = re.compile(r"\([^()]+\)")  # Usage (thousand calls)
_MOST_STEPS: Final = 12  # of a line
_GROUP: Final = 4  # letters of an IBAN
_SIGNED: Final = frozenset({"credit", "prepaid"})


def present(printable: Printable, words: Wording) -> dict[str, Any]:
    """Return what a template shows, as JSON can carry it."""
    return {
        "language": words.language,
        "title": words[printable.kind],
        "number": printable.number if printable.is_issued else words["draft"],
        "is_draft": not printable.is_issued,
        "words": {name: words[name] for name in _WORDS},
        "page": words["page"],
        "seller": party_shown(printable.seller, words),
        "buyer": party_shown(printable.buyer, words),
        "facts": _facts(printable, words),
        "due": _due(printable, words),
        "sections": _sections(printable, words),
        "has_tax": any(tax.percentage for tax in printable.taxes),
        "totals": _totals(printable, words),
        "notes": _notes(printable, words),
        "payment": _payment(printable, words),
    }


_WORDS: Final = ("bill_to", "description", "quantity", "unit_price", "tax_column", "amount")


def breakable(text: str) -> str:
    """
    Let a line break inside what has no space for too long, such as keys.

    >>> breakable("short words stay"), breakable("a" * 30).count(chr(0x200B))
    ('short words stay', 1)
    """
    return " ".join(
        _BREAK.join(word[at : at + _LONGEST_RUN] for at in range(0, len(word), _LONGEST_RUN))
        for word in text.split(" ")
    )


def party_shown(party: PrintedParty, words: Wording) -> dict[str, Any]:
    """Return who is named on a document: by name, address and numbers."""
    reached = [part for part in (party.email, party.phone) if part]
    registered = [f"{words['registration']}: {party.registration}"] if party.registration else []
    return {
        "name": breakable(party.name),
        "lines": [breakable(line) for line in _address(party.address, words)],
        "ids": [_id(kind, number, words) for kind, number in party.tax_ids],
        "contact": breakable(party.contact),
        "small": registered + reached,
    }


def _id(kind: str, number: str, words: Wording) -> str:
    return f"{words['vat_id' if kind.endswith('vat') else 'tax_id']}: {number}"


def _address(address: Address, words: Wording) -> list[str]:
    """Return the lines of an address: the city after its code, the country by its name."""
    city = " ".join(part for part in (address.postal_code, address.city) if part)
    if address.region:
        city = f"{city}, {address.region}" if city else address.region
    country = words.locale.territories.get(address.country.upper(), address.country)
    return [line for line in (address.line1, address.line2, city, country) if line]


def _facts(printable: Printable, words: Wording) -> list[list[str]]:
    """Return what identifies the document, label by value, without what is not known."""
    starts, ends = printable.starts_at, printable.ends_at
    rows = [
        ("number", printable.number),
        ("issue_date", words.date(printable.issue_date) if printable.issue_date else ""),
        ("due_date", "" if printable.is_credit_note else _day(printable.due_date, words)),
        ("period", words.period(starts, ends, printable.time_zone) if starts and ends else ""),
        ("preceding", printable.preceding.number if printable.preceding else ""),
        ("customer", printable.buyer_key),
        ("purchase_order", printable.purchase_order),
        ("cost_centre", printable.cost_centre),
        ("reason", printable.reason),
    ]
    return [[words[name], breakable(value)] for name, value in rows if value]


def _day(day: Any, words: Wording) -> str:
    return words.date(day) if day else ""


def _due(printable: Printable, words: Wording) -> dict[str, str]:
    """Return what the document comes to, as it stands out at the top."""
    amount = words.money(printable.due, printable.currency, printable.exponent)
    if printable.is_credit_note:
        return {"label": words["credited"], "amount": amount, "by": ""}
    if not printable.due:
        return {"label": words["due"], "amount": amount, "by": words["nothing_due"]}
    by = words["due_by"].format(date=words.date(printable.due_date)) if printable.due_date else ""
    return {"label": words["due"], "amount": amount, "by": by}


def _sections(printable: Printable, words: Wording) -> list[dict[str, Any]]:
    """Group lines by who consumed, where that is more than one, or not the buyer."""
    sections: dict[str, list[PrintedLine]] = {}
    for line in printable.lines:
        sections.setdefault(line.consumer, []).append(line)
    is_plain = set(sections) <= {printable.buyer_key}
    return [
        {
            "title": "" if is_plain else breakable(lines[0].consumer_name),
            "lines": [_line(line, printable, words) for line in lines],
        }
        for lines in sections.values()
    ]


def _line(line: PrintedLine, printable: Printable, words: Wording) -> dict[str, Any]:
    starts, ends = line.starts_at, line.ends_at
    # A single step is the line itself, unless its price is for another unit than is measured.
    # So is that of a rate, which the line does not name.
    has_steps = len(line.steps) > 1 or any(
        line.unit_price is None or ": " in step.text for step in line.steps
    )
    return {
        "text": breakable(line.description),
        "period": words.period(starts, ends, printable.time_zone) if starts and ends else "",
        "quantity": "" if line.quantity is None else words.number(line.quantity),
        "unit": breakable(words.units(line.unit, line.quantity)),
        "price": ""
        if line.unit_price is None
        else words.number(line.unit_price, least=min(_LEAST_PRICE, printable.exponent)),
        "tax": words.percentage(line.percentage) if line.percentage else line.category,
        "amount": words.amount(line.amount, printable.exponent),
        "steps": [_step(step, printable, words) for step in shortened(line.steps, words)]
        if has_steps
        else [],
    }


def shortened(steps: Sequence[Step], words: Wording) -> Sequence[Step]:
    """
    Return as many steps as a page takes: the rates that came to most, and the others as one.

    >>> from billing.invoicing.documents.wording import wording
    >>> many = [Step(text=f"Usage: {n}", amount=str(n)) for n in range(20)]
    >>> [step.text for step in shortened(many, wording("en"))][-2:]
    ['Usage: 19', '9 more']
    """
    rates = [step for step in steps if step.kind == "usage" and step.amount]
    if len(steps) <= _MOST_STEPS or len(rates) < _MOST_STEPS:
        return steps
    room = max(1, _MOST_STEPS - (len(steps) - len(rates)) - 1)
    ranked = sorted(rates, key=lambda step: absolute(Decimal(step.amount)), reverse=True)
    others = ranked[room:]
    left_out = set(map(id, others))
    text = words["more"].format(count=len(others))
    rest = Step(kind="more", text=text, amount=f"{total(Decimal(one.amount) for one in others)}")
    kept = [step for step in steps if id(step) not in left_out]
    place = 1 + max(place for place, step in enumerate(kept) if step.kind == "usage")
    return [*kept[:place], rest, *kept[place:]]


def _step(step: Step, printable: Printable, words: Wording) -> dict[str, str]:
    places = printable.exponent
    return {
        "text": breakable(step_text(step, words)),
        "quantity": _written(step.quantity, words.number),
        "price": _written(
            step.price, lambda price: words.number(price, least=min(_LEAST_PRICE, places))
        ),
        "amount": _written(step.amount, lambda amount: words.amount(amount, places)),
    }


def step_text(step: Step, words: Wording) -> str:
    """
    Return what a step is: as it was written down, or in the reader's language with its figures.

    >>> from billing.invoicing.documents.wording import wording
    >>> step_text(Step(kind="discount", text="Discount of 12.5 %"), wording("de"))
    'Rabatt (12,5\\xa0%)'
    """
    if step.text and words.language == _WRITTEN_IN:
        return step.text
    named = words.named("steps", step.kind) or step.text
    named = named if step.tier is None else f"{named}, {words['tier'].format(tier=step.tier)}"
    return f"{named} {_detail(step.text, words)}".rstrip()


def _detail(text: str, words: Wording) -> str:
    """Return the figure, or the unit and the rate, that is written of a step."""
    text, colon, rate = text.partition(": ")
    if unit := _UNIT.search(text):
        return f"{unit[0]}{colon}{rate}"
    if rate:
        return f"({rate})"
    if figure := _FIGURE.search(text):
        write = words.percentage if figure["sign"] else words.number
        return f"({write(Decimal(figure['number']))})"
    return ""


def _written(value: str, write: Any) -> str:
    """Write a number; what is none stays as it is."""
    try:
        return str(write(Decimal(value))) if value else ""
    except InvalidOperation:
        return value


def _totals(printable: Printable, words: Wording) -> list[dict[str, Any]]:
    """Return the sums of the document, from the lines down to what is due."""

    def row(name: str, amount: Decimal, **values: Any) -> dict[str, Any]:
        shown = -amount if name in _SIGNED else amount
        written = words.amount(shown, printable.exponent)
        return {"label": values.pop("label", "") or words[name], "amount": written, **values}

    has_taxes = any(tax.percentage for tax in printable.taxes)
    rows = []
    if printable.credit or printable.included_tax:
        rows.append(row("subtotal", printable.subtotal))
    if printable.credit:
        rows.append(row("credit", printable.credit))
    if has_taxes:
        rows.append(row("net", printable.taxable))
    rows += [
        row("tax", tax.tax, label=_tax_label(tax, printable, words))
        for tax in printable.taxes
        if tax.percentage
    ]
    rows.append(row("total", printable.total, is_strong=True))
    if printable.prepaid:
        rows.append(row("prepaid", printable.prepaid))
    return rows


def _tax_label(tax: PrintedTax, printable: Printable, words: Wording) -> str:
    return words["tax_on"].format(
        name=words.tax_name(tax.jurisdiction),
        rate=words.percentage(tax.percentage),
        base=words.amount(tax.base, printable.exponent),
    )


def _notes(printable: Printable, words: Wording) -> list[str]:
    """Return why taxes are not taken, in the words that the law wants, and the book's own note."""
    reasons = (
        words.named("exempt", tax.code) or tax.note for tax in printable.taxes if not tax.percentage
    )
    noted = [*dict.fromkeys(reason for reason in reasons if reason)]
    return [breakable(line) for line in [*noted, *printable.note.splitlines()] if line.strip()]


def _payment(printable: Printable, words: Wording) -> dict[str, Any] | None:
    """Return how to pay, if there is something to pay and an account to pay it to."""
    rows = account_rows(printable.bank_accounts, printable.currency, printable.seller, words)
    is_payable = printable.is_issued and not printable.is_credit_note and bool(printable.due)
    if not rows or not is_payable:
        return None
    amount = words.money(printable.due, printable.currency, printable.exponent)
    text = (
        words["pay"].format(amount=amount, date=words.date(printable.due_date))
        if printable.due_date
        else words["pay_soon"].format(amount=amount)
    )
    reference = payment_reference(printable.number)
    return {
        "title": words["payment"],
        "text": text,
        "rows": [*rows, *([[words["reference"], grouped(reference)]] if reference else [])],
        "code": epc.drawing(scanned(printable)),
        "scan": words["scan"],
    }


def scanned(printable: Printable) -> str:
    """Return what a banking app reads of a document; nothing if it cannot be paid so."""
    account = account_of(printable.bank_accounts, printable.currency)
    if account is None:
        return ""
    return epc.payload(
        name=account.holder or printable.seller.name,
        iban=account.iban,
        bic=account.bic,
        amount=printable.due,
        currency=printable.currency,
        reference=payment_reference(printable.number),
    )


def account_rows(
    accounts: Iterable[BankAccount], currency: str, seller: PrintedParty, words: Wording
) -> list[list[str]]:
    """Return where to pay a currency to, label by value; nothing without an account."""
    account = account_of(accounts, currency)
    if account is None:
        return []
    rows = [
        ("holder", account.holder or seller.name),
        ("iban", grouped(account.iban)),
        ("bic", account.bic),
    ]
    return [[words[name], breakable(value)] for name, value in rows if value]


def account_of(accounts: Iterable[BankAccount], currency: str) -> BankAccount | None:
    """Return the account of the currency, else one of any."""
    held = [account for account in accounts if account.iban]
    own = (account for account in held if account.currency == currency)
    return next(own, None) or next((each for each in held if not each.currency), None)


def grouped(text: str) -> str:
    """Write a number in groups of four."""
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
