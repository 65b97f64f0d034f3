"""
Unit conversion: from what is metered to what is billed (pure).

It applies to the cumulative quantity, rounding included: 1,400 and then 1,300 bytes by the
started thousand are three, as 2,700 at once are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Final

from ledger.money import MAX_DIGITS, ONE, WIDE

MULTIPLY: Final = "multiply"
DIVIDE: Final = "divide"
NONE: Final = "none"
CEILING: Final = "ceiling"
FLOOR: Final = "floor"
HALF_UP: Final = "half_up"

# Quotients are rounded up (or down) twice, to 76 digits and to the precision, which is
# rounding once. Halves would not survive that: half a step is added, then it is rounded down.
_CONTEXTS: Final = {
    rounding: Context(prec=2 * MAX_DIGITS, rounding=mode)
    for rounding, mode in {
        CEILING: ROUND_CEILING,
        FLOOR: ROUND_FLOOR,
        HALF_UP: ROUND_HALF_UP,
    }.items()
}
_HALF: Final = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """
    Multiply or divide, then round.

    >>> Conversion(operation="divide", factor=Decimal(1000),
    ...            rounding="ceiling").apply(Decimal(2700))
    Decimal('3')
    """

    operation: str
    factor: Decimal  # above zero
    rounding: str = NONE
    precision: int = 0  # places kept by rounding
    display_unit: str = ""
    # By what a quantity is multiplied if nothing is rounded; else None.
    multiplier: Decimal | None = field(init=False)
    apply: Callable[[Decimal], Decimal] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise ``decimal.Inexact`` for a division that never ends and is not rounded."""
        multiplier = None
        if self.rounding == NONE:
            is_product = self.operation == MULTIPLY
            multiplier = self.factor if is_product else WIDE.divide(ONE, self.factor)
        object.__setattr__(self, "multiplier", multiplier)
        object.__setattr__(self, "apply", self._applied(multiplier))

    def _applied(self, multiplier: Decimal | None) -> Callable[[Decimal], Decimal]:
        if multiplier is not None:
            return lambda quantity: WIDE.multiply(quantity, multiplier)
        factor, step = self.factor, ONE.scaleb(-self.precision)
        rounded = _CONTEXTS[self.rounding]
        if self.operation == MULTIPLY:
            return lambda quantity: rounded.quantize(WIDE.multiply(quantity, factor), step)
        if self.rounding != HALF_UP:
            return lambda quantity: rounded.quantize(rounded.divide(quantity, factor), step)
        down, half = _CONTEXTS[FLOOR], WIDE.multiply(WIDE.multiply(step, _HALF), factor)
        return lambda quantity: down.quantize(down.divide(WIDE.add(quantity, half), factor), step)
