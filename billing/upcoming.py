"""What falls due next for customers, whatever it is: looked up for many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from django.db import connection

from billing.models import Charge, Contract, Subscription
from ledger import arrays
from ledger.models import Customer
from wallets import expiry, schedules


class Credit(Enum):
    """What credit does by itself."""

    COMES = "comes"  # what is left of the grant before rolls over
    EXPIRES = "expires"


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """The next thing to be done; at one instant charges come first, the expiry of credit last."""

    at: datetime
    turn: int
    customer_id: int
    what: Subscription | Contract | Charge | Credit = field(compare=False)


def next_of(customer_ids: Collection[int], until: datetime) -> dict[int, Due]:
    """Return the first thing that is due by an instant for each customer; a query for each kind."""
    found: dict[int, Due] = {}
    for due in _all(customer_ids, until) if customer_ids else ():
        found[due.customer_id] = min(due, found.get(due.customer_id, due))
    return found


def lanes_of(customers: Iterable[Customer]) -> dict[int, int]:
    """Return who shares credit with whom: customers of one family have the same lane."""
    mine = list(customers)
    lanes = {one.pk: one.pk for one in mine}
    if any(one.parent_id is not None for one in mine):
        with connection.cursor() as cursor:
            cursor.execute(_ROOTS, [arrays.whole(lanes)])
            lanes |= dict(cursor.fetchall())
    return lanes


def _all(customer_ids: Collection[int], until: datetime) -> Iterator[Due]:
    mine = {"customer__in": customer_ids, "due_at__lte": until}
    subscriptions = Subscription.objects.filter(**mine).only("customer", "due_at")
    for one in subscriptions.order_by("customer_id", "due_at", "pk").distinct("customer_id"):
        assert one.due_at is not None, "it was asked for by it"
        yield Due(one.due_at, 0, one.customer_id, one)
    contracts = Contract.objects.filter(**mine)
    for contract in contracts.order_by("customer_id", "due_at", "pk").distinct("customer_id"):
        assert contract.due_at is not None, "it was asked for by it"
        yield Due(contract.due_at, 1, contract.customer_id, contract)
    charges = Charge.objects.filter(customer__in=customer_ids, scheduled_at__lte=until)
    for charge in charges.order_by("customer_id", "scheduled_at", "pk").distinct("customer_id"):
        assert charge.scheduled_at is not None, "it was asked for by it"
        yield Due(charge.scheduled_at, 1, charge.customer_id, charge)
    for number, comes_at in schedules.all_next_due(customer_ids=customer_ids).items():
        if comes_at <= until:
            yield Due(comes_at, 2, number, Credit.COMES)
    for number, expires_at in expiry.all_next(customer_ids=customer_ids).items():
        if expires_at <= until:
            yield Due(expires_at, 3, number, Credit.EXPIRES)


_ROOTS: Final = """
    WITH RECURSIVE line AS (
        SELECT id AS customer_id, id AS ancestor_id, parent_id
        FROM ledger_customer WHERE id = ANY(%s::bigint[])
        UNION ALL
        SELECT line.customer_id, c.id, c.parent_id
        FROM line JOIN ledger_customer c ON c.id = line.parent_id
    )
    SELECT customer_id, ancestor_id FROM line WHERE parent_id IS NULL
"""
