"""Balances now and as of any instant agree with adding up the entries one by one."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import balances, ids
from ledger.errors import OutOfBalanceError
from ledger.models import Period, Transaction
from ledger.moves import Move
from tests.factories import NOON
from tests.ledger import journal

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
MIDNIGHT = datetime(2025, 6, 15, tzinfo=UTC)


@pytest.fixture
def scene(transactional_db):
    return journal.scene()


@pytest.fixture
def busy(scene):
    """Return a scene with entries over four days, some folded, some not, some late."""
    chance = random.Random(7)
    scene.top_up(100_000, at=NOON - 3 * DAY)
    for round_ in range(3):
        moves = [
            Move(
                scene.lot.pk,
                scene.revenue.pk,
                Decimal(chance.randrange(1, 10**6)) / 1000,
                NOON - DAY * 2 + timedelta(microseconds=chance.randrange(4 * 86_400 * 10**6)),
            )
            for _ in range(30)
        ]
        scene.post(moves[:15])
        scene.post_each(moves[15:])
        scene.post([Move(scene.lot.pk, scene.revenue.pk, Decimal(round_ + 1), MIDNIGHT)])
        if round_ < 2:
            journal.fold()
    return scene


def instants():
    chance = random.Random(3)
    drawn = [timedelta(microseconds=chance.randrange(-(10**11), 3 * 10**11)) for _ in range(12)]
    edges = [MIDNIGHT, MIDNIGHT + MICROSECOND, MIDNIGHT - MICROSECOND, NOON, NOON + MICROSECOND]
    return edges + [MIDNIGHT + shift for shift in drawn]


def test_now_is_exact_before_and_after_folding(busy):
    for account in (busy.lot, busy.revenue, busy.clearing):
        held = balances.now([account.pk])[account.pk]
        assert (held.debits, held.credits) == journal.volumes(account)

    journal.fold()
    held = balances.now([busy.revenue.pk])[busy.revenue.pk]
    assert (held.debits, held.credits) == journal.volumes(busy.revenue)


def test_now_tells_what_may_still_be_taken(scene):
    scene.top_up(10)
    held = balances.now([scene.lot.pk])[scene.lot.pk]

    assert (held.settled, held.available, held.floor) == (10, 10, 0)
    assert balances.now([scene.clearing.pk])[scene.clearing.pk].available is None


def test_now_is_one_query_for_many_accounts(busy):
    numbers = [busy.lot.pk, busy.revenue.pk, busy.clearing.pk]
    with CaptureQueriesContext(connection) as queries:
        assert balances.now(numbers).keys() == set(numbers)
    assert len(queries) == 1


def test_unknown_accounts_are_left_out(scene):
    assert balances.now([1]) == {}
    assert balances.as_of(account_ids=[1], effective_at=NOON) == {}


def test_as_of_effective_time_is_exact(busy):
    accounts = (busy.lot, busy.revenue, busy.clearing)
    for effective_at in instants():
        found = balances.as_of(account_ids=[a.pk for a in accounts], effective_at=effective_at)
        for account in accounts:
            volumes = found[account.pk]
            expected = journal.volumes(account, effective_at=effective_at)
            assert (volumes.debits, volumes.credits) == expected, effective_at


def test_as_of_posted_time_is_exact_and_so_are_both_together(busy):
    posted = sorted(Transaction.objects.values_list("posted_at", flat=True))
    for posted_at in (*posted[::9], posted[-1] + MICROSECOND, posted[3] - MICROSECOND):
        for effective_at in (None, NOON, MIDNIGHT, MIDNIGHT + timedelta(hours=20)):
            for account in (busy.lot, busy.revenue):
                volumes = balances.as_of(
                    account_ids=[account.pk], effective_at=effective_at, posted_at=posted_at
                )[account.pk]
                assert (volumes.debits, volumes.credits) == journal.volumes(
                    account, effective_at=effective_at, posted_at=posted_at
                )


def test_as_of_the_instant_of_an_entry_does_not_hold_it_yet(scene):
    scene.top_up(10, at=NOON)

    before = balances.as_of(account_ids=[scene.lot.pk], effective_at=NOON)
    after = balances.as_of(account_ids=[scene.lot.pk], effective_at=NOON + MICROSECOND)
    assert (before[scene.lot.pk].settled, after[scene.lot.pk].settled) == (0, 10)


def test_as_of_posted_days_ago_reads_buckets_of_earlier_posting_days(busy):
    journal.fold()
    tomorrow = max(Transaction.objects.values_list("posted_at", flat=True)) + DAY

    found = balances.as_of(account_ids=[busy.lot.pk], posted_at=tomorrow)[busy.lot.pk]
    assert (found.debits, found.credits) == journal.volumes(busy.lot)
    assert not balances.as_of(account_ids=[busy.lot.pk], posted_at=ids.EPOCH)[busy.lot.pk].settled


def test_trial_balance_of_everything_balances(busy):
    busy.consume(40)
    rows = {(row.purpose, row.asset): row for row in balances.trial_balance(book=busy.book)}

    assert rows["rail_clearing", "USD"].closing == 100_000
    assert rows["consumed_units", "token"].type == "memo"
    assert sum(row.closing for row in rows.values() if row.asset == "USD") == 0


@pytest.mark.parametrize("effective_at", [MIDNIGHT, NOON + timedelta(hours=3)], ids=str)
def test_trial_balance_as_of_an_instant(busy, effective_at):
    rows = {
        row.purpose: row
        for row in balances.trial_balance(book=busy.book, effective_at=effective_at)
    }

    for account in (busy.lot, busy.revenue, busy.clearing):
        row = rows[account.purpose]
        assert (row.debits, row.credits) == journal.volumes(account, effective_at=effective_at)


def test_trial_balance_of_a_period_opens_with_what_came_before(scene):
    scene.top_up(10, at=NOON - 31 * DAY)
    scene.top_up(5, at=NOON)
    journal.fold()
    scene.use(3, at=NOON)
    june = Period.objects.get(book=scene.book, starts_at__lte=NOON, ends_at__gt=NOON)

    rows = {row.purpose: row for row in balances.trial_balance(book=scene.book, period=june)}
    lot = rows["credit_lot"]
    assert (lot.opening, lot.debits, lot.credits, lot.closing) == (-10, 3, 5, -12)


def test_trial_balance_says_when_the_books_are_damaged(scene):
    scene.top_up(10)
    journal.fold()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_bucket SET debits = 11 WHERE debits = 10")

    with pytest.raises(OutOfBalanceError, match="USD"):
        balances.trial_balance(book=scene.book)


def test_books_do_not_mix(scene):
    scene.top_up(10)
    other = journal.scene()
    other.top_up(7)

    [row] = [row for row in balances.trial_balance(book=other.book) if row.type == "asset"]
    assert row.closing == 7
