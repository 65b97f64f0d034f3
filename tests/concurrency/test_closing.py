"""Sixteen writers at the instant a period closes: each batch is in it, or in the next one."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from ledger import bulk, chart, closing
from ledger.models import Period, Transaction
from ledger.moves import Move, Posting
from tests.factories import NOON
from tests.ledger import journal

pytestmark = pytest.mark.django_db(transaction=True)

AFTER = datetime(2025, 8, 1, tzinfo=UTC)
WRITERS, BATCHES, SIZE = 16, 12, 3


def batch(scene, name):
    """Return postings of three days of the closing month."""
    move = Move(scene.clearing.pk, scene.lot.pk, Decimal(1))
    return [
        Posting(
            book_id=scene.book.pk,
            kind="test",
            key=f"{name}-{part}",
            effective_at=NOON + timedelta(days=part),
            moves=[move],
        )
        for part in range(SIZE)
    ]


def test_whatever_races_with_a_close_is_wholly_in_or_wholly_after(scene_in_june):
    scene, june = scene_in_june
    errors, start = [], threading.Barrier(WRITERS + 1)

    def write(number):
        try:
            start.wait(10)
            for turn in range(BATCHES):
                bulk.post(postings=batch(scene, f"{number}-{turn}"))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    start.wait(10)
    while Transaction.objects.count() < WRITERS * SIZE:
        pass
    closing.close(period=june, at=AFTER)
    in_june = Transaction.objects.filter(period=june).count()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert Transaction.objects.filter(period=june).count() == in_june
    assert Transaction.objects.filter(kind="test").count() == WRITERS * BATCHES * SIZE + 1
    periods = {
        (key.rpartition("-")[0], period)
        for key, period in Transaction.objects.exclude(key="k0").values_list("key", "period")
    }
    assert len(periods) == WRITERS * BATCHES, "a batch is in two periods"
    assert len({period for _, period in periods}) == 2, "the race did not happen"


@pytest.fixture
def scene_in_june():
    chart.forget()
    scene = journal.scene()
    scene.top_up(1)
    yield scene, Period.objects.get(book=scene.book)
    chart.forget()
