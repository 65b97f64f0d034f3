"""Readiness says what is not ready."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from ledger import jobs, sealing
from ledger.api import health
from ledger.periodic import HEARTBEAT, Job

BEAT = Job(name=HEARTBEAT, task="ledger.tasks.heartbeat", every=timedelta(seconds=15))


@pytest.fixture
def beat():
    """Return a function that lets a worker have run the heartbeat some time ago."""

    def beat(ago=timedelta()):
        at = now() - ago
        run = jobs.claim(job=BEAT, period_start=BEAT.period_start(at), at=at)
        assert run is not None
        jobs.finish(run=run, at=at)

    return beat


@pytest.fixture
def ready():
    """Return a function that asks, and returns the status and the failing checks."""

    def ready():
        answered = Client().get("/readyz")
        checks = answered.json()["checks"]
        return answered.status_code, {
            name: check["detail"] for name, check in checks.items() if not check["is_ok"]
        }

    return ready


@pytest.mark.django_db
def test_all_is_ready(beat, ready):
    beat()

    assert ready() == (200, {})


@pytest.mark.django_db
def test_no_worker_is_not_ready(ready):
    assert ready() == (503, {"worker": "no worker has run yet"})


@pytest.mark.django_db
def test_silent_worker_is_not_ready(beat, ready):
    beat(timedelta(minutes=5))

    assert ready() == (503, {"worker": "last heartbeat 300 s ago"})


@pytest.mark.django_db
def test_failing_heartbeat_is_not_ready(ready):
    run = jobs.claim(job=BEAT, period_start=BEAT.period_start(now()), at=now())
    jobs.finish(run=run, at=now(), error="no luck")

    assert ready()[0] == 503


@pytest.mark.django_db
def test_schema_that_lags_behind_is_not_ready(beat, ready, monkeypatch):
    beat()
    monkeypatch.setattr(health, "_seen_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")

    assert ready() == (503, {"migrations": "1 to apply: run manage.py migrate"})


@pytest.mark.django_db
def test_journal_without_a_seal_for_long_is_not_ready(beat, ready):
    beat()
    old_receipt(age=timedelta(hours=1))

    status, failing = ready()

    assert (status, list(failing)) == (503, ["seals"])
    assert timedelta(minutes=59) < sealing.lag(now()) < timedelta(minutes=61)


@pytest.mark.django_db
def test_receipts_after_the_last_seal_are_what_lags(beat, ready):
    beat()
    head = old_receipt(age=timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_seal (seq, last_xid, last_transaction_id, transactions, entries,"
            " previous, hash, sealed_at)"
            " SELECT 1, xid::text::numeric, transaction_id, 1, 0, '', '', now()"
            " FROM ledger_receipt WHERE transaction_id = %s",
            [head],
        )

    assert ready() == (200, {})


def old_receipt(*, age, xid=None):
    """Put a receipt into the journal past the application; return its transaction's id."""
    from ledger import ids

    head = ids.first_id_at(now() - age)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("ALTER TABLE ledger_receipt DISABLE TRIGGER USER")
        cursor.execute(
            "INSERT INTO ledger_receipt (transaction_id, entries, digest, xid)"
            " VALUES (%s, 1, '', coalesce(%s::text::xid8, pg_current_xact_id()))",
            [head, xid],
        )
        cursor.execute("ALTER TABLE ledger_receipt ENABLE TRIGGER USER")
        cursor.execute("SET LOCAL session_replication_role = origin")
    return head
