"""
Looking up what a token costs us: a book's own prices first, then the published ones.

``load`` is called once for a state of the catalogue, ``CostBook.find`` for every event: the first
question for a model reads its prices, every further one is a lookup in a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from billing.costs import tokens
from billing.costs.published import Matcher

_REMEMBERED: Final = 10_000  # names of models come from outside and have no end

_Key = tuple[str, str]  # provider and model, folded


class _Span(NamedTuple):
    starts_at: datetime
    ends_at: datetime | None
    prices: dict[str, Decimal | None]


class _Dated(NamedTuple):
    starts_at: datetime
    ends_at: datetime | None
    price: Decimal | None


_Index = dict[_Key, list[_Span]]  # latest first


class CostBook:
    """The prices in force for one book, in its base currency; what it holds never changes."""

    __slots__ = ("_asked", "_matcher", "_own", "_own_names", "_published", "book_id", "currency")

    def __init__(self, *, book_id: int, currency: str, own: _Index, published: _Index) -> None:
        self.book_id, self.currency = book_id, currency
        self._own, self._published = own, published
        self._own_names: dict[str, set[str]] = {}
        for provider, model in own:
            self._own_names.setdefault(model, set()).add(provider)
        self._asked: dict[tuple[str | None, str, str], tuple[_Dated, ...]] = {}
        self._matcher: Matcher | None = None

    def find(
        self, provider: str | None, model: str, token_type: str, at: datetime
    ) -> Decimal | None:
        """
        Return what a token cost at an instant, in ``currency``; None if no price is known.

        ``provider`` may be empty: then the model is looked for by its name alone.
        """
        asked = provider, model, token_type
        dated = self._asked.get(asked)
        if dated is None:
            dated = self._remember(asked)
        for starts_at, ends_at, price in dated:
            if starts_at <= at and (ends_at is None or at < ends_at):
                return price
        return None

    def _remember(self, asked: tuple[str | None, str, str]) -> tuple[_Dated, ...]:
        if len(self._asked) >= _REMEMBERED:
            self._asked, self._matcher = {}, None
        dated = self._asked[asked] = self._dated(*asked)
        return dated

    def _dated(self, provider: str | None, model: str, token_type: str) -> tuple[_Dated, ...]:
        kind = tokens.kind_of(token_type)
        if kind is None or not model:
            return ()
        spans = self._spans(_folded(provider or ""), _folded(model))
        return tuple(
            _Dated(span.starts_at, span.ends_at, tokens.price_of(span.prices, kind))
            for span in spans
        )

    def _spans(self, provider: str, model: str) -> Iterator[_Span]:
        """Return the spans that may hold, the first that does so first."""
        if self._matcher is None:
            self._matcher = Matcher()
        own, published = [(provider, model)], [(provider, model)]
        if found := self._matcher.find(provider, model):
            serving, owner, name = map(_folded, found)
            own += [(serving, model), (serving, name)]
            # Named as the list names it, or else what the one who made it asks for it.
            published += [(serving, name), (owner, name)]
        elif not provider and len(named := self._own_names.get(model, ())) == 1:
            own += [(only, model) for only in named]
        for key in dict.fromkeys(own):
            yield from self._own.get(key, ())
        for key in dict.fromkeys(published):
            if key in self._published:
                yield from self._published[key]
                return


def load(book_id: int) -> CostBook:
    """Return the prices in force for a book: those in its base currency, nothing converted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT base_currency FROM ledger_book WHERE id = %s", [book_id])
        (currency,) = cursor.fetchone()
        cursor.execute(_OWN, [book_id, currency])
        own = _index(cursor.fetchall())
    return CostBook(book_id=book_id, currency=currency, own=own, published=_published(currency))


_remembered: dict[str, tuple[object, _Index]] = {}


def _published(currency: str) -> _Index:
    """Return the published prices; read once while none is added, closed or withdrawn."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        state = cursor.fetchone()
        remembered = _remembered.get(currency)
        if remembered and remembered[0] == state:
            return remembered[1]
        cursor.execute(_PUBLISHED, [currency])
        index = _index(cursor.fetchall())
    if not connection.in_atomic_block:  # what is not committed must not be remembered
        _remembered[currency] = state, index
    return index


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _remembered.clear()


def _index(rows: list[tuple[Any, ...]]) -> _Index:
    index: _Index = {}
    for provider, model, starts_at, ends_at, *prices in rows:
        span = _Span(starts_at, ends_at, dict(zip(tokens.TYPES, prices, strict=True)))
        index.setdefault((_folded(provider), _folded(model)), []).append(span)
    return index


def _folded(name: str) -> str:
    return name.strip().lower()


_COLUMNS: Final = ", ".join(f"trim_scale({column})" for column in tokens.COLUMNS.values())
_SELECT: Final = f"""
    SELECT provider, model, effective_from, effective_to, {_COLUMNS}
    FROM billing_costprice
    WHERE removed_at IS NULL
"""  # noqa: S608 - the names of our own columns
_LATEST: Final = " ORDER BY effective_from DESC, id DESC"
_OWN: Final = f"{_SELECT} AND book_id = %s AND currency = %s {_LATEST}"
_PUBLISHED: Final = f"{_SELECT} AND book_id IS NULL AND currency = %s {_LATEST}"
_STATE: Final = """
    SELECT max(id), count(*), count(effective_to), count(removed_at)
    FROM billing_costprice WHERE book_id IS NULL
"""
