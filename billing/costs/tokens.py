"""Kinds of tokens, and what one costs where its own price is not named (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from ledger.money import ONE, SCALE

INPUT: Final = "input"
OUTPUT: Final = "output"
CACHE_READ: Final = "cache_read"
CACHE_WRITE: Final = "cache_write"
REASONING: Final = "reasoning"

TYPES: Final = (INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, REASONING)
ALIASES: Final = {
    "request": INPUT,
    "response": OUTPUT,
    "input_uncached": INPUT,
    "cache_write_5m": CACHE_WRITE,
}
COLUMNS: Final = {kind: f"{kind}_per_token" for kind in TYPES}

# Cached tokens are input and reasoning is output: a list that names no price of their own charges
# them so (genai-prices counts them with the kind they belong to).
_CHARGED_AS: Final = {CACHE_READ: INPUT, CACHE_WRITE: INPUT, REASONING: OUTPUT}

_ROUNDING: Final = Context(prec=76, rounding=ROUND_HALF_EVEN)

Prices = Mapping[str, Decimal | None]


def kind_of(name: str) -> str | None:
    """
    Return the kind of token that a name stands for, or None.

    >>> kind_of("Request"), kind_of("cache_read"), kind_of("audio")
    ('input', 'cache_read', None)
    """
    folded = name.strip().lower()
    folded = ALIASES.get(folded, folded)
    return folded if folded in COLUMNS else None


def price_of(prices: Prices, kind: str) -> Decimal | None:
    """
    Return what a token of a kind costs under a list of prices.

    >>> price_of({"input": Decimal(2), "output": None}, "cache_read")
    Decimal('2')
    >>> price_of({"input": Decimal(2), "output": None}, "reasoning") is None
    True
    """
    own = prices.get(kind)
    if own is None and (charged_as := _CHARGED_AS.get(kind)):
        return prices.get(charged_as)
    return own


def per_token(per_million: Decimal) -> tuple[Decimal, bool]:
    """
    Return a price per token, and whether it is exact.

    Kept to twelve places, as amounts are: only quotients that a list wrote as floats are finer.

    >>> per_token(Decimal("0.0028")), per_token(Decimal("0.18000000000000002"))
    ((Decimal('2.8E-9'), True), (Decimal('1.8E-7'), False))
    """
    price = per_million.scaleb(-6, _ROUNDING)
    kept = price.quantize(ONE.scaleb(-SCALE), context=_ROUNDING)
    return kept.normalize(_ROUNDING), kept == price


def of_row(row: object) -> Iterator[tuple[str, Decimal | None]]:
    """Return the prices that a row of the price book names, by kind."""
    for kind, column in COLUMNS.items():
        yield kind, getattr(row, column)
