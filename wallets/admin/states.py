"""How far a grant has come, what time it is for whom, and how wallets and grants are searched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger import clocks
from ledger.admin.display import badge
from ledger.models import Customer
from wallets.models import CreditGrant

_MOST_OWNERS: Final = 200
_Row = TypeVar("_Row")
_Figures = TypeVar("_Figures")


def time_of(customer: Customer) -> datetime:
    """Return what time it is for a customer."""
    return clocks.now_of(customer, now())


def read_by_time(
    rows: Iterable[_Row],
    customer_of: Callable[[_Row], Customer],
    read: Callable[[Collection[int], datetime], Mapping[int, _Figures]],
) -> dict[int, _Figures]:
    """Read figures of rows, by one look for all whose customers live by one time."""
    at, by_time = now(), defaultdict[datetime, list[int]](list)
    for row in rows:
        number: int = row.pk  # type: ignore[attr-defined]
        by_time[clocks.now_of(customer_of(row), at)].append(number)
    found: dict[int, _Figures] = {}
    for when, numbers in by_time.items():
        found |= read(numbers, when)
    return found


def badge_of(grant: CreditGrant, at: datetime) -> SafeString:
    """Show whether a grant pays at an instant, or why not."""
    if grant.voided_at is not None:
        return badge("voided", "bad")
    if grant.expires_at is not None and grant.expires_at <= at:
        return badge("expired", "warn")
    return badge("pending") if grant.effective_at > at else badge("active", "good")


def owners(term: str) -> list[int]:
    """Return customers whose keys begin so."""
    found = Customer.objects.filter(key__istartswith=term).values_list("pk", flat=True)
    return list(found[:_MOST_OWNERS])


def search(queryset: Any, term: str, *, customer: str) -> Any:
    """Keep what has a key, or belongs to customers whose keys begin so."""
    if not term:
        return queryset
    return queryset.filter(Q(**{f"{customer}__in": owners(term)}) | Q(key=term))
