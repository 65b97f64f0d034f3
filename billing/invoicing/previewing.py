"""
The next documents of a payer as they would be, at any time: nothing of it stays.

What falls due until then is charged for real, by the same code and under the same locks, and all
of it is rolled back. So a preview says what will be, as far as nobody uses or changes anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Max

from billing import collection, due
from billing.invoicing import drafting
from billing.invoicing.facts import Draft
from billing.models import Billable, ChargeChange
from ledger import arrays
from ledger.errors import InvalidInputError, NotFoundError
from ledger.models import Customer

LONGEST: Final = timedelta(days=400)
_MOST: Final = 2_000  # instants that are charged ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Documents that would be drafted, and who pays."""

    payer: Customer
    until: datetime
    drafts: list[Draft] = field(default_factory=list)
    consumers: dict[int, Customer] = field(default_factory=dict)


def preview(
    *,
    customer: Customer,
    until: datetime,
    at: datetime,
    within: Collection[int] | None = None,
) -> Preview:
    """
    Return what a customer (or who pays for it) would be invoiced up to an instant, running usage
    included; lines of what is not charged yet say that they are expected.

    ``at`` is the customer's present. Nothing is written. A payer outside of ``within`` is none of
    the asker's business, nor is what it pays for others.

    Raises:
        InvalidInputError: an instant more than 400 days ahead.
        NotFoundError: the payer is outside of ``within``.
    """
    if until > at + LONGEST:
        remedy = f"name an instant up to {(at + LONGEST).isoformat()}"
        raise InvalidInputError(field="until", value=until.isoformat(), remedy=remedy)
    book = customer.book
    payer_id = collection.payers_of(book=book, customer_ids=[customer.pk])[customer.pk]
    if within is not None and payer_id not in within:
        raise NotFoundError(upcoming_invoice=customer.key)
    consumers = Customer.objects.in_bulk(
        collection.consumers_of(book=book, payer_ids=[payer_id])[payer_id].keys() | {payer_id}
    )
    payer = consumers[payer_id]
    drafts: list[Draft] = []
    with transaction.atomic():
        last = _last()
        everybody = list(consumers.values())
        due.run_all(customers=everybody, until=until, most=_MOST, makes_invoices=False)
        desk = drafting.open_desk(
            book=book, payers=[payer_id], until=until, at=until, lock=False, everything=True
        )
        drafts, _ = drafting.compose(desk)
        _mark(drafts, last)
        transaction.set_rollback(True)
    return Preview(payer=payer, until=until, drafts=drafts, consumers=consumers)


def _last() -> tuple[int, int]:
    billable = Billable.objects.aggregate(last=Max("pk"))["last"] or 0
    change = ChargeChange.objects.aggregate(last=Max("pk"))["last"] or 0
    return billable, change


def _mark(drafts: Iterable[Draft], last: tuple[int, int]) -> None:
    """Mark the lines of what was only charged to see what it comes to."""
    lines = [line for draft in drafts for line in draft.lines if line.billable_id is not None]
    billable, change = last
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [arrays.whole(line.billable_id or 0 for line in lines), change])
        changed = {row[0] for row in cursor.fetchall()}
    for line in lines:
        number = line.billable_id or 0
        line.is_expected = number > billable or number in changed


_CHANGED: Final = """
    SELECT b.id FROM billing_billable b
    WHERE b.id = ANY(%s::bigint[]) AND EXISTS (
        SELECT FROM billing_chargechange c WHERE c.charge_id = b.charge_id AND c.id > %s)
"""
