"""Statements page through an account in order, and their running balance is exact."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import balances, statements
from ledger.errors import InvalidInputError
from ledger.models import Account, Transaction
from ledger.moves import Move
from tests.factories import NOON
from tests.ledger import journal

HOUR = timedelta(hours=1)
START, END = NOON - 100 * HOUR, NOON + 100 * HOUR


@pytest.fixture
def scene(db):
    return journal.scene()


@pytest.fixture
def busy(scene):
    """Return a scene whose lot has lines at drawn times, several of them at the same instant."""
    chance = random.Random(11)
    scene.top_up(100_000, at=START)
    for _ in range(4):
        scene.post(
            [
                Move(
                    scene.lot.pk,
                    scene.revenue.pk,
                    Decimal(chance.randrange(1, 9999)) / 100,
                    NOON + chance.randrange(-6, 6) * HOUR,
                )
                for _ in range(15)
            ]
        )
    return scene


def pages(account, *, limit, starts_at=START, ends_at=END):
    cursor = None
    while True:
        page = statements.statement(
            account=account, starts_at=starts_at, ends_at=ends_at, cursor=cursor, limit=limit
        )
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def posted_range():
    times = sorted(Transaction.objects.values_list("posted_at", flat=True))
    return {"starts_at": times[0], "ends_at": times[-1] + HOUR}


@pytest.mark.parametrize("limit", [1, 7, 61, 500])
def test_pages_give_every_line_once_in_order(busy, limit):
    lines = [line for page in pages(busy.lot, limit=limit) for line in page.lines]

    order = [(line.effective_at, line.entry_id) for line in lines]
    assert order == sorted(order)
    assert len(set(order)) == 61


@pytest.mark.parametrize("limit", [1, 7, 61])
def test_each_line_carries_the_balance_it_leaves(busy, limit):
    balance = Decimal(0)
    for page in pages(busy.lot, limit=limit):
        assert page.opening == balance
        for line in page.lines:
            balance += line.credit - line.debit
            assert line.balance == balance
        assert page.closing == balance
    assert balance == balances.now([busy.lot.pk])[busy.lot.pk].settled


def test_a_statement_opens_with_what_happened_before(busy):
    [page] = pages(busy.lot, limit=100, starts_at=NOON)

    assert (
        page.opening
        == balances.as_of(account_ids=[busy.lot.pk], effective_at=NOON)[busy.lot.pk].settled
    )
    assert all(line.effective_at >= NOON for line in page.lines)


def test_lines_name_the_other_side_and_where_they_come_from(busy):
    first = statements.statement(account=busy.lot, starts_at=START, ends_at=END, limit=1).lines[0]

    assert first.counter_account == busy.clearing
    assert (first.amount, first.credit, first.debit) == (100_000, 100_000, 0)
    assert (first.kind, first.key) == ("test", "k0")


def test_a_house_account_has_a_line_for_each_transaction(busy):
    lines = [line for page in pages(busy.revenue, limit=3, **posted_range()) for line in page.lines]

    assert len(lines) == 4
    assert lines[-1].balance == balances.now([busy.revenue.pk])[busy.revenue.pk].settled
    assert all(line.entry_id is None and line.counter_account is None for line in lines)


def test_a_page_takes_the_same_few_queries_however_long_it_is(busy):
    lot = Account.objects.select_related("balance").get(pk=busy.lot.pk)
    counts = []
    for limit in (1, 60):
        with CaptureQueriesContext(connection) as queries:
            statements.statement(account=lot, starts_at=START, ends_at=END, limit=limit)
        counts.append(len(queries))
    assert counts == [4, 4]


@pytest.mark.parametrize("cursor", ["x", "bnVsbA==", "WyIiLCAwLCAiMSJd", "WyIiLCA1LCAiTmFOIl0="])
def test_a_cursor_that_is_none_is_refused(scene, cursor):
    with pytest.raises(InvalidInputError, match="cursor"):
        statements.statement(account=scene.lot, starts_at=START, ends_at=END, cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_bounds_is_refused(scene, limit):
    with pytest.raises(InvalidInputError, match="limit"):
        statements.statement(account=scene.lot, starts_at=START, ends_at=END, limit=limit)


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def plan_of(query, parameters):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # the tables are small here
        # Whether the order can be had from indexes, however few rows the statistics know of.
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", parameters)
        return list(nodes(cursor.fetchone()[0][0]["Plan"]))


def test_a_customers_page_reads_the_index_in_order_and_stops(busy):
    plan = plan_of(
        statements._CUSTOMERS,
        {"account": busy.lot.pk, "starts_at": START, "ends_at": END, "after": 0, "limit": 51},
    )

    scans = [node for node in plan if node.get("Relation Name", "").startswith("ledger_entry")]
    assert scans
    assert all("account_id_effective_at" in node["Index Name"] for node in scans)
    whole_sorts = [node for node in plan if node["Node Type"] == "Sort"]
    assert len(whole_sorts) <= 1, "only the page itself may be sorted"


def test_a_house_page_reads_its_deltas_in_order_and_stops(busy):
    plan = plan_of(
        statements._HOUSE, {"account": busy.revenue.pk, "first": 0, "until": 1 << 62, "limit": 51}
    )

    scans = [node for node in plan if node.get("Relation Name", "").startswith("ledger_delta")]
    assert scans
    assert all("Index" in node["Node Type"] for node in scans)
    assert any(node.get("Strategy") == "Sorted" for node in plan), "groups come in index order"
