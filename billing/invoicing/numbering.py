"""
Numbers of documents: without gap per book and series, in the order in which they are issued.

They are taken by the last statement of the transaction that issues: whoever waits for a series
waits for nothing but that statement and a commit, and what is rolled back was never taken.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from billing.models import Series
from ledger import inputs
from ledger.errors import AlreadyExistsError, InvalidInputError
from ledger.models import Book

_PLACE: Final = re.compile(r"\{(year|sequence)(?::0(\d))?\}")
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Taken:
    """Numbers that follow each other."""

    series_id: int
    pattern: str
    year: int
    first: int

    def written(self, place: int) -> str:
        """Write the number at a place, from 0 on."""
        return write(self.pattern, year=self.year, sequence=self.first + place)


def write(pattern: str, *, year: int, sequence: int) -> str:
    """
    Write a number.

    >>> write("INV-{year}-{sequence:06}", year=2026, sequence=41)
    'INV-2026-000041'
    """
    values = {"year": year, "sequence": sequence}
    return _PLACE.sub(lambda m: f"{values[m[1]]:0{m[2] or 0}d}", pattern)


def check(pattern: str) -> str:
    """
    Return a pattern of numbers if numbers can be written by it.

    Raises:
        InvalidInputError: it has no sequence, other braces, or is too long.

    >>> check("{year}/{sequence}")
    '{year}/{sequence}'
    """
    rest = _PLACE.sub("", pattern)
    found = [place[1] for place in _PLACE.finditer(pattern)]
    if found.count("sequence") != 1 or set("{}\x00") & set(rest) or len(pattern) > _LONGEST:
        example = "INV-{year}-{sequence:06}"
        remedy = f"write at most {_LONGEST} characters with {{sequence}} once, as {example}"
        raise InvalidInputError(field="pattern", value=pattern, remedy=remedy)
    return pattern


def name(*, book: Book, key: str, pattern: str, on: date) -> Series:
    """
    Say how numbers of a series are written, before its first document is issued.

    Raises:
        InvalidInputError: a malformed key or pattern.
        AlreadyExistsError: the book has that series.
    """
    key, pattern = inputs.slug("key", key, longest=40), check(pattern)
    year = on.year if "{year" in pattern else 0
    if Series.objects.filter(book=book, key=key).exists():
        raise AlreadyExistsError(key=key)
    with connection.cursor() as cursor:
        cursor.execute(_NAME, [book.pk, key, year, pattern])
        return Series.objects.get(pk=cursor.fetchone()[0])


def rename(*, series: Series, pattern: str) -> Series:
    """
    Have the next numbers of a series written by another pattern.

    Raises:
        InvalidInputError: a malformed pattern, or one that drops or adds the year.
    """
    check(pattern)
    if bool(series.year) != ("{year" in pattern):
        remedy = "keep the year" if series.year else "leave the year out"
        raise InvalidInputError(field="pattern", value=pattern, remedy=f"{remedy}, as it was")
    series.pattern = pattern
    series.save(update_fields=["pattern"])
    return series


def patterns(names: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """Return by which pattern numbers of each (book, series) are written."""
    wanted = sorted(set(names))
    with connection.cursor() as cursor:
        cursor.execute(_PATTERNS, [[book for book, _ in wanted], [key for _, key in wanted]])
        known = {(book, key): pattern for book, key, pattern in cursor.fetchall()}
    return {name: known.get(name) or f"{name[1]}-{{year}}-{{sequence:06}}" for name in wanted}


def take(*, book_id: int, key: str, pattern: str, on: date, how_many: int) -> Taken:
    """Take the next numbers of a series, under its lock until the transaction ends."""
    year = on.year if "{year" in pattern else 0
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [book_id, key, year, pattern, how_many])
        series_id, pattern, first = cursor.fetchone()
    return Taken(series_id, pattern, on.year, first)


# What the next number is, the database alone says.
_NAME: Final = """
    INSERT INTO billing_series (book_id, key, year, pattern) VALUES (%s, %s, %s, %s) RETURNING id
"""
_PATTERNS: Final = """
    SELECT DISTINCT ON (s.book_id, s.key) s.book_id, s.key, s.pattern
    FROM unnest(%s::bigint[], %s::text[]) AS n (book_id, key)
    JOIN billing_series s USING (book_id, key) ORDER BY s.book_id, s.key, s.year DESC
"""
_TAKE: Final = """
    SELECT taken_series, taken_pattern, first
    FROM billing_take_numbers(%s, %s, %s, %s, %s)
"""
