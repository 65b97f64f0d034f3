"""Holds under load: what must never happen, and how long it did not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Final

from django.db import connections
from django.db.models import F, Sum
from django.utils.timezone import now

from ledger import registry, verification
from ledger.models import Asset, Balance, Book, Customer
from tests.benchmarks.progress import bar
from tests.benchmarks.table import Line
from tests.billing.holds.callers import CREDIT_ONLY, Caller, world
from wallets import grants, holds, overdraft
from wallets.holds import Order
from wallets.models import CreditGrant, Hold

ASKING: Final = 20  # at once, each for 75 of 500
FIT: Final = 6
SPLIT: Final = ((500,), (250, 250), (200, 200, 100))  # the 500 in one lot, or more


def rounds(book: Book, *, many: int) -> list[Line]:
    """Have twenty reserve 75 each of the same 500 at once, again and again: six get it."""
    usd = registry.currency(code="USD")
    began, wrong = time.perf_counter(), 0
    with _threads(ASKING) as at_once, bar("rounds", many) as tell:
        for number in range(many):
            customer = _with_500(book, usd, number)
            held = at_once([partial(_reserve, customer, usd, place) for place in range(ASKING)])
            wrong += sum(held) != FIT
            tell(number + 1)
    seconds = time.perf_counter() - began
    what = f"{many:,} rounds of {ASKING} reserves of 75 from 500, {many * ASKING / seconds:,.0f}/s"
    return [_never(f"{what}: rounds where not {FIT} fit", wrong), *_sound(book)]


def clients(book: Book, *, many: int, operations: int) -> list[Line]:
    """Have clients reserve, extend, capture, release and send usage at random, all at once."""
    credit = Decimal(200) * many / 8
    callers = world(book=book, callers=many, customers=8, credit=credit, clock=now)
    began, turns = time.perf_counter(), 10
    with _threads(many) as at_once, bar("operations", many * operations) as tell:
        for turn in range(turns):
            part = operations * (turn + 1) // turns - operations * turn // turns
            at_once([partial(one.run, part) for one in callers])
            tell(many * operations * (turn + 1) // turns)
        seconds = time.perf_counter() - began
        at_once([one.finish for one in callers])
    overdraft.settle(at=now())
    done = sum(sum(one.done.values()) for one in callers)
    what = f"{many} clients, {done:,} operations, {done / seconds:,.0f}/s"
    return [
        _never(f"{what}: accounts overdrawn", _overdrawn(book)),
        _never("… holds lost: accounts that still hold something", _held(book)),
        _never("… difference of what was paid to what was used", _unpaid(book, callers)),
        *_sound(book),
    ]


@contextmanager
def _threads(many: int) -> Iterator[Callable[[list[Callable[[], object]]], list[object]]]:
    """Give a function that runs calls at once, in threads that keep their connections."""
    with ThreadPoolExecutor(many) as pool:
        ready = Barrier(many)

        def run(call: Callable[[], object]) -> object:
            ready.wait(timeout=120)
            return call()

        yield lambda calls: [one.result() for one in [pool.submit(run, call) for call in calls]]
        for one in [pool.submit(run, connections.close_all) for _ in range(many)]:
            one.result()


def _with_500(book: Book, usd: Asset, number: int) -> Customer:
    at = now()
    customer = Customer.objects.create(book=book, key=f"r{number}", name="", created_at=at)
    wallet = grants.open_wallet(customer=customer, asset=usd, key="main", at=at)
    for lot, amount in enumerate(SPLIT[number % len(SPLIT)]):
        grants.issue(wallet=wallet, key=f"g{lot}", amount=Decimal(amount), at=at)
    return customer


def _reserve(customer: Customer, usd: Asset, place: int) -> bool:
    order = Order(
        book_id=customer.book_id,
        customer_id=customer.pk,
        asset_id=usd.pk,
        scale=usd.scale,
        key=f"{customer.key}-{place}",
        amount=Decimal(75),
        at=now(),
        credit=CREDIT_ONLY,
    )
    return holds.reserve(order).hold.state == Hold.State.ACTIVE


def _never(what: str, count: float) -> Line:
    return Line(what, f"{count:,}", "none", float(count), 0.0, is_most=True)


def _sound(book: Book) -> list[Line]:
    report = verification.verify(book=book)
    return [_never("… disagreements that verification finds", len(report.disagreements))]


def _overdrawn(book: Book) -> int:
    guarded = Balance.objects.filter(account__book=book)
    lots = guarded.filter(account__purpose="credit_lot", debits__gt=F("credits"))
    debts = guarded.filter(account__purpose="overdraft").exclude(debits=F("credits"))
    return lots.count() + debts.count()


def _held(book: Book) -> int:
    return Balance.objects.filter(account__book=book, held__gt=0).count()


def _unpaid(book: Book, callers: Sequence[Caller]) -> Decimal:
    left = Balance.objects.filter(account__book=book, account__purpose="credit_lot")
    granted = CreditGrant.objects.filter(wallet__customer__book=book)
    total = granted.aggregate(total=Sum("amount"))["total"]
    spent = total - sum((lot.credits - lot.debits for lot in left), Decimal(0))
    return abs(Decimal(spent) - sum((one.used for one in callers), Decimal(0)))
