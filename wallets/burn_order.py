"""Which of two equal lots burns first: a book chooses, and the version is recorded with it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings

from ledger.ids import book_of
from ledger.models import Book
from wallets.burndown import Lot, sort_lots, version


def in_order(lots: Iterable[Lot]) -> list[Lot]:
    """Return lots of one book in the order that they burn there."""
    found = list(lots)
    if not found:
        return found
    first = is_promotional_first(book_of(found[0].account_id))
    return sort_lots(found, promotional_first=first)


def is_promotional_first(book_id: int) -> bool:
    """Say whether promotional credit burns before paid; the other way in books that are named."""
    named = settings.METERBOOK_BURN_PAID_FIRST
    return not named or _key_of(book_id) not in named


def version_of(book_id: int) -> int:
    """Return the version of the order in a book, to be stored on what is decided by it."""
    return version(promotional_first=is_promotional_first(book_id))


@lru_cache(maxsize=1024)
def _key_of(book_id: int) -> str:
    # A book's key never changes.
    return Book.objects.values_list("key", flat=True).get(pk=book_id)
