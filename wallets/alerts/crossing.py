"""When a threshold is crossed, and when it may be crossed again (pure)."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Final

from ledger.money import add, multiply, subtract

MARGIN: Final = Decimal("0.05")  # of the threshold: how far a figure comes back to arm it again


class Crossing(Enum):
    """What a figure says about a threshold."""

    BEYOND = "beyond"
    BACK = "back"  # far enough to be crossed again
    NEITHER = "neither"


def of(value: Decimal, threshold: Decimal, *, is_floor: bool) -> Crossing:
    """
    Say where a figure stands: a floor is crossed when it falls below, a ceiling when it is reached.

    >>> [of(Decimal(value), Decimal(100), is_floor=True).value for value in (99, 100, 104, 105)]
    ['beyond', 'neither', 'neither', 'back']
    >>> [of(Decimal(value), Decimal(80), is_floor=False).value for value in (80, 79, 76, 75)]
    ['beyond', 'neither', 'back', 'back']
    """
    margin = multiply(threshold, MARGIN)
    if is_floor:
        is_beyond, is_back = value < threshold, value >= add(threshold, margin)
    else:
        is_beyond, is_back = value >= threshold, value <= subtract(threshold, margin)
    if is_beyond:
        return Crossing.BEYOND
    return Crossing.BACK if is_back else Crossing.NEITHER
