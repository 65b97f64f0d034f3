"""
Signatures by the Standard Webhooks scheme (pure).

What is signed is ``id.timestamp.body``; the secret's text is ``whsec_`` and base64 of its bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
BYTES: Final = 32  # the scheme allows 24 to 64


def secret_text(key: bytes) -> str:
    """
    Return the text of a secret, as its receiver is given it.

    >>> secret_text(b"not random, an example")
    'whsec_bm90IHJhbmRvbSwgYW4gZXhhbXBsZQ=='
    """
    return PREFIX + base64.b64encode(key).decode()


def headers(*, message: str, body: bytes, keys: Iterable[bytes], at: datetime) -> dict[str, str]:
    """
    Return the headers of a call: one signature for each key, so that a secret can be replaced.

    >>> from datetime import UTC
    >>> signed = headers(message="msg_1", body=b"{}", keys=[b"an example"],
    ...                  at=datetime(2026, 3, 1, tzinfo=UTC))
    >>> signed["webhook-timestamp"], signed["webhook-signature"]
    ('1772323200', 'v1,6d3CRpqUBP6WwkFTLyh8fC/oWN0ZJeEMToK1GBDlfCw=')
    """
    stamp = str(int(at.timestamp()))
    signed = f"{message}.{stamp}.".encode() + body
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: bytes, signed: bytes) -> str:
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
