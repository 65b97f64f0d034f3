"""What tests of automatic recharge share."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from tests import factories
from tests.factories import NOON
from wallets import evaluation, recharge, topups
from wallets.models import RechargeRule, TopUp, Wallet


def rule(wallet: Wallet | None = None, **terms: Any) -> RechargeRule:
    """Return a rule that buys a hundred below twenty, unless told."""
    if "interval" not in terms:
        terms.setdefault("threshold", 20)
    for name in ("threshold", "amount", "most_per_day", "most_per_month"):
        if name in terms:
            terms[name] = Decimal(terms[name])
    return recharge.create(
        **{
            "wallet": wallet or factories.wallet(),
            "key": factories.name("rule"),
            "method": "fixed",
            "amount": Decimal(100),
            "at": NOON,
            **terms,
        }
    )


def evaluate(at: datetime = NOON) -> evaluation.Evaluated:
    done = evaluation.evaluate(at=at)
    assert done.failures == []
    return done


def bought(made: RechargeRule) -> list[Decimal]:
    """Return what a rule has asked for, first to last."""
    return list(made.top_ups.order_by("pk").values_list("amount", flat=True))


def open_one(made: RechargeRule) -> TopUp:
    return made.top_ups.get(state__in=topups.OPEN)


def pay(made: RechargeRule, at: datetime = NOON) -> TopUp:
    """Pay what a rule has asked for."""
    top_up = open_one(made)
    return topups.settle(top_up=top_up, payment_key=f"wire:{top_up.pk}", at=at)


def decline(made: RechargeRule, at: datetime = NOON) -> TopUp:
    return topups.fail(top_up=open_one(made), reason="The card was declined.", at=at)
