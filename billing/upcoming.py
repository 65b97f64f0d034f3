"""What falls due next for customers, whatever it is: looked up for many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from django.db import connection

from ledger import arrays
from ledger.models import Customer
from wallets import expiry, schedules


class What(Enum):
    """What may fall due."""

    SUBSCRIPTION = "subscription"
    CONTRACT = "contract"
    CHARGE = "charge"  # of the customer's own
    CREDIT_COMES = "credit_comes"  # what is left of the grant before rolls over
    CREDIT_EXPIRES = "credit_expires"


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """The next thing to be done; at one instant charges come first, the expiry of credit last."""

    at: datetime
    turn: int
    customer_id: int
    what: What = field(compare=False)
    number: int = field(compare=False, default=0)  # of the subscription, contract or charge


def next_of(customer_ids: Collection[int], until: datetime) -> dict[int, Due]:
    """Return the first thing that is due by an instant for each customer; a query for each kind."""
    found: dict[int, Due] = {}
    for due in _all(customer_ids, until) if customer_ids else ():
        found[due.customer_id] = min(found.get(due.customer_id, due), due)
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
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"whose": arrays.whole(customer_ids), "until": until})
        for customer_id, at, turn, what, number in cursor.fetchall():
            yield Due(at, turn, customer_id, What(what), number)
    for customer_id, comes_at in schedules.all_next_due(customer_ids=customer_ids).items():
        if comes_at <= until:
            yield Due(comes_at, 2, customer_id, What.CREDIT_COMES)
    for customer_id, expires_at in expiry.all_next(customer_ids=customer_ids).items():
        if expires_at <= until:
            yield Due(expires_at, 3, customer_id, What.CREDIT_EXPIRES)


# Of charges a customer may have thousands that wait: each time only the first is read.
_DUE: Final = """
    SELECT customer_id, due_at, 0, 'subscription', id FROM billing_subscription
    WHERE customer_id = ANY(%(whose)s::bigint[]) AND due_at <= %(until)s
    UNION ALL SELECT customer_id, due_at, 1, 'contract', id FROM billing_contract
    WHERE customer_id = ANY(%(whose)s::bigint[]) AND due_at <= %(until)s
    UNION ALL SELECT first.* FROM unnest(%(whose)s::bigint[]) AS n (id) CROSS JOIN LATERAL (
        SELECT customer_id, scheduled_at, 1, 'charge', id FROM billing_charge
        WHERE customer_id = n.id AND scheduled_at <= %(until)s
        ORDER BY scheduled_at, id LIMIT 1) first
    ORDER BY 2, 3, 4 DESC, 5
"""
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
