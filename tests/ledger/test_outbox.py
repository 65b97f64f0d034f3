"""Outbox rows exist with their fact, are handled at least once, and never by two at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from ledger import outbox, tasks
from ledger.models import Outbox

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

handled: list[tuple[str, object]] = []


def handle(*, key, payload):
    if payload.get("is_bad"):
        raise RuntimeError("no luck")
    handled.append((key, payload))


@pytest.fixture
def publish():
    """Return a function that publishes a row about something."""

    def publish(key="k1", **payload):
        with transaction.atomic():
            return outbox.publish(topic="tests", key=key, payload=payload, at=NOON)

    return publish


@pytest.fixture
def claim():
    """Return a function that claims what is due at noon, or later."""

    def claim(after=timedelta(), limit=10):
        return outbox.claim(topic="tests", limit=limit, at=NOON + after)

    return claim


@pytest.mark.django_db(transaction=True)
def test_row_does_not_outlive_a_transaction_that_failed(publish):
    def publish_and_fail():
        with transaction.atomic():
            publish()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        publish_and_fail()

    assert not Outbox.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_of_a_transaction_is_a_mistake():
    with pytest.raises(AssertionError, match="transaction of its fact"):
        outbox.publish(topic="tests", key="k1", payload={}, at=NOON)


@pytest.mark.django_db
def test_same_key_is_published_once(publish):
    assert publish("k1", n=1) == publish("k1", n=2)
    assert Outbox.objects.get().payload == {"n": 1}


@pytest.mark.django_db
def test_claimed_row_is_nobody_elses_until_its_lease_ends(publish, claim):
    publish()

    assert len(claim()) == 1
    assert claim() == []
    assert len(claim(outbox.LEASE)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_claimants_at_once_share_the_rows(publish):
    for number in range(4):
        publish(f"k{number}")
    other = connections.create_connection("default")
    with transaction.atomic():
        mine = outbox.claim(topic="tests", limit=2, at=NOON)
        with other.cursor() as cursor:
            cursor.execute("SELECT key FROM ledger_outbox FOR UPDATE SKIP LOCKED")
            theirs = {key for (key,) in cursor.fetchall()}
    other.close()

    assert {row.key for row in mine} == {"k0", "k1"}
    assert theirs == {"k2", "k3"}


@pytest.mark.django_db
def test_failure_is_tried_again_later_and_later(publish, claim):
    publish()
    pauses = []
    due = timedelta()
    for _ in range(3):
        (row,) = claim(due)
        outbox.fail(row=row, error="no luck", at=NOON + due)
        again = Outbox.objects.get().available_at - NOON
        pauses.append(again - due)
        due = again

    assert pauses == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert Outbox.objects.get().last_error == "no luck"


@pytest.mark.django_db
def test_row_that_keeps_failing_waits_for_a_person(publish, claim):
    row = publish()
    Outbox.objects.update(attempts=outbox.MOST_ATTEMPTS - 1)
    (row,) = claim()

    outbox.fail(row=row, error="no luck", at=NOON)

    assert claim(timedelta(days=99)) == []
    outbox.revive(row=row, at=NOON)
    assert [again.attempts for again in claim()] == [1]


@pytest.mark.django_db
def test_late_failure_does_not_take_a_row_from_its_new_owner(publish, claim):
    publish()
    (slow,) = claim()
    (quick,) = claim(outbox.LEASE)

    outbox.fail(row=slow, error="too late", at=NOON + outbox.LEASE)

    assert Outbox.objects.get().claimed_until == quick.claimed_until


@pytest.mark.django_db
def test_relay_settles_what_works_and_keeps_what_does_not(publish, settings):
    settings.OUTBOX_HANDLERS = {"tests": f"{__name__}.handle"}
    handled.clear()
    publish("good", n=1)
    publish("bad", is_bad=True)

    assert tasks.relay_outbox() == 1

    assert handled == [("good", {"n": 1})]
    assert not Outbox.objects.filter(key="bad", settled_at=None, last_error="").exists()
    assert Outbox.objects.get(settled_at=None).last_error == "RuntimeError: no luck"


@pytest.mark.django_db
def test_settled_rows_go_after_a_while(publish):
    row = publish()
    outbox.settle(row=row, at=NOON)
    publish("open")

    assert outbox.prune(at=NOON + outbox.KEEP_SETTLED) == 0
    assert outbox.prune(at=NOON + outbox.KEEP_SETTLED + timedelta(seconds=1)) == 1
    assert Outbox.objects.get().key == "open"


def test_claiming_uses_an_index(db, publish):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'ledger_outbox_due'")
        ((definition,),) = cursor.fetchall()

    assert "(topic, available_at)" in definition
