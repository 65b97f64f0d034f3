"""
What people do with subscriptions: the change is made, and what it makes due is charged at once.

The charge follows the change's commit, in the customer's own time. Whatever keeps it from being
posted leaves the change as it is: the log says so, and the next sweep goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from django.db import transaction

from billing import due
from billing.subscriptions import addons, changing, creation, editing, states
from ledger.models import Customer

P = ParamSpec("P")
T = TypeVar("T")

_MOST: Final = 100  # instants; those of a subscription that starts years ago are for the sweep


def _charging(operation: Callable[P, T]) -> Callable[P, T]:
    """Return the operation with charging after it; errors are its own."""

    @wraps(operation)
    def act(*args: P.args, **kwargs: P.kwargs) -> T:
        made = operation(*args, **kwargs)
        at = kwargs["at"]
        assert isinstance(at, datetime), "every change says when it is made"
        customer = _customer(kwargs)

        def charge() -> None:
            due.run(customer=customer, until=at, wait=False, most=_MOST)

        if not kwargs.get("is_dry_run"):
            transaction.on_commit(charge, robust=True)
        return made

    return act


def _customer(named: dict[str, object]) -> Customer:
    customer = named.get("customer") or getattr(named["subscription"], "customer", None)
    assert isinstance(customer, Customer), "every change is of somebody's subscription"
    return customer


create = _charging(creation.create)
change = _charging(changing.change)
migrate = _charging(changing.migrate)
migrate_or_try = _charging(changing.migrate_or_try)
edit = _charging(editing.edit)
set_quantity = _charging(addons.set_quantity)
pause = _charging(states.pause)
resume = _charging(states.resume)
cancel = _charging(states.cancel)
unschedule_cancelation = _charging(states.unschedule_cancelation)
restore = _charging(states.restore)
