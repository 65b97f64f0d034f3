"""A simulation reads, and no more than it must."""

import tracemalloc
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from billing import catalogue
from billing.metering import rollups
from billing.simulations import asking, comparing
from tests import factories
from tests.billing.scene import START, event, new_scene
from tests.billing.simulations.conftest import JUNE
from tests.billing.simulations.test_prices import PER_EVENT, TABLE, UNIT
from tests.factories import NOON


def offer(scene, price):
    asked = {"price": price, "meter": "sum", "currency": "USD"}
    return asking.offer_of(book=scene.book, span=JUNE, asked=asked)


def simulate(scene, price, **options):
    found = offer(scene, price)
    return comparing.simulate(book=scene.book, offer=found, span=JUNE, **options)


def send(scene, count, subjects=("api",), start=0):
    for at in range(start, start + count, 1000):
        scene.send(
            *(
                event(
                    1 + number % 7,
                    id=f"n{number}",
                    at=NOON + timedelta(seconds=number),
                    subject=subjects[number % len(subjects)],
                    model=("large", "small", "x")[number % 3],
                )
                for number in range(at, min(at + 1000, start + count))
            ),
            at=NOON + timedelta(days=1),
        )


@pytest.fixture
def metered(db):
    scene = new_scene()
    scene.meter("sum", dimensions={"model": "$.model"}, price="1")
    return scene


def state_of_tables():
    """Return how often each table has ever been written to in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
        )
        return dict(cursor.fetchall())


@pytest.mark.parametrize("price", [UNIT, TABLE, PER_EVENT], ids=["series", "sums", "events"])
def test_nothing_is_written(metered, price):
    send(metered, 30)
    before = state_of_tables()

    assert list(simulate(metered, price))
    assert state_of_tables() == before


def test_the_database_refuses_to_write_meanwhile(metered):
    send(metered, 3)
    rows = simulate(metered, UNIT)
    next(rows)

    with pytest.raises(DatabaseError, match="read-only transaction"):
        factories.book()
    with pytest.raises(DatabaseError):
        next(rows)


def test_writing_goes_on_afterwards(metered):
    send(metered, 3)
    list(simulate(metered, UNIT))

    assert factories.book().pk


@pytest.mark.django_db(transaction=True)
def test_one_state_of_the_database_is_seen_throughout():
    scene = new_scene()
    scene.meter("sum", price="1")
    send(scene, 3)
    rollups.fold()
    with CaptureQueriesContext(connection) as captured:
        [row] = simulate(scene, UNIT)

    said = [query["sql"] for query in captured.captured_queries]
    assert any("REPEATABLE READ" in sql for sql in said)
    assert any("READ ONLY" in sql for sql in said)
    assert row.simulated == 2 * row.posted == 2 * (1 + 2 + 3)


@pytest.mark.django_db(transaction=True)
def test_folded_usage_and_its_corrections_are_summed_up():
    scene = new_scene()
    scene.meter("sum", dimensions={"model": "$.model"}, price="1")
    send(scene, 9)
    rollups.fold()
    scene.void("n0")
    send(scene, 3, start=9)

    [row] = simulate(scene, TABLE)
    large, small, other = 4 + 7 + 3, 2 + 5 + 1 + 4, 3 + 6 + 2 + 5
    assert row.quantity == large + small + other
    assert row.simulated == large * 5 + small * 0.5 + other


@pytest.mark.parametrize(
    ("price", "queries"), [(UNIT, 8), (TABLE, 8), (PER_EVENT, 7)], ids=["series", "sums", "events"]
)
def test_queries_depend_on_customers_not_on_events(metered, price, queries):
    def count():
        found = offer(metered, price)
        with CaptureQueriesContext(connection) as captured:
            rows = list(comparing.simulate(book=metered.book, offer=found, span=JUNE))
        assert len(rows) == 1
        return len(captured)

    send(metered, 10)
    few = count()
    send(metered, 3000, start=10)
    assert count() == few <= queries


def test_customers_are_taken_in_batches_each_once(metered, monkeypatch):
    subjects = ["api", *(f"s{number}" for number in range(6))]
    for subject in subjects[1:]:
        child = factories.customer(book=metered.book)
        catalogue.map_subject(book=metered.book, key=subject, customer=child, at=START)
    send(metered, 70, subjects)
    done = []
    whole = list(simulate(metered, UNIT))
    monkeypatch.setattr(comparing, "AT_A_TIME", 3)
    batched = list(simulate(metered, UNIT, advance=done.append))

    assert whole == batched
    assert len({row.customer for row in batched}) == 7
    assert done == [3, 3, 1]


def test_memory_does_not_grow_with_events(metered):
    def peak():
        list(simulate(metered, PER_EVENT))  # what is remembered for ever is remembered now
        tracemalloc.start()
        list(simulate(metered, PER_EVENT))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    send(metered, 3000)
    before = peak()
    send(metered, 6000, start=3000)
    assert peak() < before * 1.5
