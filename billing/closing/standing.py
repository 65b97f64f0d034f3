"""How far the closing of a period is: the last run of each check, who answers for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.closing import checklist
from billing.models import Closing, ClosingCheck, Reopening
from ledger import totals
from ledger.models import Account, Asset, Period
from ledger.money import ZERO, add
from wallets import approvals


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A period's closing, as far as it is on record."""

    period_id: int
    state: str
    started_at: datetime | None = None
    started_by: str = ""
    closed_at: datetime | None = None
    closed_by: str = ""
    checks: list[ClosingCheck] = field(default_factory=list)
    reopenings: list[Reopening] = field(default_factory=list)


def of(period: Period) -> Standing:
    """Return where a period's closing stands; an answer stands in place of what it is for."""
    row = Closing.objects.filter(period=period).first()
    if row is None:
        return Standing(period_id=period.pk, state=period.state)
    answered = checklist.answers(period)
    return Standing(
        period_id=period.pk,
        state=period.state,
        started_at=row.started_at,
        started_by=row.started_by,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        checks=[_shown(one, answered.get(one.key)) for one in checklist.latest(period)],
        reopenings=list(Reopening.objects.filter(period=period)),
    )


def most_booked(period: Period) -> tuple[Asset, Decimal]:
    """Return how much was moved in a period, in the asset that most likely needs a second look."""
    moved = totals.of_each_period(period.book_id, since=period.starts_at, until=period.ends_at)
    accounts = Account.objects.select_related("asset").in_bulk([one.account_id for _, one in moved])
    sums: dict[Asset, Decimal] = {}
    for _, one in moved:
        asset = accounts[one.account_id].asset
        sums[asset] = add(sums.get(asset, ZERO), one.debits)
    known = [(approvals.is_needed(asset=a, amount=n), n, a.pk, a) for a, n in sums.items()]
    if not known:
        return Asset(), ZERO
    _, amount, _, asset = max(known)
    return asset, amount


def _shown(check: ClosingCheck, answer: ClosingCheck | None) -> ClosingCheck:
    is_answered = (
        answer is not None
        and check.state == ClosingCheck.State.BLOCKS
        and answer.found == check.found
    )
    return answer if is_answered and answer is not None else check
