"""Pages of long lists: by cursor, without counting."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from ledger.errors import InvalidInputError

LARGEST: Final = 200
USUAL: Final = 50
_MOST: Final = 2**63 - 1

M = TypeVar("M", bound=Model)


def size_of(query: Mapping[str, Any]) -> int:
    """Return how many rows a page is to have."""
    return int(query.get("page[size]") or query.get("limit") or USUAL)


def page(
    rows: QuerySet[M], query: Mapping[str, Any], *, newest_first: bool = False
) -> tuple[Sequence[M], str | None]:
    """
    Return one page of rows in the order of their ids, and the cursor of the next one, if any.

    Raises:
        InvalidInputError: a cursor that no page gave.
    """
    size, after = size_of(query), position(query)
    if after is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    found = list(rows.order_by("-pk" if newest_first else "pk")[: size + 1])
    return found[:size], cursor(found[size - 1].pk) if len(found) > size else None


def cursor(position: int) -> str:
    """Return the opaque text of a position."""
    return base64.urlsafe_b64encode(f"1:{position}".encode()).decode().rstrip("=")


def position(query: Mapping[str, Any]) -> int | None:
    """
    Return the position that a query's cursor stands for.

    Raises:
        InvalidInputError: it is no cursor.
    """
    text = query.get("page[after]")
    if not text:
        return None
    try:
        kind, _, number = (
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
        )
        found = int(number) if number.isascii() and number.isdigit() and kind == "1" else -1
    except (binascii.Error, ValueError):
        found = -1
    if not 0 <= found <= _MOST:
        raise InvalidInputError(
            field="page[after]", value=text, remedy="send what a page gave as next, unchanged"
        )
    return found
