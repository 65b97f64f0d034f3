"""Wherever a batch breaks off, it is in whole or not at all, and sending it again is safe."""

import pytest
from django.db import OperationalError, connection

from billing.metering import accruals, claims, corrections, ingest, recording, writing
from billing.models import (
    Accrual,
    Correction,
    DeadLetter,
    EventKey,
    UnattributedEvent,
    UniqueValue,
    UsageBatch,
    UsageEvent,
)
from ledger import bulk
from ledger.errors import TransientError
from ledger.models import Entry, Receipt, Transaction
from tests.billing.scene import event, left, new_scene

pytestmark = pytest.mark.django_db(transaction=True)

WRITTEN = [
    UsageEvent,
    UsageBatch,
    EventKey,
    UnattributedEvent,
    UniqueValue,
    DeadLetter,
    Correction,
    Transaction,
    Receipt,
    Entry,
]
STEPS = {
    "after claim": (claims, "claim"),
    "after accruals are locked": (accruals, "lock"),
    "after balances are locked": (bulk, "lock"),
    "after accounts are open": (recording, "open_accounts"),
    "after posting": (bulk, "post"),
    "after accruals are saved": (accruals, "save"),
    "after the batch is written": (writing, "write_batch"),
    "before commit": (writing, "write_events"),
}


class BrokenOffError(Exception):
    pass


@pytest.fixture
def scene():
    found = new_scene()
    found.meter("sum", cost="0.5")
    found.meter("unique_count", path="$.who")
    return found


@pytest.fixture
def break_after(monkeypatch):
    """Return a function that lets a step happen and then fails, the first time."""

    def break_after(module, name, error=BrokenOffError):
        done = getattr(module, name)
        failed = []

        def step(*args, **kwargs):
            result = done(*args, **kwargs)
            if not failed:
                failed.append(name)
                raise error
            return result

        monkeypatch.setattr(module, name, step)

    return break_after


def rows():
    """Count what is on record, but for accounts, which stay open."""
    counts = {model.__name__: model.objects.count() for model in WRITTEN}
    accrued = sorted(Accrual.objects.values_list("quantity", "amount", "events"))
    return counts, [row for row in accrued if any(row)]


BATCH = [
    event(3, id="a", who="x"),
    event(4, id="b", who="y"),
    event(1, id="c", subject="nobody", who="x"),
    b"{",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_batch_that_breaks_off_leaves_nothing_and_may_be_sent_again(scene, break_after, step):
    lot = scene.grant(5)
    before = rows()
    break_after(*STEPS[step])

    with pytest.raises(BrokenOffError):
        scene.send(*BATCH)
    assert rows() == before

    outcome = scene.send(*BATCH)
    assert (outcome.accepted, outcome.unattributed, outcome.rejected) == (2, 1, 1)
    assert (scene.units("sum"), scene.units("unique-count")) == (7, 2)
    assert (left(lot), scene.unbilled) == (0, 4)


def test_a_batch_whose_answer_was_lost_is_found_taken(scene, break_after):
    break_after(ingest, "commit")

    with pytest.raises(BrokenOffError):
        scene.send(*BATCH)
    again = scene.send(*BATCH)

    assert (again.duplicate, again.rejected) == (3, 1)
    assert scene.units("sum") == 7
    assert DeadLetter.objects.get().times == 2


@pytest.mark.parametrize("step", STEPS)
def test_what_only_collided_is_tried_again_by_itself(scene, break_after, step):
    break_after(*STEPS[step], error=TransientError)

    assert scene.send(*BATCH).accepted == 2
    assert scene.units("sum") == 7


@pytest.mark.parametrize("step", ["after accruals are locked", "after posting", "before commit"])
@pytest.mark.parametrize("error", [BrokenOffError, TransientError])
def test_a_correction_that_breaks_off_leaves_nothing(scene, break_after, step, error):
    lot = scene.grant(5)
    scene.send(*BATCH)
    before = rows()
    break_after(*STEPS[step], error=error)

    if error is BrokenOffError:
        with pytest.raises(BrokenOffError):
            scene.amend(event(1, id="b", who="x"))
        assert rows() == before
    scene.amend(event(1, id="b", who="x"))

    assert (scene.units("sum"), scene.units("unique-count")) == (4, 1)
    assert (left(lot), scene.unbilled) == (0, 0)


def test_a_correction_whose_answer_was_lost_is_found_made(scene, break_after):
    scene.send(*BATCH)
    break_after(corrections, "_correct_once")

    with pytest.raises(BrokenOffError):
        scene.void("a")
    found = scene.find("a")
    correction = corrections.void(
        book=scene.book, event=found, key=f"void a {found.pk}", at=found.received_at
    )

    assert Correction.objects.get() == correction
    assert scene.units("sum") == 4


def test_connection_lost_within_a_batch_leaves_nothing(scene, monkeypatch):
    claim = claims.claim

    def cut_off(wanted):
        taken = claim(wanted)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        with connection.cursor() as cursor, pytest.raises(OperationalError):
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        return taken

    monkeypatch.setattr(claims, "claim", cut_off)
    with pytest.raises(OperationalError):
        scene.send(*BATCH)
    monkeypatch.setattr(claims, "claim", claim)
    connection.close()

    assert scene.send(*BATCH).accepted == 2
    assert scene.units("sum") == 7
