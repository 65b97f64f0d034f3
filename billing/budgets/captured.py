"""
What captures that name no usage come to in budgets.

Such a capture is use by itself: of the feature that its hold was for, with the labels that were
asked about, at its own time. What a capture took for named events counts when these come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.budgets.matching import OpenBudget, opened
from billing.budgets.using import Used
from billing.models import Budget
from wallets.models import Capture, Hold


def spent(hold: Hold, made: Capture) -> Used:
    """Return what a capture adds to budgets. One query where the customer has none."""
    used, at = Used(), made.created_at
    with connection.cursor() as cursor:
        cursor.execute(_BUDGETS, [hold.customer_id, hold.asset_id])
        numbers = [row[0] for row in cursor.fetchall()]
    if numbers and made.amount:
        for row in Budget.objects.filter(pk__in=numbers).select_related("customer", "asset"):
            budget = opened(row)
            if counts(budget, hold, at):
                used[budget, budget.period_of(at).starts_at] = made.amount
    return used


def counts(budget: OpenBudget, hold: Hold, at: datetime) -> bool:
    """Say whether a budget counts what is captured from a hold at an instant."""
    asked = _said(hold.metadata, "asked")
    labels, features = _said(asked, "labels"), [hold.feature_key, asked.get("feature")]
    return (
        at >= budget.counts_from
        and budget.asset_id == hold.asset_id
        and (not budget.feature_key or budget.feature_key in features)
        and all(labels.get(name) == value for name, value in budget.labels.items())
    )


def used(budget: OpenBudget, customer_ids: Collection[int]) -> Iterator[tuple[datetime, Decimal]]:
    """Yield what captures of customers came to since a budget began, by start of period."""
    made = Capture.objects.filter(
        customer__in=customer_ids,
        created_at__gte=budget.counts_from,
        hold__asset=budget.asset_id,
        events=None,
        amount__gt=0,
    )
    for one in made.select_related("hold"):
        if counts(budget, one.hold, one.created_at):
            yield budget.period_of(one.created_at).starts_at, one.amount


def _said(document: object, name: str) -> dict[str, object]:
    """Return a part of a document that callers may have written as they liked."""
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


_BUDGETS: Final = """
    WITH RECURSIVE line AS (
        SELECT id, parent_id FROM ledger_customer WHERE id = %s
        UNION ALL SELECT c.id, c.parent_id FROM line JOIN ledger_customer c ON c.id = line.parent_id
    )
    SELECT b.id FROM line JOIN billing_budget b ON b.customer_id = line.id
    WHERE b.ended_at IS NULL AND b.asset_id = %s
"""
