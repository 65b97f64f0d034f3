"""How many customers a process charges a second: all at once by the sweep, and one at a time."""

from __future__ import annotations

import time
from typing import Final

from billing import due
from billing.models import Charge
from ledger.models import Book, Customer
from tests.benchmarks import database, invoice_world
from tests.benchmarks.invoice_world import MONTHS
from tests.benchmarks.progress import say
from tests.benchmarks.table import Line, rate

_LEAST: Final = 4.0  # times faster together
_WANTED: Final = 400  # customers a second
_ALONE: Final = 200  # customers that are charged one at a time, at most
_FEES: Final = 2  # of each customer


def measure(*, customers: int) -> list[Line]:
    """Charge a month of everybody together, and the same month of some one at a time."""
    say(f"charging {customers:,} customers")
    invoice_world.make(customers)
    book = Book.objects.get(key=invoice_world.BOOK)
    due.sweep(at=MONTHS[0])
    database.settle()
    few = list(Customer.objects.filter(book=book).order_by("pk")[:_ALONE])
    alone = _alone(few)
    together = _together(customers - len(few))
    assert Charge.objects.filter(book=book, starts_at=MONTHS[1]).count() == _FEES * customers
    say(f"  {together:,.0f} customers a second by the sweep, {alone:,.0f} one at a time")
    what = f"charging {customers:,} customers with 5 items"
    return [
        rate(what, together, beside=_WANTED, called="wanted", least=1),
        rate("  beside one at a time", together, beside=alone, called="alone", least=_LEAST),
    ]


def _alone(few: list[Customer]) -> float:
    began = time.monotonic()
    for customer in few:
        due.run(customer=customer, until=MONTHS[1])
    return len(few) / (time.monotonic() - began)


def _together(many: int) -> float:
    began = time.monotonic()
    swept = due.sweep(at=MONTHS[1])
    assert (swept.done, swept.failures) == (many, []), "all are seen to"
    return many / (time.monotonic() - began)
