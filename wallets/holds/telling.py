"""Telling that holds have expired, once per hold: done by whoever ends them for good."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.db.models import F

from ledger import outbox
from ledger.money import subtract, text
from wallets.models import Hold

_KIND: Final = "hold.expired"


def expired(hold_ids: Collection[int], *, at: datetime) -> None:
    """Tell that holds have expired, in the transaction that ends them; two statements."""
    holds = Hold.objects.filter(pk__in=hold_ids).annotate(
        customer_key=F("customer__key"), asset_code=F("asset__code")
    )
    payloads = {f"{_KIND}:{hold.pk}": _payload(hold) for hold in holds}
    outbox.publish_all(topic="event", payloads=payloads, at=at)


def _payload(hold: Any) -> dict[str, Any]:
    return {
        "type": _KIND,
        "book": hold.book_id,
        "customer": hold.customer_key,
        "data": {
            "hold": hold.key,
            "hold_id": str(hold.pk),
            "asset": hold.asset_code,
            "amount": text(hold.requested),
            "captured": text(hold.captured),
            "given_back": text(subtract(hold.requested, hold.captured)),
            "feature": hold.feature_key,
            "purpose": hold.purpose,
            "expires_at": hold.expires_at.isoformat(),
        },
    }
