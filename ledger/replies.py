"""How long first answers to Idempotency-Keys are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ledger.models import IdempotentReply

KEEP: Final = timedelta(days=30)


def prune(*, at: datetime) -> int:
    """Delete answers that nobody asks for again, and return how many."""
    deleted, _ = IdempotentReply.objects.filter(created_at__lt=at - KEEP).delete()
    return deleted
