"""
Test clocks: customers attached to one live by its time, which stands still until it is advanced.

Advancing runs everything that falls due on the way, in order, by what the setting
``METERBOOK_DUE`` names, and returns when it is done. A crash leaves ``target_at``: the same call
goes on from where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from ledger import inputs
from ledger.errors import ConflictError, InvalidInputError, InvariantError
from ledger.integrity import taken
from ledger.models import Book, Customer, TestClock


class ClocksOffError(InvariantError):
    """Test clocks are off here: set METERBOOK_TEST_CLOCKS, and never where money is real."""

    code = "test_clocks_off"


class ClockTakenError(ConflictError):
    """A customer that lives by a test clock stays with it."""

    code = "clock_taken"


class RunDue(Protocol):
    """Does what is due for customers up to an instant, in order; again changes nothing."""

    def __call__(self, *, customers: Sequence[Customer], until: datetime) -> Any: ...


def now_of(customer: Customer, now: datetime) -> datetime:
    """Return a customer's time: its clock's, or else the real one."""
    return customer.clock.now_at if customer.clock is not None else now


def latest(book_id: int) -> datetime | None:
    """Return the time of the clock of a book that is ahead of all others, if clocks are on."""
    if not settings.METERBOOK_TEST_CLOCKS:
        return None
    clocks = TestClock.objects.filter(book=book_id).order_by("-now_at")
    return clocks.values_list("now_at", flat=True).first()


def create(*, book: Book, key: str, now_at: datetime, at: datetime, name: str = "") -> TestClock:
    """
    Make a clock that stands at an instant.

    Raises:
        ClocksOffError: the setting does not allow clocks.
        InvalidInputError: a malformed key or name.
        AlreadyExistsError: another clock of the book has the key.
    """
    _check_on()
    clock = TestClock(
        book=book,
        key=inputs.slug("key", key, longest=200),
        name=inputs.name("name", name, may_be_empty=True),
        now_at=now_at,
        created_at=at,
    )
    with transaction.atomic(), taken(key=key):
        clock.save(force_insert=True)
    return clock


def attach(*, customer: Customer, clock: TestClock) -> Customer:
    """
    Have a customer live by a clock, for good.

    Raises:
        ClocksOffError: the setting does not allow clocks.
        InvalidInputError: the clock is of another book.
        ClockTakenError: the customer lives by another clock.
    """
    _check_on()
    with transaction.atomic():
        customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        if clock.book_id != customer.book_id:
            remedy = "name a clock of the customer's book"
            raise InvalidInputError(field="test_clock", value=clock.key, remedy=remedy)
        if customer.clock_id not in {None, clock.pk}:
            remedy = "make another customer: time cannot be taken back"
            raise ClockTakenError(field="test_clock", value=clock.key, remedy=remedy)
        customer.clock = clock
        customer.save(update_fields=["clock"])
    return customer


def advance(*, clock: TestClock, to: datetime) -> Any:
    """
    Move a clock on, have everything done that falls due on the way, and return what that was.

    Each instant is committed by itself; the clock stands at ``to`` when all is done. Advancing to
    where it stands already finishes what is left, if anything.

    Raises:
        ClocksOffError: the setting does not allow clocks.
        InvalidInputError: ``to`` is before the clock's time, or before where it is on its way to.
        TransientError: it is on its way; the same call goes on.
    """
    _check_on()
    with transaction.atomic():
        clock = TestClock.objects.select_for_update().get(pk=clock.pk)
        _check_forward(clock, to)
        clock.target_at = to
        clock.save(update_fields=["target_at"])
    customers = list(Customer.objects.filter(clock=clock).order_by("pk"))
    run: RunDue = import_string(settings.METERBOOK_DUE)
    done = run(customers=customers, until=to)
    with transaction.atomic():
        clock = TestClock.objects.select_for_update().get(pk=clock.pk)
        clock.now_at = max(clock.now_at, to)
        if clock.target_at is not None and clock.target_at <= clock.now_at:
            clock.target_at = None
        clock.save(update_fields=["now_at", "target_at"])
    return done


def _check_on() -> None:
    if not settings.METERBOOK_TEST_CLOCKS:
        remedy = "set METERBOOK_TEST_CLOCKS=true where no money is real"
        raise ClocksOffError(field="METERBOOK_TEST_CLOCKS", value=False, remedy=remedy)


def _check_forward(clock: TestClock, to: datetime) -> None:
    if to < clock.now_at:
        remedy = f"name an instant from {clock.now_at.isoformat()} on, where it stands"
        raise InvalidInputError(field="to", value=to.isoformat(), remedy=remedy)
    if clock.target_at is not None and to < clock.target_at:
        remedy = f"it is on its way to {clock.target_at.isoformat()}: name that, or a later instant"
        raise InvalidInputError(field="to", value=to.isoformat(), remedy=remedy)
