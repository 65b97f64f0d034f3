"""The doctor names what is wrong, and the remedy."""

import json
import os
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils.timezone import now

from ledger import ids
from ledger.api import health
from ledger.config.diagnosis.findings import Verdict
from ledger.management.commands.doctor import examine
from tests import durability
from tests.ledger.config.test_health import old_receipt
from tests.processes import environment, manage


@pytest.fixture(autouse=True, scope="module")
def waits_for_disk(django_db_setup):
    """Have the server run as one does that keeps real money."""
    if durability.is_ours():
        durability.wait_for_disk("on")
    yield
    if durability.is_ours():
        durability.wait_for_disk("off")


@pytest.fixture
def findings():
    """Return a function that examines, and returns what is not good."""

    def findings():
        bad = [found for found in examine() if found.verdict is not Verdict.GOOD]
        assert all(found.remedy for found in bad), "every finding names its remedy"
        return {found.subject: found for found in bad}

    return findings


@pytest.mark.django_db
def test_sound_installation_has_no_problem(findings):
    problems = [found for found in findings().values() if found.verdict is Verdict.PROBLEM]

    assert problems == []


@pytest.mark.django_db
def test_missing_worker_and_backup_are_warnings(findings):
    assert findings()["worker"].verdict is Verdict.WARNING


@pytest.mark.django_db
def test_lagging_schema_is_a_problem(findings, monkeypatch):
    monkeypatch.setattr(health, "_seen_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")

    assert "manage.py migrate" in findings()["migrations"].remedy


@pytest.fixture
def clerk(db, settings):
    """The application's login, as the tests may have another."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tests_clerk LOGIN IN ROLE meterbook_app")
    settings.APP_LOGIN = "tests_clerk"


@pytest.mark.usefixtures("clerk")
def test_application_that_may_change_history_is_found(findings):
    with connection.cursor() as cursor:
        cursor.execute("GRANT UPDATE ON ledger_entry TO meterbook_app")

    assert findings()["entries"].detail == "tests_clerk may add, may change"


@pytest.mark.usefixtures("clerk")
def test_application_that_may_not_write_is_a_problem(findings):
    with connection.cursor() as cursor:
        cursor.execute("REVOKE INSERT ON ledger_entry FROM meterbook_app")

    assert findings()["entries"].verdict is Verdict.PROBLEM


@pytest.mark.django_db
def test_partitions_that_end_soon_are_a_problem(findings):
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE ledger_delta")
        cursor.execute("CREATE TABLE ledger_delta (n bigint) PARTITION BY RANGE (n)")
        until = ids.first_id_at(now() + timedelta(days=3))
        cursor.execute(
            "CREATE TABLE ledger_delta_x PARTITION OF ledger_delta"
            f" FOR VALUES FROM (0) TO ({until})"
        )

    assert findings()["partitions of ledger_delta"].verdict is Verdict.PROBLEM


@pytest.mark.django_db
def test_rows_beside_the_partitions_are_a_problem(findings):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_delta_default DISABLE TRIGGER USER")
        cursor.execute(
            "INSERT INTO ledger_delta_default (transaction_id, account_id, effective_date, debits,"
            " credits, entries) VALUES (9223372036854710272, 1, now(), 1, 0, 1)"
        )

    assert findings()["rows beside the partitions"].detail == "in ledger_delta"


@pytest.mark.django_db
def test_the_application_itself_may_ask_about_partitions(findings):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE meterbook_app")

    assert [subject for subject in findings() if "beside" in subject] == []


@pytest.mark.django_db
def test_transaction_counter_that_went_back_is_a_problem(findings):
    old_receipt(age=timedelta(seconds=1), xid="999999999999")

    assert "pg_resetwal" in findings()["transaction counter"].remedy


@pytest.mark.django_db
def test_broker_that_is_away_is_a_problem(findings, settings):
    from ledger.config.celery import app

    known = app.conf.broker_url
    app.conf.broker_write_url = "redis://127.0.0.1:1/0"
    try:
        assert findings()["broker"].verdict is Verdict.PROBLEM
    finally:
        app.conf.broker_write_url = known


@pytest.mark.django_db
def test_report_is_readable_by_people_and_machines():
    table, listed = StringIO(), StringIO()
    call_command("doctor", stdout=table)
    call_command("doctor", "--json", stdout=listed)

    assert "fsync" in table.getvalue()
    assert {"subject", "verdict", "detail", "remedy"} == set(json.loads(listed.getvalue())[0])


@pytest.mark.usefixtures("clerk")
def test_problems_make_the_command_fail():
    with connection.cursor() as cursor:
        cursor.execute("REVOKE INSERT ON ledger_entry FROM meterbook_app")

    with pytest.raises(CommandError, match="1 problem to solve"):
        call_command("doctor", stdout=StringIO())


def test_database_that_is_away_is_explained(tmp_path):
    env = environment(
        DATABASE_URL="postgresql://me:secret@127.0.0.1:1/books",
        METERBOOK_HOME=str(tmp_path / "home"),
    )

    done = manage("doctor", "--json", env=env)

    assert done.returncode == 1
    report = {line["subject"]: line for line in json.loads(done.stdout)}
    assert "Connection refused" in report["database"]["detail"]
    assert "DATABASE_URL" in report["database"]["remedy"]
    assert set(report) == {"Python", "database", "static files"}
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.skipif(
    not os.access("/usr/lib/postgresql/15/bin/postgres", os.X_OK),
    reason="PostgreSQL 15 is not installed (Debian: postgresql-15)",
)
def test_oldest_supported_server_is_made_and_sound(empty_home):
    env = environment(
        METERBOOK_HOME=str(empty_home.root), METERBOOK_PG_BIN="/usr/lib/postgresql/15/bin"
    )

    prepared = manage("prepare", env=env)
    found = manage("doctor", "--json", env=env)

    assert prepared.returncode == 0, prepared.stderr
    report = json.loads(found.stdout)
    assert any(line["detail"].startswith("PostgreSQL 15.") for line in report)
    assert [line for line in report if line["verdict"] == "problem"] == []
