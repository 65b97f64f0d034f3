"""Look at what a rule's wallet has, and buy what is missing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from ledger import durations
from ledger.errors import DomainError
from ledger.money import ZERO, add, subtract
from ledger.periods import at_wall_clock
from wallets import funds, topups
from wallets.models import RechargeRule, RechargeStop, TopUp, Wallet
from wallets.recharge.defining import lock
from wallets.recharge.needs import Wish
from wallets.topups import declines

State = RechargeRule.State
_DAY: Final = durations.Duration(1, durations.Unit.DAY)
_MONTH: Final = durations.Duration(1, durations.Unit.MONTH)


class Due(NamedTuple):
    """A rule that time has made due, and what time it is for its customer."""

    rule_id: int
    wallet_id: int
    at: datetime


def due(*, at: datetime, limit: int) -> list[Due]:
    """Return the rules that are due by their customers' clocks, those that wait longest first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"at": at, "limit": limit})
        return [Due(*row) for row in cursor.fetchall()]


def run(*, rule: RechargeRule, at: datetime) -> TopUp | None:
    """
    Have a rule look at its wallet, and return the top-up it asks for, if any.

    One at a time per rule: of two that run at once, the second finds the first one's top-up and
    does nothing. A rule whose credit cannot be bought (it has no price any more) stops.
    """
    with transaction.atomic():
        rule = lock(rule)
        if rule.state != State.ACTIVE or _is_stopped(rule):
            return None
        if rule.rests_until is not None and rule.rests_until > at:
            return None
        if rule.trigger == RechargeRule.Trigger.INTERVAL and (not rule.due_at or rule.due_at > at):
            return None
        return _run(rule, at)


def _run(rule: RechargeRule, at: datetime) -> TopUp | None:
    wish = Wish(
        amount=rule.amount,
        is_target=rule.method == RechargeRule.Method.TARGET,
        threshold=rule.threshold,
        places=topups.places_of(rule.wallet.asset),
    )
    needed, bought = ZERO, ZERO
    if not rule.top_ups.filter(state__in=topups.OPEN).exists():
        needed = wish.needed(add(funds.of(rule.wallet, at=at), pending(rule.wallet)))
    capped = _capped(rule, at) if needed else None
    if needed:
        bought = wish.within(needed, capped.room if capped else None)
    if needed and not bought:
        assert capped is not None, "nothing else keeps it from buying"
        _rest(rule, capped)
        return None
    rule.due_at, rule.rests_until, rule.reason = _next(rule, at), None, ""
    top_up = _buy(rule, bought, at) if bought else None
    if rule.state == State.ACTIVE:
        rule.save(update_fields=["due_at", "rests_until", "reason"])
    return top_up


def pending(wallet: Wallet) -> Decimal:
    """Return the credit that has been asked for and is not in the wallet yet."""
    total = ZERO
    open_ = TopUp.objects.filter(wallet=wallet, state__in=topups.OPEN, grant=None)
    for amount in open_.values_list("amount", flat=True):
        total = add(total, amount)
    return total


def _buy(rule: RechargeRule, amount: Decimal, at: datetime) -> TopUp | None:
    try:
        return topups.request(
            wallet=rule.wallet,
            key=f"recharge:{rule.pk}:{rule.top_ups.count() + 1}",
            amount=amount,
            at=at,
            currency=rule.currency,
            rail=rule.rail,
            rule=rule,
            cause=f"recharge {rule.key}",
        )
    except DomainError as error:
        declines.stop(rule, reason=str(error), at=at)
        return None


def _is_stopped(rule: RechargeRule) -> bool:
    stops = RechargeStop.objects.filter(book=rule.wallet.customer.book_id, ended_at=None)
    return stops.exists()


def _next(rule: RechargeRule, at: datetime) -> datetime | None:
    """Return when an interval's rule is due again."""
    if rule.trigger == RechargeRule.Trigger.THRESHOLD:
        return None
    assert rule.anchor is not None, "an interval is counted from somewhere"
    interval = durations.parse("interval", rule.interval)
    return durations.cycle_of(at, rule.anchor, interval, ZoneInfo(rule.time_zone)).ends_at


class _Cap(NamedTuple):
    """What may still be bought before a cap is reached, and until when that holds."""

    room: Decimal
    until: datetime
    field: str


def _capped(rule: RechargeRule, at: datetime) -> _Cap | None:
    """Return the cap that leaves the least room; of equals the one that holds longer."""
    zone = ZoneInfo(rule.time_zone)
    local = at.astimezone(zone)
    today = at_wall_clock(
        local.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0), zone
    )
    month = at_wall_clock(
        local.replace(tzinfo=None, day=1, hour=0, minute=0, second=0, microsecond=0), zone
    )
    caps = [
        _Cap(subtract(most, _bought(rule, since)), durations.later(since, step, zone), field)
        for field, most, since, step in (
            ("most_per_day", rule.most_per_day, today, _DAY),
            ("most_per_month", rule.most_per_month, month, _MONTH),
        )
        if most is not None
    ]
    return min(caps, key=lambda cap: (cap.room, -cap.until.timestamp()), default=None)


def _bought(rule: RechargeRule, since: datetime) -> Decimal:
    """Return what a rule has asked for since an instant, but for what failed."""
    total = ZERO
    asked = rule.top_ups.filter(created_at__gte=since).exclude(state=TopUp.State.FAILED)
    for amount in asked.values_list("amount", flat=True):
        total = add(total, amount)
    return total


def _rest(rule: RechargeRule, cap: _Cap) -> None:
    rule.rests_until = rule.due_at = cap.until
    rule.reason = f"{cap.field} is reached until {cap.until.isoformat()}."
    rule.save(update_fields=["rests_until", "due_at", "reason"])


_DUE: Final = """
    SELECT r.id, r.wallet_id, coalesce(k.now_at, %(at)s)
    FROM wallets_rechargerule r
    JOIN wallets_wallet w ON w.id = r.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    WHERE r.state = 'active' AND r.due_at <= coalesce(k.now_at, %(at)s)
      AND NOT EXISTS (
          SELECT FROM wallets_rechargestop s WHERE s.book_id = c.book_id AND s.ended_at IS NULL)
    ORDER BY r.due_at, r.id LIMIT %(limit)s
"""
