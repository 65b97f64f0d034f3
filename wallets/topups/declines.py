"""What a payment that failed, or came, does to the rule that asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from wallets.models import RechargeRule, TopUp
from wallets.telling import tell

# How long a rule rests after each decline in a row; one more stops it.
RESTS: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1))


def forget(top_up: TopUp) -> None:
    """Have the rule begin anew: its payment has come."""
    rule = top_up.rule
    if rule is not None and rule.declines:
        rule.declines, rule.rests_until, rule.reason = 0, None, ""
        rule.save(update_fields=["declines", "rests_until", "reason"])


def count(top_up: TopUp, *, reason: str, at: datetime) -> None:
    """Have the rule rest, longer each time, and stop in the end, with a reason to be seen."""
    rule = top_up.rule
    if rule is None or rule.state != RechargeRule.State.ACTIVE:
        return
    rule.declines += 1
    if rule.declines > len(RESTS):
        stop(rule, reason=f"{rule.declines} payments in a row failed; the last: {reason}", at=at)
        return
    rule.rests_until = rule.due_at = at + RESTS[rule.declines - 1]
    rule.reason = reason
    rule.save(update_fields=["declines", "rests_until", "due_at", "reason"])


def stop(rule: RechargeRule, *, reason: str, at: datetime) -> None:
    """Stop a rule, and tell the customer why, until somebody resumes it."""
    rule.state, rule.reason = RechargeRule.State.STOPPED, reason
    rule.rests_until = rule.due_at = None
    rule.save(update_fields=["state", "reason", "declines", "rests_until", "due_at"])
    tell(
        "recharge.stopped",
        key=f"recharge:{rule.pk}:stopped:{at.isoformat()}",
        wallet=rule.wallet,
        data={
            "rule": rule.key,
            "rule_id": str(rule.pk),
            "reason": reason,
            "declines": rule.declines,
        },
        at=at,
    )
