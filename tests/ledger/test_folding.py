"""Folding sums deltas up, once, whoever runs it and however often."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction

from ledger import balances, folding
from ledger.errors import ForeignHistoryError
from ledger.models import Balance, Bucket, Watermark
from tests.ledger import journal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene():
    scene = journal.scene()
    scene.top_up(1000)
    return scene


def bucketed(account):
    return sum(
        (bucket.debits - bucket.credits for bucket in Bucket.objects.filter(account=account)),
        Decimal(0),
    )


def test_everything_final_is_folded_into_buckets_and_house_balances(scene):
    for amount in (1, 2, 3):
        scene.use(amount)

    assert journal.fold() == 4

    assert bucketed(scene.lot) == -994
    assert Balance.objects.get(account=scene.revenue).credits == 6
    assert Balance.objects.get(account=scene.lot).debits == 6


def test_folding_again_changes_nothing(scene):
    scene.use(5)
    journal.fold()
    before = list(Bucket.objects.order_by("pk").values()), list(Watermark.objects.values())

    assert folding.fold() == 0
    assert (
        list(Bucket.objects.order_by("pk").values()),
        list(Watermark.objects.values()),
    ) == before


def test_small_batches_fold_the_same(scene):
    for amount in range(1, 8):
        scene.use(amount)

    assert journal.fold(most_entries=1) == 8
    assert bucketed(scene.revenue) == -28


def test_units_of_customers_are_folded_though_they_are_not_guarded(scene):
    scene.consume(7)
    account = scene.account("consumed_units", asset=scene.tokens, label="m")

    assert balances.now([account.pk])[account.pk].debits == 7
    journal.fold()
    assert Balance.objects.get(account=account).debits == 7
    assert balances.now([account.pk])[account.pk].debits == 7


def test_a_later_commit_of_an_earlier_writer_is_not_lost(scene):
    ready, release = threading.Event(), threading.Event()

    def slow_writer():
        with transaction.atomic():
            scene.consume(100)
            ready.set()
            release.wait(10)
        connections.close_all()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert ready.wait(10)
    scene.use(1)

    folding.fold()
    assert bucketed(scene.revenue) == 0, "written after the slow writer began, which may commit"

    release.set()
    writer.join(10)
    journal.fold()
    assert bucketed(scene.account("consumed_units", asset=scene.tokens, label="m")) == 100


def test_many_folders_at_once_fold_each_delta_once(scene):
    for amount in range(20):
        scene.use(amount + 1)
    counts = []

    def run():
        counts.append(folding.fold(most_entries=2))
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    journal.fold()
    assert bucketed(scene.revenue) == -210
    assert Balance.objects.get(account=scene.revenue).credits == 210


def test_the_application_may_fold_but_not_touch_what_is_folded(scene):
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL ROLE meterbook_app")
        assert journal.fold() == 1


def test_a_journal_of_another_cluster_is_refused(scene):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_receipt DISABLE TRIGGER append_only")
        cursor.execute("UPDATE ledger_receipt SET xid = '999999999999'")
        cursor.execute("ALTER TABLE ledger_receipt ENABLE ALWAYS TRIGGER append_only")

    with pytest.raises(ForeignHistoryError, match="999999999999"):
        folding.fold()
