"""
From exact sums to what documents show (pure).

What is printed is a function of the cumulative sums alone, and a line is the difference of two of
them: so documents of any cut add up to one of the whole, to the cent.
"""

from __future__ import annotations

from billing.invoicing.facts import Billed, Printed, Sums
from ledger.money import ZERO, add, negate, round_half_away, split, subtract


def printed(sums: Sums, exponent: int) -> Printed:
    """
    Return sums as a document shows them, in ``exponent`` places.

    The amount is rounded, half away from zero, then split into what is due and what each kind of
    credit paid, by largest remainder. Where parts have different signs, what was paid by bought
    credit bears the difference.

    >>> from decimal import Decimal
    >>> one = Sums(amount=Decimal("10.005"), promotional=Decimal("3.335"),
    ...            unbilled=Decimal("6.67"))
    >>> [str(part) for part in printed(one, 2)]
    ['10.01', '3.34', '0.00', '6.67']
    """
    amount = round_half_away(sums.amount, exponent)
    if not sums.promotional and not sums.paid:
        return Printed(amount, ZERO, ZERO, amount)
    weights = [add(sums.unbilled, sums.overdraft), sums.promotional, sums.paid]
    if all(weight <= ZERO for weight in weights):
        weights = [negate(weight) for weight in weights]
    if all(weight >= ZERO for weight in weights) and any(weights):
        due, promotional, paid = split(amount, weights, exponent)
    else:
        due = round_half_away(add(sums.unbilled, sums.overdraft), exponent)
        promotional = round_half_away(sums.promotional, exponent)
        paid = subtract(subtract(amount, due), promotional)
    return Printed(amount, promotional, paid, due)


def upto(sums: Sums, exponent: int) -> Billed:
    """Return all that documents will have said of a source that has come to these sums."""
    return Billed(sums, printed(sums, exponent))
