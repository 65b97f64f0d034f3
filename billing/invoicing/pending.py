"""What stands of payers' documents when they are drafted: drafts, edits, parties, the last one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from billing.invoicing import composing
from billing.invoicing.facts import Billed, Draft
from billing.invoicing.materials import Edit, Place, Source
from billing.models import InvoiceEdit, Party, Supplier, TaxId
from ledger import arrays
from ledger.models import Book

_INVOICE: Final = "invoice"
Document = dict[str, Any]


class Known(NamedTuple):
    """An open draft."""

    id: int
    digest: bytes | None


class Previous(NamedTuple):
    """The last invoice that was issued to a payer in a currency and group."""

    id: int
    number: str
    total: Decimal


@dataclass(slots=True, kw_only=True)
class Standing:
    """What stands of some payers' documents."""

    drafts: dict[Place, Known] = field(default_factory=dict)
    edits: dict[Place, list[Edit]] = field(default_factory=dict)
    approved: set[tuple[int, int]] = field(default_factory=set)  # (payer, asset)
    previous: dict[tuple[int, int, str], Previous] = field(default_factory=dict)
    last: dict[tuple[int, int], datetime] = field(default_factory=dict)  # the last one's until

    def add(self, more: Standing) -> None:
        """Take what stands of other payers, too."""
        self.drafts |= more.drafts


def read(*, payer_ids: Collection[int], lock: bool) -> Standing:
    """Return what stands of payers' documents, with ``lock`` until the transaction ends."""
    standing = Standing()
    with connection.cursor() as cursor:
        cursor.execute(_DRAFTS + (_FOR_UPDATE if lock else ""), [arrays.whole(payer_ids)])
        places = {row[0]: _take(standing, row) for row in cursor.fetchall()}
        cursor.execute(_PREVIOUS, [arrays.whole(payer_ids)])
        for number, payer_id, asset_id, group_key, name, amount, until in cursor.fetchall():
            found = Previous(number, name, amount)
            standing.previous.setdefault((payer_id, asset_id, group_key), found)
            if until is not None:
                known = standing.last.get((payer_id, asset_id))
                standing.last[payer_id, asset_id] = max(until, known or until)
    if places:
        _add_edits(standing, places)
    return standing


def elsewhere(drafts: Iterable[Draft], payers: Collection[int]) -> Standing:
    """Return what stands of other payers whose documents are corrected; as a rule no statement."""
    others = {draft.payer_id for draft in drafts if draft.payer_id not in payers}
    if not others:
        return Standing()
    wanted = {composing.place_of(draft) for draft in drafts if draft.payer_id in others}
    found = read(payer_ids=others, lock=True)
    found.drafts = {place: known for place, known in found.drafts.items() if place in wanted}
    return found


def go_on_from(standing: Standing, sources: Iterable[Source]) -> None:
    """Take what approved documents say of sources as said; one statement if there are any."""
    if not standing.approved:
        return
    mine = {source.billable_id: source for source in sources}
    with connection.cursor() as cursor:
        cursor.execute(_APPROVED, [arrays.whole(mine)])
        for number, reached, cut in cursor.fetchall():
            mine[number].before, mine[number].cut_before = Billed.read(reached), cut


def edits_of(invoice_ids: Collection[int]) -> dict[int, list[Edit]]:
    """Return the edits of drafts that have not been withdrawn, in order."""
    rows = InvoiceEdit.objects.filter(invoice__in=invoice_ids, withdrawal=None)
    found: dict[int, list[Edit]] = {}
    for row in rows.exclude(operation=InvoiceEdit.Operation.WITHDRAW).order_by("pk"):
        edit = Edit(
            key=row.key,
            operation=row.operation,
            billable_id=row.billable_id,
            content=row.content,
        )
        found.setdefault(row.invoice_id, []).append(edit)
    return found


def parties(payer_ids: Collection[int]) -> dict[int, Document]:
    """Return payers as documents name them; who has no party is named by its customer."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [arrays.whole(payer_ids)])
        found: dict[int, Document] = {row[0]: _named(row[1], row[2]) for row in cursor.fetchall()}
    numbers: dict[int, dict[str, str]] = {}
    for owner, kind, number in TaxId.objects.filter(
        customer__in=payer_ids, ended_at=None
    ).values_list("customer", "type", "number"):
        numbers.setdefault(owner, {})[kind] = number
        found[owner]["tax_ids"] = numbers[owner]
    for party in Party.objects.filter(customer__in=payer_ids):
        found[party.pk] |= {
            "legal_name": party.legal_name or found[party.pk]["legal_name"],
            "address": party.address,
            "emails": party.emails,
            "locale": party.locale,
            "is_business": party.is_business,
            "tax_ids": party.tax_ids | numbers.get(party.pk, {}),
            "contact": party.contact,
            "endpoint": party.endpoint,
        }
    return found


def supplier(book: Book) -> Document:
    """Return a book as documents name it."""
    row = Supplier.objects.filter(pk=book.pk).first()
    if row is None:
        return {"legal_name": book.name, "tax_ids": book.tax_ids}
    return {
        "legal_name": row.legal_name or book.name,
        "address": row.address,
        "tax_ids": row.tax_ids or book.tax_ids,
        "registration": row.registration,
        "contact": row.contact,
        "endpoint": row.endpoint,
        "bank_accounts": row.bank_accounts,
        "invoice_note": row.invoice_note,
    }


def _named(key: str, name: str) -> Document:
    return {"key": key, "legal_name": name or key}


def _take(standing: Standing, row: Sequence[Any]) -> Place:
    number, payer_id, asset_id, group_key, kind, corrects_id, state, digest, is_own = row
    place = Place(payer_id, asset_id, group_key, kind if is_own else _INVOICE, corrects_id)
    if state == "approved":
        standing.approved.add((payer_id, asset_id))
    else:
        standing.drafts[place] = Known(number, bytes(digest) if digest is not None else None)
    return place


def _add_edits(standing: Standing, places: Mapping[int, Place]) -> None:
    for number, edits in edits_of(places).items():
        standing.edits[places[number]] = edits


_DRAFTS: Final = """
    SELECT id, payer_id, asset_id, group_key, kind, corrects_id, state, digest,
           corrects_id IS NOT NULL OR (kind = 'credit_note' AND 'rebate' = ALL (
               SELECT l.kind FROM billing_invoiceline l WHERE l.invoice_id = i.id))
    FROM billing_invoice i
    WHERE payer_id = ANY(%s::bigint[]) AND state IN ('draft', 'approved') AND key = ''
    ORDER BY id
"""
_APPROVED: Final = """
    SELECT l.billable_id, l.upto, l.cut_to
    FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
    WHERE l.billable_id = ANY(%s::bigint[]) AND i.state = 'approved' AND l.upto IS NOT NULL
    ORDER BY l.id
"""
_FOR_UPDATE: Final = " FOR NO KEY UPDATE"
_PREVIOUS: Final = """
    SELECT i.id, i.payer_id, i.asset_id, i.group_key, i.number, i.total, i.until
    FROM unnest(%s::bigint[]) AS n (payer_id)
    CROSS JOIN LATERAL (
        SELECT * FROM billing_invoice v
        WHERE v.payer_id = n.payer_id AND v.kind = 'invoice' AND v.number <> ''
          AND v.state <> 'void' AND v.key = ''
        ORDER BY v.id DESC LIMIT 24) i
    ORDER BY i.id DESC
"""
_NAMES: Final = "SELECT id, key, name FROM ledger_customer WHERE id = ANY(%s::bigint[])"
