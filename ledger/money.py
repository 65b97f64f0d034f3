"""
Exact amounts: nothing finer than twelve places is kept, nothing is rounded by accident (pure).

Python's own decimal context holds 28 digits and rounds silently; an amount here may have
38. So arithmetic on amounts, a mere sign among it, goes through ``WIDE`` (``add``, ``subtract``,
``multiply``, ``negate``, ``absolute``, ``total``), or happens inside ``with exactly():``, and a
result that would need rounding is refused.

Rounding is a decision, taken once where an amount leaves for the world:
``round_half_away`` for one amount, ``split`` for shares that must sum to a whole.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import lru_cache, reduce
from math import lcm
from typing import Final

import moneyed

from ledger.errors import PrecisionError

SCALE: Final = 12  # places after the point
MAX_DIGITS: Final = 38  # digits in all: numeric(38, 12)
WHOLE_DIGITS: Final = MAX_DIGITS - SCALE  # digits before the point

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

WIDE: Final = Context(
    prec=2 * MAX_DIGITS,
    rounding=ROUND_HALF_EVEN,
    traps=[DivisionByZero, FloatOperation, Inexact, InvalidOperation, Overflow],
)
_ROUNDING: Final = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_UP)
_QUANTA: Final = tuple(Decimal(1).scaleb(-places) for places in range(MAX_DIGITS + 1))

add: Final[Callable[[Decimal, Decimal], Decimal]] = WIDE.add
subtract: Final[Callable[[Decimal, Decimal], Decimal]] = WIDE.subtract
negate: Final[Callable[[Decimal], Decimal]] = WIDE.minus
absolute: Final[Callable[[Decimal], Decimal]] = WIDE.abs


def total(amounts: Iterable[Decimal]) -> Decimal:
    """
    Add amounts up.

    >>> total([Decimal("99999999999999999999999999"), Decimal("0.123456789012")])
    Decimal('99999999999999999999999999.123456789012')
    """
    return reduce(add, amounts, ZERO)


def exactly() -> AbstractContextManager[Context]:
    """
    Make the operators of Decimal exact within a block: what would round raises instead.

    >>> with exactly():
    ...     Decimal("99999999999999999999999999.123456789012") + 0
    Decimal('99999999999999999999999999.123456789012')
    """
    return localcontext(WIDE)


def exact(value: Decimal | int, scale: int = SCALE) -> Decimal:
    """
    Return ``value`` unchanged if the ledger can keep it at ``scale`` places.

    Negative zero becomes zero.

    Raises:
        PrecisionError: finer than ``scale``, more than 26 digits before the point, or
            not a finite number.

    >>> exact(Decimal("-0.00"))
    Decimal('0')
    """
    amount = value if isinstance(value, Decimal) else Decimal(value)
    try:
        # Inexact is trapped: trailing zeros may go, digits may not.
        kept = amount.quantize(_QUANTA[scale], context=WIDE)
    except DecimalException:
        raise PrecisionError(amount=_shown(amount), scale=scale) from None
    if not kept:
        return ZERO
    if kept.adjusted() >= WHOLE_DIGITS or kept.is_nan():
        raise PrecisionError(amount=_shown(amount), scale=scale)
    return amount


def text(amount: Decimal) -> str:
    """
    Write an amount as PostgreSQL's ``trim_scale(amount)::text`` does.

    >>> [text(Decimal(value)) for value in ("1.500", "1E+3", "-0.0", "1E-9", "100")]
    ['1.5', '1000', '0', '0.000000001', '100']
    """
    written = str(amount)
    if "E" in written:
        written = format(amount, "f")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def multiply(a: Decimal, b: Decimal) -> Decimal:
    """
    Multiply without rounding; the product may be finer than the ledger keeps.

    Raises:
        PrecisionError: the product needs more than 76 digits.
    """
    try:
        return WIDE.multiply(a, b)
    except DecimalException:
        raise PrecisionError(a=_shown(a), b=_shown(b)) from None


def round_half_away(amount: Decimal, exponent: int) -> Decimal:
    """
    Round to ``exponent`` places, a half away from zero.

    >>> round_half_away(Decimal("-0.125"), 2)
    Decimal('-0.13')
    """
    rounded = amount.quantize(_QUANTA[exponent], context=_ROUNDING)
    return rounded or rounded.copy_abs()


def floor_to(amount: Decimal, exponent: int) -> Decimal:
    """
    Cut an amount off after ``exponent`` places.

    >>> floor_to(Decimal("1.239"), 2)
    Decimal('1.23')
    """
    return amount.quantize(_QUANTA[exponent], rounding=ROUND_DOWN, context=_ROUNDING)


@lru_cache(maxsize=1000)
def iso_exponent(currency: str) -> int | None:
    """
    Return how many places amounts of a currency are printed with; None if ISO 4217 lacks it.

    >>> [iso_exponent(code) for code in ("USD", "JPY", "KWD", "usd")]
    [2, 0, 3, None]
    """
    try:
        units = moneyed.get_currency(currency).sub_unit
    except moneyed.CurrencyDoesNotExist:
        return None
    return len(str(units - 1)) if units > 1 else 0


def split(total: Decimal, weights: Sequence[Decimal | int], exponent: int) -> list[Decimal]:
    """
    Split ``total`` by ``weights`` into amounts of ``exponent`` places that sum to it exactly.

    Each share is cut towards zero; the units left over go to the largest remainders,
    the first of equals first. Weights that are all zero share alike.

    Raises:
        PrecisionError: ``total`` itself is finer than ``exponent``.

    >>> split(Decimal("10.00"), [1, 1, 1], 2)
    [Decimal('3.34'), Decimal('3.33'), Decimal('3.33')]
    """
    assert weights, "nothing to split among"
    assert all(weight >= 0 for weight in weights), "a weight is negative"
    sign = -1 if total < 0 else 1
    units = abs(int(exact(total, exponent).scaleb(exponent, WIDE)))
    shares = _whole_weights(weights)
    whole = sum(shares)
    cuts = [divmod(units * share, whole) for share in shares]
    counts = [cut for cut, _ in cuts]
    missing = units - sum(counts)
    by_remainder = sorted(range(len(cuts)), key=lambda place: (-cuts[place][1], place))
    for place in by_remainder[:missing]:
        counts[place] += 1
    return [Decimal(sign * count).scaleb(-exponent, WIDE) for count in counts]


def _whole_weights(weights: Sequence[Decimal | int]) -> list[int]:
    if not any(weights):
        return [1] * len(weights)
    ratios = [Decimal(weight).as_integer_ratio() for weight in weights]
    common = lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def _shown(amount: Decimal) -> str:
    written = str(amount)
    return written if len(written) <= 2 * MAX_DIGITS else written[: 2 * MAX_DIGITS] + "…"
