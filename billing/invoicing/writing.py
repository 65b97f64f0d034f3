"""Drafts written down: a statement for each table, whatever their number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import connection

from billing.invoicing.composing import spans
from billing.invoicing.facts import Draft, DraftLine, DraftTax, Totals
from billing.invoicing.materials import Profile
from ledger import arrays
from ledger.money import text

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode

TOTALS: Final = (
    "subtotal", "credit", "included_tax", "taxable", "tax", "total", "prepaid", "due",
)  # fmt: skip
_COMPOSED: Final = (
    *TOTALS, "kind", "series_key", "cut", "until", "period_starts_at", "period_ends_at",
    "profile_id", "is_progressive", "run_id", "supplier", "party", "tax_decision", "tax_date",
    "purchase_order", "cost_centre", "note", "payment_terms", "problems", "is_blocked", "digest",
    "issue_after",
)  # fmt: skip
_NAMED: Final = ("book_id", "payer_id", "asset_id", "group_key", "corrects_id", "drafted_at")
_EMPTY: Final = {
    "state": "'draft'", "key": "''", "reason_code": "''", "reason": "''", "disposition": "''",
    "number": "''", "paid": "0", "credited": "0", "written_off": "0", "refunded": "0", "open": "0",
    "failure": "''", "attempts": "0", "approved_by": "''", "closed_reason": "''", "version": "1",
}  # fmt: skip
_LINE: Final = (
    "invoice_id", "position", "kind", "billable_id", "consumer_id", "beneficiary_id", "item_id",
    "rate_id", "contract_id", "description", "details", "period_starts_at", "period_ends_at",
    "quantity", "unit", "unit_price", "arithmetic", "price_version", "amount", "promotional",
    "paid", "due", "exact_due", "exact_overdraft", "before", "upto", "cut_from", "cut_to",
    "sources", "corrects_line_id", "edit_key", "product", "tax_code", "is_inclusive", "category",
    "jurisdiction", "percentage", "taxable", "tax",
)  # fmt: skip
_TAX: Final = (
    "invoice_id", "jurisdiction", "category", "percentage", "is_inclusive", "code", "note",
    "base", "tax",
)  # fmt: skip

Row = dict[str, Any]


def digest_of(draft: Draft, header: Mapping[str, Any], lines: Sequence[Row]) -> bytes:
    """Return a digest of all that a draft says; the cut is no part of it."""
    said = [header, _totals(draft.totals), lines, [_tax(tax) for tax in draft.taxes]]
    return hashlib.sha256(_encode(said)).digest()


def line_rows(draft: Draft) -> list[Row]:
    """Return the columns of a draft's lines, without document, place and cut."""
    return [_line(line) for line in draft.lines]


def header_of(draft: Draft, *, profile: Profile, supplier: Row, party: Row) -> Row:
    """Return what a draft says beside its lines and sums."""
    span = spans(draft.lines)
    return {
        "kind": draft.kind,
        "series_key": draft.series_key,
        "period_starts_at": span.starts_at if span else None,
        "period_ends_at": span.ends_at if span else None,
        "profile_id": draft.profile_id,
        "is_progressive": draft.is_progressive,
        "supplier": supplier,
        "party": party,
        "tax_decision": draft.tax_decision,
        "tax_date": draft.tax_date,
        "purchase_order": draft.purchase_order,
        "cost_centre": draft.cost_centre,
        "note": draft.note,
        "payment_terms": profile.payment_terms,
        "problems": [asdict(problem) for problem in draft.problems],
        "is_blocked": any(problem.is_critical for problem in draft.problems),
    }


def invoice_row(
    draft: Draft,
    header: Row,
    *,
    digest: bytes,
    run_id: int | None,
    issue_after: datetime | None,
) -> Row:
    """Return the columns of a draft that composing it settles."""
    return header | {
        **_totals(draft.totals),
        "cut": draft.cut,
        "until": draft.until,
        "run_id": run_id,
        "issue_after": issue_after,
        "digest": rf"\x{digest.hex()}",
    }


def named(row: Row, draft: Draft, *, book_id: int, at: datetime) -> Row:
    """Return the columns of a draft that has not been written before."""
    return row | {
        "book_id": book_id,
        "payer_id": draft.payer_id,
        "asset_id": draft.asset_id,
        "group_key": draft.group_key,
        "corrects_id": draft.corrects_id,
        "drafted_at": at,
    }


def insert(rows: Sequence[Row]) -> list[int]:
    """Write new drafts, and return their ids in the same order."""
    if not rows:
        return []
    columns = (*_NAMED, *_COMPOSED)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [len(rows)])
        numbers = sorted(row[0] for row in cursor.fetchall())
        written = [{**row, "id": number} for row, number in zip(rows, numbers, strict=True)]
        cursor.execute(_inserting(columns), [_encode(written).decode()])
    return numbers


def update(rows: Mapping[int, Row]) -> None:
    """Write what composing changed in drafts, by id, and take their lines out."""
    if not rows:
        return
    written = [{**row, "id": number} for number, row in rows.items()]
    with connection.cursor() as cursor:
        for table in ("billing_invoiceline", "billing_invoicetax"):
            cursor.execute(
                f"DELETE FROM {table} WHERE invoice_id = ANY(%s::bigint[])",  # noqa: S608
                [arrays.whole(rows)],
            )
        cursor.execute(_UPDATE, [_encode(written).decode()])


def insert_lines(drafts: Iterable[tuple[int, Draft, list[Row]]]) -> int:
    """Write lines (as ``line_rows`` has them) and taxes of drafts; return how many lines."""
    lines, taxes = list[Row](), list[Row]()
    for number, draft, rows in drafts:
        for place, (line, row) in enumerate(zip(draft.lines, rows, strict=True), 1):
            row["cut_from"], row["cut_to"] = line.cut_from, line.cut_to
            row["invoice_id"], row["position"] = number, place
            lines.append(row)
        for tax in draft.taxes:
            taxes.append({**_tax(tax), "invoice_id": number})
    with connection.cursor() as cursor:
        if lines:
            cursor.execute(_LINES, [_encode(lines).decode()])
        if taxes:
            cursor.execute(_TAXES, [_encode(taxes).decode()])
    return len(lines)


def _totals(totals: Totals) -> Row:
    return {name: getattr(totals, name) for name in TOTALS}


def _line(line: DraftLine) -> Row:
    period, before, upto = line.period, line.before, line.upto
    return {
        "kind": line.kind,
        "billable_id": line.billable_id,
        "consumer_id": line.consumer_id,
        "beneficiary_id": line.beneficiary_id,
        "item_id": line.item_id,
        "rate_id": line.rate_id,
        "contract_id": line.contract_id,
        "description": line.description,
        "details": line.details,
        "period_starts_at": period.starts_at if period else None,
        "period_ends_at": period.ends_at if period else None,
        "quantity": line.quantity,
        "unit": line.unit,
        "unit_price": line.unit_price,
        "arithmetic": line.arithmetic,
        "price_version": line.price_version,
        "amount": line.amount,
        "promotional": line.promotional,
        "paid": line.paid,
        "due": line.due,
        "exact_due": line.exact_due,
        "exact_overdraft": line.exact_overdraft,
        "before": before.numbers if before else None,
        "upto": upto.numbers if upto else None,
        "sources": [
            {
                "account_id": str(one.account_id),
                "grant_id": one.grant_id,
                "funding": one.funding,
                "amount": text(one.amount),
            }
            for one in line.sources
        ],
        "corrects_line_id": line.corrects_line_id,
        "edit_key": line.edit_key,
        "product": line.product,
        "tax_code": line.tax_code,
        "is_inclusive": line.is_inclusive,
        "category": line.category,
        "jurisdiction": line.jurisdiction,
        "percentage": line.percentage,
        "taxable": line.taxable,
        "tax": line.tax,
    }


def _tax(tax: DraftTax) -> Row:
    return {
        "jurisdiction": tax.jurisdiction,
        "category": tax.category,
        "percentage": tax.percentage,
        "is_inclusive": tax.is_inclusive,
        "code": tax.code,
        "note": tax.note,
        "base": tax.base,
        "tax": tax.tax,
    }


def _listed(columns: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{column}" for column in columns)


def _inserting(columns: Sequence[str]) -> str:
    return f"""
        INSERT INTO billing_invoice (id, {_listed(columns)}, {_listed(_EMPTY)})
        SELECT id, {_listed(columns)}, {_listed(_EMPTY.values())}
        FROM jsonb_populate_recordset(NULL::billing_invoice, %s::jsonb)
    """  # noqa: S608 - fixed fragments


_NEXT: Final = """
    SELECT nextval(pg_get_serial_sequence('billing_invoice', 'id')) FROM generate_series(1, %s)
"""
# A delay that runs goes on; an approval by hand that is asked for now ends it.
_STANDING: Final = [column for column in _COMPOSED if column != "issue_after"]
_UPDATE: Final = f"""
    UPDATE billing_invoice i
    SET ({_listed(_STANDING)}, issue_after, version) = ROW(
        {_listed(_STANDING, "n.")},
        CASE WHEN n.issue_after IS NOT NULL THEN coalesce(i.issue_after, n.issue_after) END,
        i.version + 1)
    FROM jsonb_populate_recordset(NULL::billing_invoice, %s::jsonb) n WHERE i.id = n.id
"""  # noqa: S608 - fixed fragments
_LINES: Final = f"""
    INSERT INTO billing_invoiceline ({_listed(_LINE)})
    SELECT {_listed(_LINE)}
    FROM jsonb_populate_recordset(NULL::billing_invoiceline, %s::jsonb)
"""  # noqa: S608 - fixed fragments
_TAXES: Final = f"""
    INSERT INTO billing_invoicetax ({_listed(_TAX)})
    SELECT {_listed(_TAX)}
    FROM jsonb_populate_recordset(NULL::billing_invoicetax, %s::jsonb)
"""  # noqa: S608 - fixed fragments
