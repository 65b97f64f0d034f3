"""
Arrays as PostgreSQL reads them, for set-based statements (pure).

A column of numbers becomes one string: the driver converts its own lists element by element, which
at tens of thousands of elements a second costs more than the statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal


def whole(numbers: Iterable[int]) -> str:
    """
    Write integers, for ``%s::bigint[]``.

    >>> whole([1, 2])
    '{1,2}'
    """
    return "{" + ",".join(map(str, numbers)) + "}"


def exact(amounts: Iterable[Decimal]) -> str:
    """
    Write amounts, for ``%s::numeric[]``.

    >>> exact([Decimal("1E+2"), Decimal("0.50")])
    '{100,0.50}'
    """
    return "{" + ",".join([f"{amount:f}" for amount in amounts]) + "}"


def texts(values: Iterable[str]) -> str:
    r"""
    Write text, for ``%s::text[]`` and whatever is read from text.

    >>> texts(['a', 'b "c"'])
    '{"a","b \\"c\\""}'
    """
    return "{" + ",".join([f'"{_escaped(value)}"' for value in values]) + "}"


def _escaped(value: str) -> str:
    if '"' in value or "\\" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"')
    return value
