"""How long it takes to issue the recurring grants of very many customers, all due at once."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from ledger import registry
from ledger.models import Book, Customer
from tests.benchmarks.events import START
from tests.benchmarks.table import Line
from wallets import schedules
from wallets.models import CreditGrant, GrantSchedule, Wallet

BOOK: Final = "recurring"
MANY: Final = 100_000
_SECONDS: Final = 60
_BATCH: Final = 5000


def measure(*, many: int = MANY) -> list[Line]:
    """Issue the first grants of all, then the second, into which half of them rolls over."""
    _make(many)
    month = START + timedelta(days=31)
    first = _issued(START, many)
    second = _issued(month, many)
    issued = CreditGrant.objects.filter(wallet__customer__book__key=BOOK)
    assert issued.count() == 3 * many, "two grants each, and what rolled over"
    target = _SECONDS * many / MANY
    return [
        _line(f"{many:,} recurring grants issued", first, target),
        _line("the next, with as many roll-overs", second, 2 * target),
    ]


def _issued(at: datetime, many: int) -> float:
    began = time.perf_counter()
    issued = schedules.issue(at=at)
    took = time.perf_counter() - began
    assert issued == many, f"{issued} were issued"
    return took


def _line(what: str, took: float, target: float) -> Line:
    return Line(what, f"{took:.1f} s", f"at most {target:.0f} s", took / target, 1, is_most=True)


def _make(many: int) -> None:
    at = START - timedelta(days=1)
    book = registry.create_book(
        key=BOOK, name="Recurring", base_currency="USD", time_zone="UTC", at=at
    )
    crowd(book, many, at=at)


def crowd(book: Book, many: int, *, at: datetime) -> None:
    """Make customers with a wallet and a recurring grant each; nothing is issued yet."""
    dollars = registry.currency(code="USD")
    customers = Customer.objects.bulk_create(
        [
            Customer(book=book, key=f"x{number}", name="Customer", created_at=at)
            for number in range(many)
        ],
        batch_size=_BATCH,
    )
    wallets = Wallet.objects.bulk_create(
        [Wallet(customer=one, asset=dollars, key="w", created_at=at) for one in customers],
        batch_size=_BATCH,
    )
    made = schedules.create(
        wallet=wallets[0],
        key="included",
        amount=Decimal(10),
        cadence="P1M",
        starts_at=START,
        rollover_maximum=Decimal(5),
        at=at,
    )
    others = [GrantSchedule(**_terms(made) | {"wallet": wallet}) for wallet in wallets[1:]]
    GrantSchedule.objects.bulk_create(others, batch_size=_BATCH)


def _terms(schedule: GrantSchedule) -> dict[str, object]:
    names = [
        field.name for field in GrantSchedule._meta.fields if field.name not in {"id", "wallet"}
    ]
    return {name: getattr(schedule, name) for name in names}
