"""Reads what documents say from the tables of invoices, in three statements for any number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

from billing.invoicing.documents.printable import (
    BankAccount,
    Preceding,
    Printable,
    PrintedLine,
    PrintedParty,
    PrintedTax,
    Step,
    address_of,
)
from billing.models import Invoice, InvoiceLine, InvoiceTax
from ledger.money import iso_exponent

_HEADER: Final = (
    *("id", "kind", "number", "issue_date", "due_date", "tax_date", "period_starts_at"),
    *("period_ends_at", "subtotal", "credit", "included_tax", "taxable", "tax", "total"),
    *("prepaid", "due", "purchase_order", "cost_centre", "reason", "note", "payment_terms"),
    *(
        "supplier",
        "party",
        "tax_decision",
        "asset__code",
        "asset__scale",
        "book__time_zone",
        "book__key",
    ),
    *("payer__key", "corrects__number", "corrects__issue_date"),
)
_LINE: Final = (
    *("invoice_id", "position", "kind", "consumer__key", "consumer__name", "description"),
    *("period_starts_at", "period_ends_at", "quantity", "unit", "unit_price", "arithmetic"),
    *("price_version",),
    *("amount", "promotional", "paid", "due", "tax_code", "category", "jurisdiction"),
    *("percentage", "is_inclusive", "taxable", "tax"),
)
_TAX: Final = (
    *("invoice_id", "jurisdiction", "category", "percentage", "base", "tax", "is_inclusive"),
    *("code", "note"),
)
_USUAL_PLACES: Final = 2


def printable(invoice: Invoice) -> Printable:
    """Return what one document says."""
    return printables([invoice.pk])[invoice.pk]


def printables(invoice_ids: Collection[int]) -> dict[int, Printable]:
    """Return what documents say, by their ids: drafts as they stand, issued ones for ever."""
    lines: dict[int, list[PrintedLine]] = {}
    for line in (
        InvoiceLine.objects.filter(invoice__in=invoice_ids)
        .values_list(*_LINE)
        .order_by("invoice_id", "position")
    ):
        lines.setdefault(line[0], []).append(_line(line))
    taxes: dict[int, list[PrintedTax]] = {}
    for tax in (
        InvoiceTax.objects.filter(invoice__in=invoice_ids)
        .values_list(*_TAX)
        .order_by("jurisdiction", "category", "percentage", "is_inclusive")
    ):
        taxes.setdefault(tax[0], []).append(_tax(tax))
    headers = Invoice.objects.filter(pk__in=invoice_ids).values_list(*_HEADER)
    return {
        row[0]: _document(dict(zip(_HEADER, row, strict=True)), lines, taxes) for row in headers
    }


def _document(
    row: Mapping[str, Any],
    lines: Mapping[int, Sequence[PrintedLine]],
    taxes: Mapping[int, Sequence[PrintedTax]],
) -> Printable:
    supplier, party = row["supplier"], row["party"]
    return Printable(
        kind=row["kind"],
        number=row["number"],
        is_issued=bool(row["number"]),
        currency=row["asset__code"],
        exponent=exponent_of(row["asset__code"], row["asset__scale"]),
        seller=party_of(supplier, row["book__key"]),
        buyer=party_of(_with_decided_id(party, row["tax_decision"]), row["payer__key"]),
        buyer_key=row["payer__key"],
        issue_date=row["issue_date"],
        due_date=row["due_date"],
        tax_date=row["tax_date"],
        starts_at=row["period_starts_at"],
        ends_at=row["period_ends_at"],
        time_zone=row["book__time_zone"],
        language=str(party.get("locale") or "en"),
        lines=tuple(lines.get(row["id"], ())),
        taxes=tuple(taxes.get(row["id"], ())),
        **{name: row[name] for name in _AMOUNTS},
        purchase_order=row["purchase_order"],
        cost_centre=row["cost_centre"],
        reason=row["reason"],
        note=row["note"] or str(supplier.get("invoice_note") or ""),
        payment_terms=row["payment_terms"],
        preceding=_preceding(row),
        bank_accounts=tuple(account_of(held) for held in supplier.get("bank_accounts") or ()),
    )


_AMOUNTS: Final = (
    *("subtotal", "credit", "included_tax", "taxable", "tax", "total", "prepaid", "due"),
)


def _preceding(row: Mapping[str, Any]) -> Preceding | None:
    if not row["corrects__number"]:
        return None
    return Preceding(number=row["corrects__number"], issue_date=row["corrects__issue_date"])


def _with_decided_id(party: Mapping[str, Any], decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """Name the tax id that the tax was decided by, wherever it was entered (Art. 226)."""
    decided = (decision.get("buyer") or {}).get("tax_id")
    if not decided:
        return party
    return {
        **party,
        "tax_ids": {**(party.get("tax_ids") or {}), decided["type"]: decided["number"]},
    }


def exponent_of(currency: str, scale: int) -> int:
    """Return the decimal places in which amounts of a currency are written."""
    places = iso_exponent(currency)
    return min(scale, _USUAL_PLACES) if places is None else places


def party_of(held: Mapping[str, Any], key: str) -> PrintedParty:
    """Read a party as documents keep it."""
    contact = held.get("contact") or {}
    named = contact if isinstance(contact, Mapping) else {"name": contact}
    emails = held.get("emails") or ()
    return PrintedParty(
        name=str(held.get("legal_name") or held.get("name") or key),
        address=address_of(held.get("address") or {}),
        tax_ids=tuple(sorted((str(k), str(v)) for k, v in (held.get("tax_ids") or {}).items())),
        registration=str(held.get("registration") or ""),
        contact=str(named.get("name") or ""),
        email=str(named.get("email") or next(iter(emails), "")),
        phone=str(named.get("phone") or ""),
        endpoint=str(held.get("endpoint") or ""),
    )


def account_of(held: Mapping[str, Any]) -> BankAccount:
    """Read a bank account as documents keep it."""
    return BankAccount(
        iban="".join(str(held.get("iban") or "").split()).upper(),
        bic=str(held.get("bic") or ""),
        holder=str(held.get("holder") or ""),
        currency=str(held.get("currency") or ""),
    )


def _line(row: Sequence[Any]) -> PrintedLine:
    held = dict(zip(_LINE, row, strict=True))
    return PrintedLine(
        consumer=held["consumer__key"],
        consumer_name=held["consumer__name"],
        starts_at=held["period_starts_at"],
        ends_at=held["period_ends_at"],
        steps=tuple(_step(step) for step in held["arithmetic"]),
        **{name: held[name] for name in _SAME},
    )


_SAME: Final = tuple({*_LINE} & {each.name for each in fields(PrintedLine)})


_UNCOUNTED: Final = frozenset({"discount", "maximum", "commitment"})


def _step(held: Mapping[str, Any]) -> Step:
    def written(name: str) -> str:
        value = held.get(name)
        return "" if value is None else str(value)

    kind = written("kind") or "usage"
    return Step(
        text=written("description"),
        kind=kind,
        tier=held.get("tier"),
        quantity="" if kind in _UNCOUNTED else written("quantity"),
        price=written("unit_price"),
        amount=written("amount"),
    )


def _tax(row: Sequence[Any]) -> PrintedTax:
    percentage: Decimal = row[3]
    return PrintedTax(
        jurisdiction=row[1],
        category=row[2],
        percentage=percentage,
        base=row[4],
        tax=row[5],
        is_inclusive=row[6],
        code=row[7],
        note=row[8],
    )
