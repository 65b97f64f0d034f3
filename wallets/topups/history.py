"""What became of a top-up: a row per step, and who is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ledger.money import text
from wallets.models import TopUp, TopUpEvent, Wallet
from wallets.telling import tell

_TOLD: Final = {
    TopUp.State.REQUESTED: "topup.requested",
    TopUp.State.SETTLED: "topup.settled",
    TopUp.State.FAILED: "topup.failed",
    TopUp.State.REFUNDED: "topup.refunded",
}


def note(top_up: TopUp, *, at: datetime, reason: str = "", cause: str = "") -> None:
    """Record that a top-up has come into its state, and tell it where somebody waits for that."""
    TopUpEvent.objects.create(
        top_up=top_up, state=top_up.state, reason=reason, cause=cause, recorded_at=at
    )
    if kind := _TOLD.get(TopUp.State(top_up.state)):
        wallet = Wallet.objects.select_related("asset", "customer").get(pk=top_up.wallet_id)
        tell(
            kind,
            key=f"topup:{top_up.pk}:{top_up.state}",
            wallet=wallet,
            data=_said(top_up, reason),
            at=at,
        )


def _said(top_up: TopUp, reason: str) -> dict[str, Any]:
    return {
        "top_up": top_up.key,
        "top_up_id": str(top_up.pk),
        "amount": text(top_up.amount),
        "currency": top_up.currency.code,
        "price": text(top_up.price),
        "state": top_up.state,
        "reason": reason,
        "rule": top_up.rule.key if top_up.rule else None,
        "taken_back": text(top_up.taken_back),
        "money_back": text(top_up.money_back),
    }
