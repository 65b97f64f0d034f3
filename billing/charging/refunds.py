"""
Where a discount goes: back to what paid for the things that it is for (pure).

Several coupons may be for the same things, and one may grow when usage comes late. What has gone
back already does not go back again: all that was paid and returned in a cycle bounds it, account
by account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from billing.metering.takings import Part, Takings
from ledger.money import ZERO, add, subtract


def refund(
    amount: Decimal, *, mine: Iterable[str], all_taken: Iterable[str]
) -> tuple[list[Part], Decimal]:
    """
    Return what goes to which account, and what nothing is left for.

    ``mine`` are the takings of what the discount is for, ``all_taken`` those of the whole cycle,
    with what earlier discounts gave back as amounts below zero. What is missing of its own comes
    from the rest of the cycle.

    >>> refund(Decimal(4), mine=["1:5,2:5"], all_taken=["1:5,2:5", "2:-3"])
    ([(2, Decimal('2')), (1, Decimal('2'))], Decimal('0'))
    """
    left: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for account_id, part in _parts(all_taken):
        left[account_id] = add(left[account_id], part)
    returned: list[Part] = []
    for account_id, held in [*reversed([*_parts(mine)]), *reversed([*left.items()])]:
        part = min(held, left[account_id], amount)
        if part > ZERO:
            returned.append((account_id, part))
            left[account_id] = subtract(left[account_id], part)
            amount = subtract(amount, part)
    return returned, amount


def _parts(written: Iterable[str]) -> Iterator[Part]:
    for one in written:
        yield from Takings(one).parts
