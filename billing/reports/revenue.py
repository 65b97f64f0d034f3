"""
Recognised revenue by product and month, as it was booked.

It is read from the accounts of income, by the accounting period that entries were booked in: what
is learned after a month was closed is revenue of the next one, as in the trial balance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing.reports import ties
from billing.reports.ties import Place, Tie
from ledger import balances, inputs, totals
from ledger.models import Account, Book, Period
from ledger.money import ZERO, add, subtract

PRODUCT: Final = "product"
MONTH: Final = "month"
SOURCE: Final = "source"
GROUPS: Final = (PRODUCT, MONTH, SOURCE)
_REPORT: Final = "revenue"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueRow:
    """What was earned, above zero, or given away; what is not asked for apart is empty."""

    asset: str
    product: str
    month: str  # like 2026-03, in the book's zone
    source: str  # the purpose of the account: usage_revenue, discounts …
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueReport:
    """Revenue of the accounting periods within some time."""

    rows: list[RevenueRow]
    ties: list[Tie]

    @property
    def totals(self) -> dict[str, Decimal]:
        """Return the net revenue by asset."""
        sums: dict[str, Decimal] = {}
        for row in self.rows:
            sums[row.asset] = add(sums.get(row.asset, ZERO), row.amount)
        return sums


def revenue(
    *,
    book: Book,
    starts_at: datetime,
    ends_at: datetime,
    by: Sequence[str] = (PRODUCT, MONTH),
) -> RevenueReport:
    """
    Return what was recognised in the accounting periods that begin in ``[starts_at, ends_at)``.

    ``by`` names what is told apart: product, month, source.

    Raises:
        InvalidInputError: something else is to be told apart.
        OutOfBalanceError: debits and credits of an asset differ.
    """
    for one in by:
        inputs.choice("group", one, GROUPS)
    accounts = {
        number: (purpose, asset, product)
        for number, purpose, asset, product in Account.objects.filter(
            book=book, type=Account.Type.INCOME
        ).values_list("pk", "purpose", "asset__code", "discriminator")
    }
    periods = {
        period.pk: period
        for period in Period.objects.filter(
            book=book, starts_at__gte=starts_at, starts_at__lt=ends_at
        )
    }
    zone = ZoneInfo(book.time_zone)
    sums: defaultdict[tuple[str, str, str, str], Decimal] = defaultdict(lambda: ZERO)
    said: defaultdict[Place, Decimal] = defaultdict(lambda: ZERO)
    for period_id, moved in totals.of_each_period(book.pk, since=starts_at, until=ends_at):
        if moved.account_id not in accounts:
            continue
        purpose, asset, product = accounts[moved.account_id]
        month = f"{periods[period_id].starts_at.astimezone(zone):%Y-%m}"
        place = (
            asset,
            product if PRODUCT in by else "",
            month if MONTH in by else "",
            purpose if SOURCE in by else "",
        )
        earned = subtract(moved.credits, moved.debits)
        sums[place] = add(sums[place], earned)
        said[purpose, asset] = subtract(said[purpose, asset], earned)
    rows = [
        RevenueRow(asset=place[0], product=place[1], month=place[2], source=place[3], amount=amount)
        for place, amount in sorted(sums.items())
        if amount
    ]
    booked = _booked(book, periods.values())
    purposes = {purpose for purpose, _ in booked}
    return RevenueReport(rows=rows, ties=ties.tie(_REPORT, said, booked, purposes))


def _booked(book: Book, periods: Iterable[Period]) -> dict[Place, Decimal]:
    """Return what trial balances say was booked on accounts of income in periods."""
    found: dict[Place, Decimal] = {}
    for period in periods:
        for row in balances.trial_balance(book=book, period=period):
            if row.type == Account.Type.INCOME:
                place = row.purpose, row.asset
                moved = subtract(row.debits, row.credits)
                found[place] = add(found.get(place, ZERO), moved)
    return found
