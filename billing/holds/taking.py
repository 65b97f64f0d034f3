"""Taking from a hold as billing knows it: what usage has been paid, what budgets count."""

from __future__ import annotations

from datetime import datetime

from billing.budgets import captured, using
from billing.holds import arrivals
from wallets import holds
from wallets.holds import Claim
from wallets.models import Capture, Hold


def capture(*, hold: Hold, claim: Claim, at: datetime) -> Capture:
    """
    Do what ``wallets.holds.capture`` does, and raise the same.

    One statement more where no events are named: whether budgets count it.
    """
    if not claim.events:
        return holds.capture(hold=hold, claim=claim, at=at, recorded=_count)
    arrived = arrivals.paid_in(
        book_id=hold.book_id, customer_id=hold.customer_id, asset_id=hold.asset_id
    )
    return holds.capture(hold=hold, claim=claim, at=at, arrived=arrived)


def _count(hold: Hold, made: Capture) -> None:
    used = captured.spent(hold, made)
    using.add_up(used, book_id=hold.book_id, at=made.created_at, cause=f"capture:{made.pk}")
