"""Seals chain all transactions, in the order in which they became final."""

import hashlib
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.db.models.expressions import RawSQL

from ledger import sealing
from ledger.errors import ForeignHistoryError, InvalidInputError
from ledger.models import Receipt, Seal
from ledger.verification import chain
from tests.factories import NOON
from tests.ledger import journal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene():
    scene = journal.scene()
    scene.top_up(1000)
    return scene


def test_everything_final_is_sealed_once(scene):
    scene.use(1)

    assert journal.seal() == 2
    assert sealing.seal(at=NOON) == 0
    assert sum(Seal.objects.values_list("transactions", flat=True)) == 2


def test_each_seal_covers_the_one_before(scene, monkeypatch):
    monkeypatch.setattr(sealing, "MOST_TRANSACTIONS", 2)
    for amount in range(1, 5):
        scene.use(amount)
    journal.seal()

    receipts = iter(Receipt.objects.order_by(RawSQL("xid", []), "transaction_id"))
    previous = b""
    for seal in Seal.objects.order_by("seq"):
        lines = [f"{seal.seq}|{previous.hex()}"]
        for _ in range(seal.transactions):
            receipt = next(receipts)
            lines.append(f"{receipt.pk}|{bytes(receipt.digest).hex()}")
        assert bytes(seal.previous) == previous
        previous = bytes(seal.hash)
        assert previous == hashlib.sha256("\n".join(lines).encode()).digest()
    assert next(receipts, None) is None


def test_a_late_commit_of_an_early_writer_is_sealed_too(scene):
    ready, release = threading.Event(), threading.Event()

    def slow_writer():
        with transaction.atomic():
            scene.consume(1)
            ready.set()
            release.wait(10)
        connections.close_all()

    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert ready.wait(10)
    scene.use(1)
    sealing.seal(at=NOON)
    assert sum(Seal.objects.values_list("transactions", flat=True)) <= 1  # the top-up

    release.set()
    writer.join(10)
    journal.seal()
    assert sum(Seal.objects.values_list("transactions", flat=True)) == 3


def test_many_sealers_at_once_make_one_chain(scene, monkeypatch):
    monkeypatch.setattr(sealing, "MOST_TRANSACTIONS", 2)
    for amount in range(1, 12):
        scene.use(amount)

    def run():
        sealing.seal(at=NOON)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    journal.seal()

    seals = list(Seal.objects.order_by("seq"))
    assert [seal.seq for seal in seals] == list(range(1, len(seals) + 1))
    assert sum(seal.transactions for seal in seals) == 12


def test_the_head_survives_being_written_down(scene):
    assert sealing.parse_head(sealing.export_head()) == sealing.Head(0, b"")
    journal.seal()

    assert sealing.parse_head(sealing.export_head()) == sealing.head()


@pytest.mark.parametrize("text", ["", "1", "1:", "x:00", "1:zz", "-1:", "0:00", "1:" + "0" * 63])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(InvalidInputError, match="export_head"):
        sealing.parse_head(text)


def test_lag_is_the_age_of_the_oldest_unsealed_transaction(scene):
    posted_at = scene.use(1).posted_at
    assert sealing.lag(posted_at + timedelta(minutes=5)) >= timedelta(minutes=5)

    journal.seal()
    assert sealing.lag(posted_at + timedelta(minutes=5)) == timedelta()


def test_the_application_may_seal(scene):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")
        assert journal.seal() == 1


def test_a_journal_of_another_cluster_is_refused(scene):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_receipt DISABLE TRIGGER append_only")
        cursor.execute("UPDATE ledger_receipt SET xid = '999999999999'")
        cursor.execute("ALTER TABLE ledger_receipt ENABLE ALWAYS TRIGGER append_only")

    with pytest.raises(ForeignHistoryError, match="999999999999"):
        sealing.seal(at=NOON)


def test_the_order_of_sealing_is_that_of_numbers(scene, monkeypatch):
    """Of writers 99 and 100 the first is 99, though its text is the greater."""
    monkeypatch.setattr(sealing, "MOST_TRANSACTIONS", 1)
    numbers = [Receipt.objects.get().pk, scene.use(1).pk]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_receipt DISABLE TRIGGER append_only")
        for xid, number in zip(("99", "100"), numbers, strict=True):
            cursor.execute(
                "UPDATE ledger_receipt SET xid = %s::text::xid8 WHERE transaction_id = %s",
                [xid, number],
            )
        cursor.execute("ALTER TABLE ledger_receipt ENABLE ALWAYS TRIGGER append_only")

    assert sealing.seal(at=NOON) == 2
    sealed = Seal.objects.order_by("seq").values_list("last_xid", "last_transaction_id")
    assert list(sealed) == [(99, numbers[0]), (100, numbers[1])]
    assert list(chain.check(None)) == [1, 2]
