"""
What is due for customers up to an instant: done in order, once, whoever asks and how often.

Fees and minimums of subscriptions, true-ups of contracts, charges that wait for their time,
recurring credit and the expiry of credit are taken by their instants. What is next for many is
done in waves: subscriptions together, in one transaction for each wave, the rest one by one. So a
crash loses nothing that a wave has done, and the next run goes on. The schedule calls this for the
real time, a test clock for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final, TypeVar

from django.db import connection, transaction

from billing import charging, contracts, upcoming
from billing.charging import waiting
from billing.entitlements import allowances
from billing.invoicing import clocked
from billing.invoicing.clocked import Clockwork
from billing.metering import snapshot
from billing.metering.snapshot import Snapshot
from billing.models import Charge, Contract, Subscription, SubscriptionEvent
from billing.subscriptions import changes
from billing.subscriptions.history import Kind
from billing.upcoming import Due, What
from ledger.errors import TransientError
from ledger.halving import halved
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.sweeps import Sweep
from wallets import expiry, overdraft, schedules

_PLAN_CHANGES: Final = (Kind.CHANGED, Kind.MIGRATED)
_CHUNK: Final = 200  # customers that are looked up at once
_TOGETHER: Final = 100  # subscriptions that are charged in one transaction

Result = TypeVar("Result")


@dataclass(slots=True, kw_only=True)
class Done:
    """What was done for customers."""

    until: datetime
    instants: int = 0
    charges: int = 0  # posted, changed or earned
    true_ups: int = 0
    grants_issued: int = 0
    grants_expired: int = 0
    overdrafts_covered: int = 0
    invoices: int = 0  # issued; of customers that live by a test clock


@dataclass(slots=True)
class Swept(Sweep):
    """What a sweep did, by customers."""

    charges: int = 0


def run(*, customer: Customer, until: datetime, wait: bool = True, most: int | None = None) -> Done:
    """
    Do all that is due for a customer up to an instant, and say what that was.

    Again, late, or by several at once, it changes nothing more. Each instant is committed by
    itself; after ``most`` of them the rest is left to the next run.

    Raises:
        TransientError: what is done so far stays; the same call may be made again.
    """
    return run_all(customers=[customer], until=until, wait=wait, most=most)


def run_all(
    *,
    customers: Sequence[Customer],
    until: datetime,
    wait: bool = True,
    most: int | None = None,
    makes_invoices: bool = True,
) -> Done:
    """
    Do all that is due for customers of one book, in one order for all; errors as ``run``.

    Customers may share wallets: who is due first is paid for first. By a test clock, invoices are
    made on the way.
    """
    done = Done(until=until)
    if not customers:
        return done
    crowd = _Crowd(
        customers={one.pk: one for one in customers},
        lanes=dict.fromkeys((one.pk for one in customers), 0),
        done=done,
        catalogue=snapshot.current(customers[0].book_id),
        wait=wait,
    )
    crowd.see_to(clocked.of(customers) if makes_invoices else None, most)
    return done


def run_each(*, customers: Sequence[Customer], until: datetime, wait: bool = True) -> Swept:
    """
    Do all that is due for customers of one book, each in its own order, families in one.

    What fails for one customer, whatever it is, is noted and keeps nobody else waiting.

    Raises:
        OperationalError, InterfaceError: the database is away; what is done stays done.
    """
    swept = Swept()
    if not customers:
        return swept
    done = Done(until=until)
    crowd = _Crowd(
        customers={one.pk: one for one in customers},
        lanes=upcoming.lanes_of(customers),
        done=done,
        catalogue=snapshot.current(customers[0].book_id),
        wait=wait,
        swept=swept,
    )
    crowd.see_to(None, None)
    swept.done = len(crowd.everybody)
    swept.charges = done.charges + done.true_ups
    return swept


def sweep(*, at: datetime) -> Swept:
    """
    Do what is due for every customer that lives by the real time; safe to run at once by several.

    Who is being seen to by somebody else is left to them. What fails for one customer, whatever it
    is, keeps nobody behind it waiting; only a database that is away ends the sweep.
    """
    swept = Swept()
    for chunk in _chunks(at):
        found = run_each(customers=chunk, until=at, wait=False)
        swept.done += found.done
        swept.charges += found.charges
        swept.failures += found.failures
    return swept


@dataclass(slots=True, kw_only=True)
class _Crowd:
    """
    Customers of one book, and what is due next for each.

    Who shares a lane takes turns, in one order for all: first come, first paid. With ``swept``,
    what fails for one is noted there, and nothing more is done for it.
    """

    customers: Mapping[int, Customer]
    lanes: Mapping[int, int]
    done: Done
    catalogue: Snapshot
    wait: bool
    swept: Swept | None = None
    failed: set[int] = field(default_factory=set)
    next: dict[int, Due] = field(default_factory=dict)
    settled: dict[int, int] = field(default_factory=dict)  # subscriptions, with whose they are

    @property
    def everybody(self) -> list[int]:
        """Return who is to be seen to: all for whom nothing has failed."""
        return [number for number in self.customers if number not in self.failed]

    def see_to(self, documents: Clockwork | None, most: int | None) -> None:
        """Do all that is due, and what goes with it."""
        until = self.done.until
        self._each(self.everybody, lambda ids: allowances.keep(customer_ids=ids, at=until))
        self._do_all(documents, most)
        self._catch_up()
        if self.done.grants_issued:  # perhaps to allowances that are over by now
            self._each(self.everybody, lambda ids: allowances.keep(customer_ids=ids, at=until))
        self._each(self.everybody, self._after)

    def _do_all(self, documents: Clockwork | None, most: int | None) -> None:
        """Do what is due, wave by wave."""
        until, done = self.done.until, self.done
        self.next = upcoming.next_of(self.everybody, until)
        while done.instants != most:
            # What is charged at an instant is on the documents of that instant.
            wave = self._wave()
            before = wave[0].at if wave else None
            if documents is not None and (due := documents.next_due(until, before)):
                done.invoices += documents.do(*due)
                done.instants += 1
                continue
            if not wave:
                break
            self._do(wave[: None if most is None else most - done.instants])

    def _wave(self) -> list[Due]:
        """Return what is next in each lane, and all that comes at the same instant."""
        first: dict[int, Due] = {}
        for due in self.next.values():
            lane = self.lanes[due.customer_id]
            first[lane] = min(due, first.get(lane, due))
        return sorted(
            due
            for due in self.next.values()
            if (front := first[self.lanes[due.customer_id]])
            and (due.at, due.turn) == (front.at, front.turn)
        )

    def _do(self, wave: Sequence[Due]) -> None:
        """Do a wave, and look up what comes next for those for whom something was done."""
        mine = {due.customer_id: due for due in wave}
        for number in mine:
            del self.next[number]
        together = [n for n, due in mine.items() if due.what is What.SUBSCRIPTION]
        alone = [n for n, due in mine.items() if due.what is not What.SUBSCRIPTION]
        acted: set[int] = set()
        for start in range(0, len(together), _TOGETHER):
            chunk = together[start : start + _TOGETHER]
            acted.update(*self._each(chunk, lambda ids: self._settle([mine[n] for n in ids])))
        for number in alone:
            acted.update(*self._each([number], lambda ids: self._do_one(mine[ids[0]])))
        self.done.instants += len(acted)
        self.next |= upcoming.next_of(acted, self.done.until)

    def _settle(self, wave: Iterable[Due]) -> set[int]:
        """Settle subscriptions together, and return whose; the rest somebody else is at."""
        owners = {due.number: due.customer_id for due in wave}
        steps = charging.settle_all(
            subscriptions=owners,
            until=self.done.until,
            catalogue=self.catalogue,
            wait=self.wait,
        )
        mine = {number: owner for number, owner in owners.items() if self.wait or number in steps}
        self.settled |= mine
        self.done.charges += sum(step.charges for step in steps.values())
        return set(mine.values())

    def _do_one(self, due: Due) -> set[int]:
        """Do one thing that is no subscription, and return whose; nobody's: others are at it."""
        done, what, number = self.done, due.what, due.number
        if what is What.CREDIT_COMES:
            count = schedules.issue(at=due.at, customer_id=due.customer_id)
            done.grants_issued += count
            is_done = count > 0
        elif what is What.CREDIT_EXPIRES:
            count = expiry.close_expired(at=due.at, customer_id=due.customer_id)
            done.grants_expired += count
            is_done = count > 0
        elif what is What.CONTRACT:
            contract = Contract.objects.get(pk=number)
            true_up = contracts.settle(
                contract=contract, until=done.until, catalogue=self.catalogue, wait=self.wait
            )
            done.true_ups += true_up.charges if true_up else 0
            is_done = self.wait or true_up is not None
        else:
            assert what is What.CHARGE, "subscriptions are settled together"
            charge = Charge.objects.get(pk=number)
            is_posted = waiting.settle(
                charge=charge, until=done.until, catalogue=self.catalogue, wait=self.wait
            )
            done.charges += is_posted
            is_done = self.wait or is_posted
        return {due.customer_id} if is_done else set()

    def _catch_up(self) -> None:
        """Have subscriptions name the plan that is in force, where a scheduled change has come."""
        changed = SubscriptionEvent.objects.filter(
            subscription__in=self.settled, kind__in=_PLAN_CHANGES
        )
        of: dict[int, list[int]] = {}
        for number in changed.values_list("subscription", flat=True).distinct().order_by():
            of.setdefault(self.settled[number], []).append(number)
        for owner in sorted(of.keys() - self.failed):
            self._each([owner], lambda ids: _catch_up(of[ids[0]], self.done.until))

    def _after(self, customer_ids: Sequence[int]) -> None:
        """Have credit that came by cover what is owed, and what came back follow closed lots."""
        done = self.done
        for number in customer_ids:
            if self.customers[number].clock_id is not None:  # others are seen to by a sweep
                done.grants_expired += expiry.follow(at=done.until, customer_id=number)
        done.overdrafts_covered += overdraft.settle(at=done.until, customer_ids=customer_ids)

    def _each(
        self, customer_ids: Sequence[int], do: Callable[[Sequence[int]], Result]
    ) -> list[Result]:
        """Do something for customers, together if it can be; return what came of it."""
        if self.swept is None:
            with refusals():
                return [do(customer_ids)]
        found = halved(customer_ids, lambda ids: _twice(do, ids))
        self.failed |= found.errors.keys()
        self.swept.failures += found.errors.items()
        return found.results


def _twice(do: Callable[[Sequence[int]], Result], customer_ids: Sequence[int]) -> Result:
    """Do something, once more if it fails for a reason that passes."""
    try:
        with refusals():
            return do(customer_ids)
    except TransientError:
        with refusals():
            return do(customer_ids)


def _catch_up(numbers: Iterable[int], at: datetime) -> None:
    for subscription in Subscription.objects.filter(pk__in=numbers).order_by("pk"):
        with transaction.atomic():
            changes.lock(subscription.customer_id)
            changes.catch_up(subscription=subscription, at=at)


def _chunks(at: datetime) -> Iterator[list[Customer]]:
    """Return the customers for whom something is due, by book, some at a time."""
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DUE_CUSTOMERS, {"at": at, "last": last, "most": _CHUNK})
            numbers = [row[0] for row in cursor.fetchall()]
        found = sorted(Customer.objects.filter(pk__in=numbers), key=_by_book)
        for _, chunk in groupby(found, key=lambda one: one.book_id):
            yield list(chunk)
        if len(numbers) < _CHUNK:
            return
        last = numbers[-1]


def _by_book(customer: Customer) -> tuple[int, int]:
    return customer.book_id, customer.pk


_DUE_CUSTOMERS: Final = """
    SELECT c.id FROM ledger_customer c
    JOIN (SELECT customer_id FROM billing_subscription
          WHERE due_at <= %(at)s AND customer_id > %(last)s
          UNION SELECT customer_id FROM billing_contract
          WHERE due_at <= %(at)s AND customer_id > %(last)s
          UNION SELECT customer_id FROM billing_charge
          WHERE scheduled_at <= %(at)s AND customer_id > %(last)s
          UNION SELECT customer_id FROM billing_entitlement
          WHERE wallet_id IS NULL AND "limit" IS NOT NULL AND starts_at <= %(at)s
            AND (ends_at IS NULL OR ends_at > %(at)s) AND customer_id > %(last)s
          UNION SELECT customer_id FROM billing_entitlement
          WHERE wallet_id IS NOT NULL AND ends_at <= %(at)s
            AND ends_at > %(at)s - interval '2 days' AND customer_id > %(last)s) d
      ON d.customer_id = c.id
    WHERE c.clock_id IS NULL
    ORDER BY c.id LIMIT %(most)s
"""
