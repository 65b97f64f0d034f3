"""The same events give the same, in any order, cut into any batches, sent however often."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import Accrual
from tests.billing.scene import DAY, START, event, left_in, new_scene
from tests.factories import NOON

pytestmark = pytest.mark.django_db

KINDS = ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
RECEIVED = NOON + 60 * DAY
QUICKLY = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)

times = st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours))
months = times | st.just(NOON - 31 * DAY)
subjects = st.sampled_from(["api", "team", "stranger"])
models = st.sampled_from([None, "big", "small"])
drawn = st.lists(
    st.tuples(st.integers(-500, 3000), months, subjects, models), min_size=1, max_size=12
)


def written(usage):
    return [
        event(
            Decimal(cents).scaleb(-2),
            id=f"e{n:02}",
            at=at,
            subject=subject,
            **({"model": model} if model else {}),
        )
        for n, (cents, at, subject, model) in enumerate(usage)
    ]


@st.composite
def deliveries(draw, usage):
    """Batches of all events in some order, some of them more than once."""
    events = written(usage)
    again = draw(st.lists(st.sampled_from(events), max_size=5))
    order = draw(st.permutations([*events, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=4)) | {0, len(order)})
    return [order[a:b] for a, b in pairwise(cuts)]


both = drawn.flatmap(lambda usage: st.tuples(deliveries(usage), deliveries(usage)))


def told(batches, prepare):
    """Send batches into a new book; return what its accounts and series say."""
    scene = new_scene()
    accounts = prepare(scene)
    accepted = sum(scene.send(*batch, at=RECEIVED).accepted for batch in batches)
    with connection.cursor() as cursor:
        cursor.execute(_POSITIONS, [scene.book.pk])
        positions = cursor.fetchall()
    series = Accrual.objects.filter(meter__book=scene.book).order_by(
        "customer_id", "meter__key", "rate_id", "period_start"
    )
    values = list(
        series.values_list("meter__key", "period_start", "quantity", "amount", "cost", "events")
    )
    return accepted, positions, values, left_in(accounts)


def every_meter(scene):
    scene.child("team")
    for kind in KINDS:
        meter = scene.meter(kind, price="2.5", cost="0.5", dimensions={"model": "$.model"})
        scene.rate(meter, 10, match={"model": "big"})
        scene.rate(meter, 3, since=NOON)
    return []


@QUICKLY
@given(both)
def test_any_delivery_gives_the_same_accounts_and_series(deliveries):
    first, second = deliveries

    assert told(first, every_meter) == told(second, every_meter)


def growing_only(scene):
    """Meters that only rise, and lots that fit all usage: then every lot agrees as well."""
    scene.child("team")
    scene.limit(7)
    scene.meter("count", price=2, path="")
    scene.meter("max", price=1, path="$.rank")
    ends = [None, NOON + 90 * DAY, NOON + 80 * DAY]
    return [
        scene.grant(amount, expires_at=end) for amount, end in zip([9, 4, 6], ends, strict=True)
    ]


rising = st.lists(st.tuples(st.integers(0, 20), months), min_size=1, max_size=14)


@QUICKLY
@given(
    rising.flatmap(
        lambda usage: st.tuples(
            *[
                st.permutations(
                    [event(id=f"e{n}", at=at, rank=rank) for n, (rank, at) in enumerate(usage)]
                )
            ]
            * 2,
            st.integers(1, 5),
            st.integers(1, 5),
        )
    )
)
def test_lots_are_spent_alike_in_any_order(drawn):
    first, second, size, other_size = drawn

    assert told(cut(first, size), growing_only) == told(cut(second, other_size), growing_only)


def cut(events, size):
    return [events[start : start + size] for start in range(0, len(events), size)]


def lots_and_falls(scene):
    scene.limit(15)
    scene.meter("latest", price=2)
    scene.meter("avg", price=1)
    scene.meter("sum", price=1)
    lots = [(9, NOON + timedelta(hours=2)), (14, None), (6, NOON + timedelta(hours=4))]
    return [scene.grant(amount, expires_at=end, at=START) for amount, end in lots]


@QUICKLY
@given(
    st.lists(st.tuples(st.integers(-300, 2000), times), min_size=1, max_size=10),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_batches_of_any_size_pay_from_the_same_lots(usage, size, other_size):
    events = [
        event(Decimal(cents).scaleb(-2), id=f"e{n:02}", at=at)
        for n, (cents, at) in enumerate(sorted(usage, key=lambda one: one[1]))
    ]

    assert told(cut(events, size), lots_and_falls) == told(cut(events, other_size), lots_and_falls)


# What belongs to customers is told by whose it is and for what; lots, accounts and overdrafts
# together: which of them paid depends on what was there when usage came.
_POSITIONS = """
    SELECT coalesce(c.parent_id IS NULL, false), a.discriminator_, s.code, sum(e.amount)
    FROM (SELECT debit_account_id AS account_id, amount FROM ledger_entry
          UNION ALL SELECT credit_account_id, -amount FROM ledger_entry) e
    JOIN (SELECT *, CASE WHEN purpose IN ('credit_lot', 'unbilled', 'overdraft') THEN 'means'
                         ELSE purpose || ' ' || discriminator END AS discriminator_
          FROM ledger_account) a ON a.id = e.account_id
    JOIN ledger_asset s ON s.id = a.asset_id
    LEFT JOIN ledger_customer c ON c.id = a.customer_id
    WHERE a.book_id = %s
    GROUP BY 1, 2, 3 HAVING sum(e.amount) <> 0 ORDER BY 1, 2, 3
"""


@QUICKLY
@given(both)
def test_entries_of_every_asset_sum_to_zero(deliveries):
    _, positions, _, _ = told(deliveries[0], lots_and_falls)

    totals = {}
    for _, _, asset, amount in positions:
        totals[asset] = totals.get(asset, 0) + amount
    assert set(totals.values()) <= {0}
