"""What a message says and what it is called (pure)."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def id_of(key: str) -> str:
    """
    Return the id of the message about an event: the same for the same event, always.

    >>> id_of("wallet.balance.low:3:1")
    'msg_6fe849dd25d87348f555f9a1cecb86b3'
    """
    return f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def new_id() -> str:
    """Return an id that no other message has."""
    return f"msg_{uuid.uuid4().hex}"


def instant(at: datetime) -> str:
    """Return an instant as messages write it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def payload(
    *, kind: str, customer: str | None, data: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """Return what a message says."""
    return {"type": kind, "timestamp": instant(at), "customer": customer, "data": dict(data)}


def body_of(payload: Mapping[str, Any]) -> bytes:
    """
    Return the bytes that are signed and sent: the same each time.

    >>> body_of({"type": "webhook.test", "data": {}})
    b'{"data":{},"type":"webhook.test"}'
    """
    written = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return written.encode()
