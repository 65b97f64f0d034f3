"""What must hold between budgets, shares and the usage that they count; see ``billing.checks``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.budgets import matching, recounting
from billing.models import Budget, BudgetUse
from ledger.money import ZERO, text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies. A customer that was moved takes its"
    " past with it only when its budgets are counted anew."
)


def budgets_were_counted(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each budget has seen used is what events and entries say of its periods."""
    counting = Budget.objects.filter(ended_at=None).order_by("book_id")
    books = counting if book_id is None else counting.filter(book=book_id)
    for book in books.values_list("book_id", flat=True).distinct():
        budgets = matching.load(book)
        said: dict[tuple[int, datetime], Decimal] = {
            (budget_id, starts_at): amount
            for budget_id, starts_at, amount in BudgetUse.objects.filter(
                budget__in=[budget.id for budget in budgets.all]
            ).values_list("budget_id", "starts_at", "used")
            if amount
        }
        for budget in budgets.all:
            found = recounting.used(budget, budgets)
            mine = {place[1]: amount for place, amount in said.items() if place[0] == budget.id}
            for starts_at in sorted(found.keys() | mine.keys()):
                ours, theirs = mine.get(starts_at, ZERO), found.get(starts_at, ZERO)
                if ours != theirs:
                    detail = f"says {text(ours)} was used, usage comes to {text(theirs)}"
                    subject = f"{budget.key} from {starts_at.isoformat()}"
                    yield Disagreement("budgets", subject, detail, _REMEDY)
