"""Look at what alerts look at, and tell what has crossed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from ledger.money import ZERO, text
from wallets import forecast, funds
from wallets.alerts import crossing
from wallets.alerts.crossing import Crossing
from wallets.alerts.defining import MOST_DAYS, lock
from wallets.models import Alert, AlertFiring, Wallet
from wallets.telling import tell

Kind = Alert.Kind
_EVENTS: Final = {
    Kind.BALANCE: "wallet.balance.low",
    Kind.USAGE: "entitlement.usage",
    Kind.EXPIRY: "grant.expiring",
    Kind.RUN_OUT: "wallet.run_out.projected",
}
_CHUNK: Final = 500
_HUNDREDTH: Final = timedelta(days=1) / 100
_ENDLESS: Final = Decimal(MOST_DAYS)


def _balance(wallet: Wallet, at: datetime) -> Decimal | None:
    return funds.of(wallet, at=at)


def _usage(wallet: Wallet, at: datetime) -> Decimal | None:
    return funds.percent_used(wallet, at=at)


def _days_left(wallet: Wallet, at: datetime) -> Decimal | None:
    """Return for how many days credit lasts; nothing is to be said where there is none, or use."""
    found = forecast.of_wallets([wallet.pk], at=at)[wallet.pk]
    if not found.burn_per_day and not found.available:
        return None
    if found.runs_out_at is None:
        return _ENDLESS
    return Decimal((found.runs_out_at - at) // _HUNDREDTH).scaleb(-2)


class _Figure(NamedTuple):
    """What a kind of alert looks at; None: there is nothing to be said now."""

    read: Callable[[Wallet, datetime], Decimal | None]
    is_floor: bool


_FIGURES: Final = {
    Kind.BALANCE: _Figure(_balance, is_floor=True),
    Kind.USAGE: _Figure(_usage, is_floor=False),
    Kind.RUN_OUT: _Figure(_days_left, is_floor=True),
}


def look(*, alert: Alert, at: datetime) -> AlertFiring | None:
    """
    Compare an alert's figure with its threshold, and tell if that has been crossed.

    Once per crossing, whoever looks and how often: it is told again only after the figure has
    come back by a margin.
    """
    with transaction.atomic():
        alert = lock(alert)
        if alert.ended_at is not None:
            return None
        figure = _FIGURES[Kind(alert.kind)]
        value = figure.read(alert.wallet, at)
        if value is None:
            return None
        where = crossing.of(value, alert.threshold, is_floor=figure.is_floor)
        if where is Crossing.BEYOND and alert.is_armed:
            alert.is_armed = False
            return _fire(alert, value, at)
        if where is Crossing.BACK and not alert.is_armed:
            alert.is_armed = True
            alert.save(update_fields=["is_armed"])
        return None


def look_ahead(*, at: datetime) -> int:
    """
    Tell what time alone brings, by each customer's clock; return how many were told.

    Credit about to expire, once per grant; and wallets about to run out. Safe to run twice, late,
    or concurrently.
    """
    told = 0
    for alert_id, grant_id, customers_time in _expiring(at):
        told += _tell_expiry(alert_id, grant_id, customers_time)
    for alert_id, customers_time in _projected(at):
        told += look(alert=Alert(pk=alert_id), at=customers_time) is not None
    return told


def _tell_expiry(alert_id: int, grant_id: int, at: datetime) -> bool:
    with transaction.atomic():
        alert = lock(Alert(pk=alert_id))
        is_told = AlertFiring.objects.filter(alert=alert, grant=grant_id).exists()
        lots = {lot.grant_id: lot for lot in funds.lots_of(alert.wallet, at=at)}
        lot = lots.get(grant_id)
        if is_told or lot is None or lot.available <= ZERO or lot.expires_at is None:
            return False
        _fire(alert, lot.available, at, grant_id=grant_id, expires_at=lot.expires_at.isoformat())
    return True


def _fire(
    alert: Alert, value: Decimal, at: datetime, *, grant_id: int | None = None, **said: Any
) -> AlertFiring:
    alert.firings += 1
    alert.save(update_fields=["firings", "is_armed"])
    firing = AlertFiring(
        alert=alert, number=alert.firings, grant_id=grant_id, value=value, fired_at=at
    )
    firing.save(force_insert=True)
    data = {
        "alert": alert.key,
        "threshold": text(alert.threshold),
        "value": text(value),
        "feature": alert.subject_key,
    }
    if grant_id is not None:
        data["grant_id"] = str(grant_id)
    tell(
        _EVENTS[Kind(alert.kind)],
        key=f"alert:{alert.pk}:{alert.firings}",
        wallet=alert.wallet,
        data=data | said,
        at=at,
        emails=alert.emails,
    )
    return firing


def _expiring(at: datetime) -> list[tuple[int, int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRING, {"at": at, "limit": _CHUNK, "most": MOST_DAYS})
        return list(cursor.fetchall())


def _projected(at: datetime) -> list[tuple[int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_PROJECTED, {"at": at})
        return list(cursor.fetchall())


_EXPIRING: Final = """
    SELECT a.id, g.id, n.now_at
    FROM wallets_alert a
    JOIN wallets_wallet w ON w.id = a.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    CROSS JOIN LATERAL (SELECT coalesce(k.now_at, %(at)s) AS now_at) n
    JOIN wallets_creditgrant g ON g.wallet_id = a.wallet_id AND g.voided_at IS NULL
         AND g.effective_at <= n.now_at AND g.expires_at > n.now_at
         AND g.expires_at <=
             n.now_at + least(a.threshold, %(most)s)::double precision * interval '1 day'
    JOIN ledger_balance b ON b.account_id = g.account_id AND b.credits > b.debits
    WHERE a.kind = 'expiry' AND a.ended_at IS NULL
      AND NOT EXISTS (
          SELECT FROM wallets_alertfiring f WHERE f.alert_id = a.id AND f.grant_id = g.id)
    ORDER BY g.expires_at, g.id, a.id LIMIT %(limit)s
"""
_PROJECTED: Final = """
    SELECT a.id, coalesce(k.now_at, %(at)s)
    FROM wallets_alert a
    JOIN wallets_wallet w ON w.id = a.wallet_id
    JOIN ledger_customer c ON c.id = w.customer_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    WHERE a.kind = 'run_out' AND a.ended_at IS NULL
    ORDER BY a.id
"""
