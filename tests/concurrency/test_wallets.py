"""Grants, sweeps and usage at once: nothing happens twice, nobody waits in a circle."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier

import pytest
from django.db import connection

from ledger.models import Balance, Customer, Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import left_in, owed_by, use
from wallets import checks, expiry, grants, overdraft, schedules, summary, transfers
from wallets.errors import CreditExhaustedError
from wallets.models import CreditGrant, Wallet

pytestmark = pytest.mark.django_db(transaction=True)

CHECKS = [
    checks.lots_belong_to_grants,
    checks.grants_were_posted,
    checks.wallets_add_up,
    checks.deferred_revenue_rolls_forward,
]
HOUR = timedelta(hours=1)
END = NOON + HOUR


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run the calls in threads that start together, and return what each gave or raised."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        try:
            barrier.wait(timeout=10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, c) for c in calls]]


def test_eight_issues_under_one_key_post_once():
    wallet = factories.wallet()

    found = at_once(*[lambda: factories.grant(wallet=wallet, key="k1")] * 8)

    assert len({grant.pk for grant in found}) == 1
    assert CreditGrant.objects.count() == Transaction.objects.filter(kind="grant").count() == 1
    assert left_in(found[0]) == 100


def test_sweeps_at_once_close_each_lot_once():
    wallet = factories.wallet()
    for _ in range(40):
        factories.grant(wallet=wallet, expires_at=END)

    closed = at_once(*[lambda: expiry.close_expired(at=END)] * 4)

    assert sum(closed) == 40
    assert Transaction.objects.filter(kind="expiry").count() == 40
    assert not Balance.objects.filter(account__purpose="credit_lot", credits__gt=0).exclude(
        debits=100
    )


def test_voids_at_once_return_what_is_unused_once():
    grant = factories.grant()

    at_once(*[lambda: grants.void(grant=grant, at=NOON)] * 6)

    assert Transaction.objects.filter(kind="void").count() == 1
    assert left_in(grant) == 0


def test_settling_at_once_covers_an_overdraft_once():
    wallet = factories.wallet()
    use(wallet.customer, 30, at=NOON)
    grant = factories.grant(wallet=wallet, effective_at=END)

    at_once(*[lambda: overdraft.settle(at=END)] * 4)

    assert (left_in(grant), owed_by(wallet.customer)) == (70, 0)


def spend(team: Customer) -> None:
    for _ in range(15):
        use(team, Decimal("7.5"), at=NOON)


def sell(wallets: list[Wallet]) -> None:
    for wallet in wallets * 5:
        factories.grant(wallet=wallet, amount=10)


def sweep() -> None:
    for hours in (1, 2):
        expiry.close_expired(at=NOON + hours * HOUR)
        overdraft.settle(at=NOON)


def test_usage_grants_sweeps_and_voids_at_once_add_up():
    company = factories.customer()
    teams = [factories.customer(parent=company) for _ in range(3)]
    shared = factories.wallet(customer=company, is_shared=True)
    own = [factories.wallet(customer=team) for team in teams]
    for wallet in [shared, *own]:
        factories.grant(wallet=wallet, amount=50, expires_at=NOON + HOUR)
        factories.grant(wallet=wallet, amount=50, expires_at=NOON + 2 * HOUR)
    doomed = factories.grant(wallet=shared, amount=50)

    at_once(
        *[partial(spend, team) for team in teams],
        sweep,
        sweep,
        partial(sell, own),
        lambda: grants.void(grant=doomed, at=NOON),
    )
    sweep()

    assert [line for check in CHECKS for line in check(book_id=None)] == []
    assert Transaction.objects.filter(kind="spending").count() == 45


def test_runs_at_once_issue_each_recurring_grant_once():
    customers = [factories.customer(book=factories.book()) for _ in range(20)]
    for customer in customers:
        schedules.create(
            wallet=factories.wallet(customer=customer),
            key="hourly",
            amount=Decimal(10),
            cadence="PT1H",
            starts_at=NOON,
            rollover_maximum=Decimal(5),
            at=NOON,
        )

    issued = at_once(*[lambda: schedules.issue(at=NOON + 2 * HOUR)] * 6)

    assert sum(issued) == 60
    assert CreditGrant.objects.count() == 20 * (3 + 1 + 1)  # and what rolled over twice
    assert [list(check(book_id=None)) for check in CHECKS] == [[]] * len(CHECKS)


def test_transfers_to_and_fro_never_wait_in_a_circle_nor_move_more_than_there_is():
    first = factories.wallet()
    second = factories.wallet(customer=factories.customer(book=first.customer.book))
    for wallet in (first, second):
        factories.grant(wallet=wallet)

    def move(number):
        ends = (first, second) if number % 2 else (second, first)
        return lambda: _moved(ends, number)

    moved = at_once(*[move(number) for number in range(12)])

    assert any(moved)
    whole = summary.of_wallets([first.pk, second.pk], at=NOON)
    assert sum(one.available for one in whole.values()) == 200
    assert sum(one.transferred for one in whole.values()) == 0
    assert [list(check(book_id=None)) for check in CHECKS] == [[]] * len(CHECKS)


def _moved(ends, number):
    source, target = ends
    try:
        return transfers.transfer(
            source=source, target=target, key=f"t{number}", amount=Decimal(60), at=NOON
        )
    except CreditExhaustedError:
        return None
