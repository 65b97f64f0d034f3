"""What decisions about a chunk of drafts need to know, in as many statements for 1 as for 200."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Sum

from billing.invoicing.facts import Draft
from billing.models import (
    Exemption,
    Invoice,
    InvoiceLine,
    InvoiceTax,
    Party,
    Supplier,
    TaxCode,
    TaxId,
)
from billing.tax import ids, places
from billing.tax.facts import Classification, Exempt, Place, Rates, TaxIdFact
from billing.taxation import rates
from ledger.models import Book
from ledger.money import ZERO, add

_NOT_ISSUED = (Invoice.State.DRAFT, Invoice.State.DISCARDED, Invoice.State.VOID)
_EUROPEAN = "eu_vat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """A payer as taxes see it."""

    place: Place
    is_business: bool
    tax_id: TaxIdFact | None
    exemptions: tuple[tuple[date, date | None, Exempt], ...]

    def exempt(self, on: date) -> tuple[Exempt, ...]:
        """Return the certificates that hold on a day."""
        return tuple(
            exempt
            for starts, ends, exempt in self.exemptions
            if starts <= on and (ends is None or on < ends)
        )


class Code(NamedTuple):
    """A tax code: what it is for, and what engines call it."""

    classification: str
    names: Mapping[str, str]


class Corrected(NamedTuple):
    """A line that was issued: how it was taxed, and what of it has been given back."""

    category: str
    jurisdiction: str
    percentage: Decimal
    is_inclusive: bool
    tax_code: str
    whole: Decimal  # what the tax was computed from
    tax: Decimal
    back: Decimal  # of ``whole``
    back_tax: Decimal
    code: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known about taxes for a chunk of drafts."""

    seller: Place
    default_code: str
    rates: Rates
    codes: Mapping[str, Code]
    buyers: Mapping[int, Buyer]
    corrected: Mapping[int, Corrected]


def read(*, drafts: Sequence[Draft], book: Book) -> Known:
    """Read what decisions about drafts of one book need."""
    payers = {draft.payer_id for draft in drafts}
    supplier = Supplier.objects.filter(book=book).values_list("address", "default_tax_code").first()
    address, default_code = supplier or ({}, "")
    return Known(
        seller=_place(address),
        default_code=default_code,
        rates=rates.known(book=book),
        codes={
            key: Code(classification, names)
            for key, classification, names in TaxCode.objects.filter(book=book).values_list(
                "key", "classification", "provider_codes"
            )
        },
        buyers=_buyers(payers),
        corrected=_corrected(
            {
                line.corrects_line_id
                for draft in drafts
                for line in draft.lines
                if line.corrects_line_id is not None
            }
        ),
    )


NOBODY = Buyer(place=Place(""), is_business=True, tax_id=None, exemptions=())
USUAL = Code(Classification.DIGITAL, {})


def _place(address: Mapping[str, Any]) -> Place:
    return places.normal(str(address.get("country") or ""), str(address.get("region") or ""))


def _buyers(payers: Collection[int]) -> dict[int, Buyer]:
    entered: dict[int, list[TaxIdFact]] = {}
    columns = ("customer_id", "type", "number", "country", "is_well_formed", "status")
    for row in TaxId.objects.filter(customer__in=payers, ended_at=None).values_list(*columns):
        entered.setdefault(row[0], []).append(
            TaxIdFact(
                type=row[1], number=row[2], country=row[3], is_well_formed=row[4], status=row[5]
            )
        )
    exempt = _exemptions(payers)
    parties = Party.objects.filter(customer__in=payers)
    found = {}
    for payer, address, is_business, numbers in parties.values_list(
        "customer_id", "address", "is_business", "tax_ids"
    ):
        known = entered.get(payer, []) + _written(numbers, entered.get(payer, []))
        found[payer] = Buyer(
            place=_place(address),
            is_business=is_business,
            tax_id=min(known, key=_usefulness, default=None),
            exemptions=tuple(exempt.get(payer, ())),
        )
    return found


def _written(numbers: Mapping[str, str], entered: Sequence[TaxIdFact]) -> list[TaxIdFact]:
    """Read the ids that stand with an address only: nobody has verified them."""
    known = {fact.type for fact in entered}
    found = []
    for kind, number in numbers.items():
        if kind not in known:
            checked = ids.check(kind, str(number))
            found.append(
                TaxIdFact(
                    type=kind,
                    number=checked.number,
                    country=checked.country,
                    is_well_formed=checked.is_well_formed,
                )
            )
    return found


def _usefulness(fact: TaxIdFact) -> tuple[bool, bool, bool]:
    return fact.type != _EUROPEAN, not fact.is_well_formed, fact.status == TaxId.Status.INVALID


def _exemptions(
    payers: Collection[int],
) -> dict[int, list[tuple[date, date | None, Exempt]]]:
    found: dict[int, list[tuple[date, date | None, Exempt]]] = {}
    columns = ("jurisdiction", "certificate", "tax_codes", "valid_from", "valid_to")
    rows = Exemption.objects.filter(customer__in=payers, revoked_at=None).order_by("id")
    for payer, pk, place, certificate, codes, starts, ends in rows.values_list(
        "customer_id", "id", *columns
    ):
        exempt = Exempt(
            id=pk, jurisdiction=place, certificate=certificate, tax_codes=frozenset(codes)
        )
        found.setdefault(payer, []).append((starts, ends, exempt))
    return found


def _corrected(lines: Collection[int]) -> dict[int, Corrected]:
    """Read how lines were taxed that are corrected, and what was given back of them so far."""
    if not lines:
        return {}
    back = {
        row[0]: row[1:]
        for row in InvoiceLine.objects.filter(
            corrects_line__in=lines, invoice__kind=Invoice.Kind.CREDIT_NOTE
        )
        .exclude(invoice__state__in=_NOT_ISSUED)
        .values_list("corrects_line")
        .annotate(Sum("taxable"), Sum("tax"))
        .order_by()
    }
    held = list(
        InvoiceLine.objects.filter(pk__in=lines).values_list(
            *("id", "invoice_id", "category", "jurisdiction", "percentage", "is_inclusive"),
            *("tax_code", "taxable", "tax"),
        )
    )
    reasons = {
        tuple(row[:5]): row[5:]
        for row in InvoiceTax.objects.filter(invoice__in={row[1] for row in held}).values_list(
            *("invoice_id", "category", "jurisdiction", "percentage", "is_inclusive"),
            *("code", "note"),
        )
    }
    return {row[0]: _as_corrected(row, back.get(row[0]), reasons) for row in held}


def _as_corrected(
    row: tuple[Any, ...],
    back: tuple[Decimal, Decimal] | None,
    reasons: Mapping[tuple[Any, ...], tuple[Any, ...]],
) -> Corrected:
    _, _, category, place, percentage, is_inclusive, tax_code, taxable, tax = row
    code, note = reasons.get(tuple(row[1:6]), ("", ""))
    base_back, tax_back = back or (ZERO, ZERO)
    return Corrected(
        category=category,
        jurisdiction=place,
        percentage=percentage,
        is_inclusive=is_inclusive,
        tax_code=tax_code,
        whole=add(taxable, tax) if is_inclusive else taxable,
        tax=tax,
        back=add(base_back, tax_back) if is_inclusive else base_back,
        back_tax=tax_back,
        code=code,
        note=note,
    )
