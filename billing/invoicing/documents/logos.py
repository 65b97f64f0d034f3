"""Logos as brands keep them, in base64: which can be drawn, and why others cannot (pure)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

LARGEST: Final = 512 * 1024
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # PNG, JPEG
_DRAWING: Final = re.compile(rb"<svg[\s>]")
_OUTWARD: Final = re.compile(
    rb"<!DOCTYPE|<!ENTITY|<script|@import|url\(\s*['\"]?[^#'\"\s)]|href\s*=\s*['\"](?!#|data:image/)",
    re.IGNORECASE,
)


def read(encoded: str) -> bytes:
    """Return a picture, or a drawing that refers to nothing outside of itself; else nothing."""
    return b"" if not encoded or problem(encoded) else base64.b64decode(encoded)


def problem(encoded: str) -> str:
    """
    Return what to do about a logo that documents cannot show; nothing if they can.

    >>> problem("no base64!"), problem("aGVsbG8=")
    ('send it in base64', 'send a PNG, JPEG or SVG')
    >>> problem(base64.b64encode(bytes(600 * 1024)).decode())
    'send at most 512 KB, this has 600 KB: documents show it 15 mm high'
    """
    try:
        picture = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return "send it in base64"
    if len(picture) > LARGEST:
        has = f"{-(-len(picture) // 1024)} KB"
        return f"send at most {LARGEST // 1024} KB, this has {has}: documents show it 15 mm high"
    if picture.startswith(_PICTURES):
        return ""
    if not _DRAWING.search(picture):
        return "send a PNG, JPEG or SVG"
    if _OUTWARD.search(picture):
        return "draw it without scripts, style sheets or references to elsewhere"
    return ""
