"""Checks of what callers send, which name the field and the way out (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.errors import InvalidInputError

_SLUG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def name(field: str, value: str, *, longest: int = 200, may_be_empty: bool = False) -> str:
    """
    Return a text that a person reads, without the spaces around it.

    Raises:
        InvalidInputError: empty, too long, or with characters that cannot be seen.

    >>> name("name", "  ACME ")
    'ACME'
    """
    text = value.strip()
    if not text and not may_be_empty:
        raise InvalidInputError(field=field, value=value, remedy="give it some text")
    if len(text) > longest:
        raise InvalidInputError(
            field=field, value=value, remedy=f"use at most {longest} characters"
        )
    if _UNSEEN.search(text):
        raise InvalidInputError(
            field=field, value=value, remedy="leave out line breaks and control characters"
        )
    return text


def key(field: str, value: str, *, longest: int = 200) -> str:
    """
    Return a caller's own key: any text that can be seen, exactly as given.

    Raises:
        InvalidInputError: empty, too long, spaces around it, or characters that cannot be seen.
    """
    if name(field, value, longest=longest) != value:
        raise InvalidInputError(field=field, value=value, remedy="leave out the spaces at its ends")
    return value


def slug(field: str, value: str, *, longest: int = 100) -> str:
    """
    Return a key that also stands in account names and addresses.

    Raises:
        InvalidInputError: empty, too long, or with other characters than these.

    >>> slug("key", "llm-tokens.v2")
    'llm-tokens.v2'
    """
    if len(value) > longest or not _SLUG.fullmatch(value):
        raise InvalidInputError(
            field=field,
            value=value,
            remedy=f"use letters, digits, points, hyphens and underscores, at most {longest},"
            " a letter or digit first",
        )
    return value


def choice(field: str, value: str, options: Iterable[str]) -> str:
    """
    Return one of the options.

    Raises:
        InvalidInputError: it is none of them.
    """
    if value not in (known := list(options)):
        raise InvalidInputError(field=field, value=value, remedy=f"use one of {', '.join(known)}")
    return value


def time_zone(field: str, value: str) -> ZoneInfo:
    """
    Return a time zone by its name.

    Raises:
        InvalidInputError: there is none of that name.
    """
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        remedy = "use a name like Europe/Berlin"
        raise InvalidInputError(field=field, value=value, remedy=remedy) from None
