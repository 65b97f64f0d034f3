"""A gateway's key: by its own header, as Bearer, or as the password of an address's user."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from django.http import HttpRequest

KEY_HEADER: Final = "Meterbook-Key"


def key_in(request: HttpRequest) -> str:
    """Return the key that a request carries; none is an empty text."""
    if text := request.headers.get(KEY_HEADER):
        return text
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return text.strip() if kind.lower() == "bearer" else ""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]
