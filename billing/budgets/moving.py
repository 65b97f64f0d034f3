"""
Budgets of customers that are moved in the tree: what they have used goes along.

So a budget always says what its customer and everybody who is below it now have used, as reports
by the tree do. What holds set aside stays with the budgets that were asked.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from billing.budgets import matching, recounting, using
from ledger import registry
from ledger.models import Customer
from ledger.money import add, subtract


def take_along(*, customer: Customer, from_id: int | None) -> None:
    """
    Count what a customer and all below it have used where it stands, no more below ``from_id``.

    In the transaction that moves it: no usage of the book is recorded meanwhile. It takes as long
    as that usage is much, and no time where no budget is concerned.
    """
    using.wait_for_usage(customer.book_id)
    budgets = matching.load(customer.book_id)
    above, before = _line(customer.parent_id), _line(from_id)
    gained = [one for one in budgets.all if one.customer_id in above - before]
    lost = [one for one in budgets.all if one.customer_id in before - above]
    if not gained and not lost:
        return
    moved, used = registry.subtree(customer.pk), using.Used()
    for sign, group in ((add, gained), (subtract, lost)):
        for budget in group:
            for starts_at, amount in recounting.used(budget, budgets, moved).items():
                used[budget, starts_at] = sign(used[budget, starts_at], amount)
    number, at = _now()
    using.add_up(used, book_id=customer.book_id, at=at, cause=f"move:{number}")


def _line(customer_id: int | None) -> set[int]:
    """Return a customer with its ancestors."""
    if customer_id is None:
        return set()
    return set(matching.Budgets().lines_of([customer_id])[customer_id])


def _now() -> tuple[int, datetime]:
    """Return a number for what happens, and when: a move has no time of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_next_id(), now()")
        number, at = cursor.fetchone()
    return number, at
