"""
Telling what happened, in the transaction in which it did: rows of the outbox, topic ``event``.

``integrations/webhooks/catalogue.py`` says which types there are and what their data holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ledger import outbox
from wallets.models import Wallet


def tell(
    kind: str,
    *,
    key: str,
    wallet: Wallet,
    data: Mapping[str, Any],
    at: datetime,
    emails: Sequence[str] = (),
) -> None:
    """Tell an event of a wallet, once per key; ``emails`` are to have it by mail, too."""
    customer = wallet.customer
    about = {"wallet": wallet.key, "wallet_id": str(wallet.pk), "asset": wallet.asset.code}
    payload: dict[str, Any] = {
        "type": kind,
        "book": customer.book_id,
        "customer": customer.key,
        "data": {**about, **data},
    }
    if emails:
        payload["emails"] = list(emails)
    outbox.publish(topic="event", key=key, payload=payload, at=at)
