"""How long reads of a wallet's account take."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.db.models import Max, Min

from ledger import balances, statements
from ledger.ids import instant_of
from ledger.models import Account, Receipt
from tests.benchmarks.events import START

PAGE: Final = 50
_DAY: Final = timedelta(days=1)
_Read = Callable[[Account, random.Random, int], object]


def timed(kind: str, *, days: int, calls: int, seed: int) -> list[float]:
    """Read so many times, of accounts and instants drawn by lot; return the seconds of each."""
    rng, read, seconds = random.Random(seed), KINDS[kind], []
    for _ in range(calls):
        account = rng.choice(_accounts())
        began = time.perf_counter()
        read(account, rng, days)
        seconds.append(time.perf_counter() - began)
    return seconds


def _now(account: Account, _rng: random.Random, _days: int) -> object:
    return balances.now([account.pk])


def _as_of_effective(account: Account, rng: random.Random, days: int) -> object:
    instant = START + rng.random() * days * _DAY
    return balances.as_of(account_ids=[account.pk], effective_at=instant)


def _as_of_posted(account: Account, rng: random.Random, _days: int) -> object:
    first, last = _posted()
    instant = first + rng.random() * (last - first)
    return balances.as_of(account_ids=[account.pk], posted_at=instant)


def _page(account: Account, rng: random.Random, days: int) -> object:
    starts_at = START + rng.randrange(days) * _DAY
    ends_at = START + days * _DAY
    return statements.statement(account=account, starts_at=starts_at, ends_at=ends_at, limit=PAGE)


KINDS: Final[dict[str, _Read]] = {
    "balance": _now,
    "as of, effective": _as_of_effective,
    "as of, posted": _as_of_posted,
    "statement page": _page,
}


@cache
def _accounts() -> list[Account]:
    lots = Account.objects.filter(grant__isnull=False).select_related("balance", "asset")
    return list(lots.order_by("pk"))


@cache
def _posted() -> tuple[datetime, datetime]:
    """Return when the first transaction was posted, and the last; grants come before usage."""
    ends = Receipt.objects.aggregate(first=Min("pk"), last=Max("pk"))
    return instant_of(ends["first"]), instant_of(ends["last"])
