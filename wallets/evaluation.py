"""
Looking at watched wallets that have moved, and at what time has made due: rules, then alerts.

Triggered by the posting that moved a lot (``watches.touch``) through a hint to a worker; a job that
does the same makes up for hints that were lost. A wallet is cleared only after it was looked at, so
that a crash in between has it looked at again; what was done for it stays done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ledger import clocks
from ledger.errors import DomainError
from wallets import alerts, recharge, watches
from wallets.models import Alert, RechargeRule, Wallet
from wallets.watches import Touched

_MOST: Final = 500  # wallets, and rules, that one run looks at
_BY_POSTINGS: Final = (Alert.Kind.BALANCE, Alert.Kind.USAGE)


@dataclass(slots=True, kw_only=True)
class Evaluated:
    """What a run looked at and did; wallets that failed are looked at again by the next one."""

    wallets: int = 0
    top_ups: int = 0
    alerts: int = 0
    failures: list[tuple[int, DomainError]] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Say whether there was nothing to be done."""
        return not (self.wallets or self.top_ups or self.failures)


def evaluate(*, at: datetime) -> Evaluated:
    """
    Look at wallets that have moved and at rules that are due, by their customers' clocks.

    Safe to run twice, late, or by several at once.
    """
    done = Evaluated()
    for seen in watches.touched(limit=_MOST):
        try:
            _look(seen, at, done)
        except DomainError as error:
            done.failures.append((seen.wallet_id, error))
            continue
        watches.clear(seen)
        done.wallets += 1
    for due in recharge.due(at=at, limit=_MOST):
        try:
            bought = recharge.run(rule=RechargeRule(pk=due.rule_id), at=due.at)
        except DomainError as error:
            done.failures.append((due.wallet_id, error))
        else:
            done.top_ups += bought is not None
    return done


def _look(seen: Touched, at: datetime, done: Evaluated) -> None:
    wallet = Wallet.objects.select_related("customer__clock").get(pk=seen.wallet_id)
    customers_time = clocks.now_of(wallet.customer, at)
    for rule in wallet.recharge_rules.filter(state=RechargeRule.State.ACTIVE):
        done.top_ups += recharge.run(rule=rule, at=customers_time) is not None
    for alert in wallet.alerts.filter(kind__in=_BY_POSTINGS, ended_at=None):
        done.alerts += alerts.look(alert=alert, at=customers_time) is not None
