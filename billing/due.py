"""
What is due for a customer up to an instant: done in order, once, whoever asks and how often.

Fees and minimums of subscriptions, true-ups of contracts, charges that wait for their time,
recurring credit and the expiry of credit are taken by their instants; each is a transaction of its
own, so that a crash loses nothing and the next run goes on. The schedule calls this for the real
time, a test clock for its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from heapq import heapify, heappop, heappush
from typing import Final

from django.db import connection, transaction

from billing import charging, contracts
from billing.charging import waiting
from billing.entitlements import allowances
from billing.invoicing import clocked
from billing.invoicing.clocked import Clockwork
from billing.metering import snapshot
from billing.metering.snapshot import Snapshot
from billing.models import Charge, Contract, Subscription, SubscriptionEvent
from billing.subscriptions import changes
from billing.subscriptions.history import Kind
from ledger.models import Customer
from ledger.sweeps import Sweep
from wallets import expiry, overdraft, schedules

_PLAN_CHANGES: Final = (Kind.CHANGED, Kind.MIGRATED)
_CHUNK: Final = 200  # customers that a sweep looks up at once


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


class _Credit(Enum):
    """What credit does by itself."""

    COMES = "comes"  # what is left of the grant before rolls over
    EXPIRES = "expires"


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """The next thing to be done; at one instant charges come first, the expiry of credit last."""

    at: datetime
    turn: int
    what: Subscription | Contract | Charge | _Credit = field(compare=False)


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
    everybody = [customer.pk for customer in customers]
    allowances.keep(customer_ids=everybody, at=until)
    documents = clocked.of(customers) if makes_invoices else None
    settled = _do_all(customers, documents, done, until, wait=wait, most=most)
    changed = SubscriptionEvent.objects.filter(subscription__in=settled, kind__in=_PLAN_CHANGES)
    for number in changed.values_list("subscription", flat=True).distinct().order_by():
        _catch_up(settled[number], until)
    if done.grants_issued:  # perhaps to allowances that are over by now
        allowances.keep(customer_ids=everybody, at=until)
    for customer in customers:
        if customer.clock_id is not None:  # others are seen to by a sweep
            done.grants_expired += expiry.follow(at=until, customer_id=customer.pk)
        done.overdrafts_covered += overdraft.settle(at=until, customer_id=customer.pk)
    return done


def _do_all(
    customers: Sequence[Customer],
    documents: Clockwork | None,
    done: Done,
    until: datetime,
    *,
    wait: bool,
    most: int | None,
) -> dict[int, Subscription]:
    """Do what is due, instant by instant, and return the subscriptions that were charged."""
    catalogue = snapshot.current(customers[0].book_id)
    waiting = [(due, one.pk, one) for one in customers if (due := _next(one, until))]
    heapify(waiting)
    settled: dict[int, Subscription] = {}
    while done.instants != most:
        # What is charged at an instant is on the documents of that instant.
        before = waiting[0][0].at if waiting else None
        if documents is not None and (next_ := documents.next_due(until, before)):
            done.invoices += documents.do(*next_)
            done.instants += 1
            continue
        if not waiting:
            break
        due, _, customer = heappop(waiting)
        if not _do(due, done, catalogue, customer, until, wait=wait):
            continue
        done.instants += 1
        if isinstance(due.what, Subscription):
            settled[due.what.pk] = due.what
        if following := _next(customer, until):
            heappush(waiting, (following, customer.pk, customer))
    return settled


def sweep(*, at: datetime) -> Swept:
    """
    Do what is due for every customer that lives by the real time; safe to run at once by several.

    Who is being seen to by somebody else is left to them. What fails for one customer, whatever it
    is, keeps nobody behind it waiting; only a database that is away ends the sweep.
    """
    swept = Swept()
    for customer in _customers(at):
        with swept.each(customer.pk):
            done = run(customer=customer, until=at, wait=False)
            swept.done += 1
            swept.charges += done.charges + done.true_ups
    return swept


def _next(customer: Customer, until: datetime) -> _Due | None:
    """Return the first thing that is due."""
    mine = {"customer": customer, "due_at__lte": until}
    found: list[_Due] = []
    if subscription := Subscription.objects.filter(**mine).order_by("due_at", "pk").first():
        assert subscription.due_at is not None, "it was asked for by it"
        found.append(_Due(subscription.due_at, 0, subscription))
    if contract := Contract.objects.filter(**mine).order_by("due_at", "pk").first():
        assert contract.due_at is not None, "it was asked for by it"
        found.append(_Due(contract.due_at, 1, contract))
    charges = Charge.objects.filter(customer=customer, scheduled_at__lte=until)
    if charge := charges.order_by("scheduled_at", "pk").first():
        assert charge.scheduled_at is not None, "it was asked for by it"
        found.append(_Due(charge.scheduled_at, 1, charge))
    comes_at = schedules.next_due(customer_id=customer.pk)
    if comes_at is not None and comes_at <= until:
        found.append(_Due(comes_at, 2, _Credit.COMES))
    expires_at = expiry.next_expiry(customer_id=customer.pk)
    if expires_at is not None and expires_at <= until:
        found.append(_Due(expires_at, 3, _Credit.EXPIRES))
    return min(found, default=None)


def _do(
    due: _Due,
    done: Done,
    catalogue: Snapshot,
    customer: Customer,
    until: datetime,
    *,
    wait: bool,
) -> bool:
    """Do one thing; false: somebody else is at it."""
    if due.what is _Credit.COMES:
        issued = schedules.issue(at=due.at, customer_id=customer.pk)
        done.grants_issued += issued
        return issued > 0  # none: somebody else is issuing them
    if due.what is _Credit.EXPIRES:
        closed = expiry.close_expired(at=due.at, customer_id=customer.pk)
        done.grants_expired += closed
        return closed > 0  # none: somebody else is closing them
    if isinstance(due.what, Contract):
        true_up = contracts.settle(contract=due.what, until=until, catalogue=catalogue, wait=wait)
        done.true_ups += true_up.charges if true_up else 0
        return wait or true_up is not None
    if isinstance(due.what, Charge):
        is_done = waiting.settle(charge=due.what, until=until, catalogue=catalogue, wait=wait)
        done.charges += is_done
        return wait or is_done
    step = charging.settle(subscription=due.what, until=until, catalogue=catalogue, wait=wait)
    done.charges += step.charges if step else 0
    return wait or step is not None


def _catch_up(subscription: Subscription, at: datetime) -> None:
    """Have a subscription name the plan that is in force, where a scheduled change has come."""
    with transaction.atomic():
        changes.lock(subscription.customer_id)
        changes.catch_up(subscription=subscription, at=at)


def _customers(at: datetime) -> Iterator[Customer]:
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DUE_CUSTOMERS, {"at": at, "last": last, "most": _CHUNK})
            numbers = [row[0] for row in cursor.fetchall()]
        yield from Customer.objects.filter(pk__in=numbers).order_by("pk")
        if len(numbers) < _CHUNK:
            return
        last = numbers[-1]


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
