"""
What is left, as the RateLimit and RateLimit-Policy headers say it (pure).

By draft-ietf-httpapi-ratelimit-headers-11: lists of structured fields, quotas as whole numbers.
A quota here is of tokens, calls or whatever a meter counts, not of requests alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from math import ceil
from typing import Final

from billing.entitlements.answers import Remaining
from ledger.money import ZERO

_MOST: Final = 999_999_999_999_999  # of a structured field's integer


def headers(
    remaining: Sequence[Remaining], *, at: datetime, shows_amounts: bool = False
) -> dict[str, str]:
    """
    Return the headers that tell what is left.

    Of money only that there is none left, unless amounts may be shown.
    """
    shown = [one for one in remaining if shows_amounts or not one.is_money or one.amount <= ZERO]
    limits = [_limit(one, at) for one in shown]
    policies = [
        f"{_name(one)};q={_whole(one.limit)}"
        for one in shown
        if one.limit is not None and (shows_amounts or not one.is_money)
    ]
    found = {"RateLimit": ", ".join(limits), "RateLimit-Policy": ", ".join(policies)}
    return {name: value for name, value in found.items() if value}


def violated(
    remaining: Iterable[Remaining], kind: str, *, quantity: Decimal | None, cost: Decimal | None
) -> list[str]:
    """Return the names of the policies of a kind that do not cover so much."""
    found = []
    for one in remaining:
        needed = cost if one.is_money else quantity
        is_short = one.amount <= ZERO if needed is None else one.amount < needed
        if one.kind == kind and is_short:
            found.append(name_of(one))
    return found


def name_of(one: Remaining) -> str:
    """
    Return the name that a policy goes by.

    >>> spent = Remaining(kind="budget", key="team", asset="USD", amount=ZERO, is_money=True)
    >>> name_of(spent)
    'budget:team'
    """
    return f"{one.kind}:{one.key}" if one.key else one.kind


def seconds_until(then: datetime, at: datetime) -> int:
    """Return the whole seconds until something, at least one."""
    return max(ceil((then - at).total_seconds()), 1)


def _limit(one: Remaining, at: datetime) -> str:
    until = "" if one.resets_at is None else f";t={seconds_until(one.resets_at, at)}"
    return f"{_name(one)};r={_whole(one.amount)}{until}"


def _name(one: Remaining) -> str:
    """Return the name as a structured string, which is of visible ASCII."""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in name_of(one))
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _whole(amount: Decimal) -> int:
    return min(max(int(amount.to_integral_value(ROUND_FLOOR)), 0), _MOST)
