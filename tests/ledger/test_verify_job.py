"""The nightly verification: its run says what was found, and the admin shows it."""

from datetime import timedelta

import pytest
from django.db import connection, transaction

from ledger import jobs, tasks
from ledger.admin.seals import VERIFY_JOB
from ledger.config.schedule import JOBS
from ledger.models import JobRun
from tests.factories import NOON
from tests.ledger import journal
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _ledger_only(settings):
    settings.LEDGER_CHECKS = []  # the scene's lots are nobody's grants


def verify():
    tasks.run_job(job="verify", period_start=NOON.isoformat())
    return JobRun.objects.get(job="verify")


def test_verification_runs_by_the_clock_under_the_name_that_the_admin_shows():
    assert [job.name for job in JOBS if job.task == "ledger.tasks.verify"] == ["verify"]
    assert "verify".startswith(VERIFY_JOB)


def test_a_sound_ledger_is_found_to_agree():
    journal.scene().top_up(10)

    assert (verify().state, verify().error) == (JobRun.State.DONE, "")
    assert "everything agrees" in Browser().get("ledger_verification").content.decode()


def test_the_runs_of_a_month_are_kept():
    verify()
    assert jobs.prune(jobs=JOBS, at=NOON + timedelta(days=29)) == 0


def test_what_disagrees_is_in_the_row_of_the_run():
    journal.scene().top_up(10)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE ledger_balance SET debits = debits + 1 WHERE is_guarded")
    run = verify()

    assert run.state == JobRun.State.FAILED
    assert "balance of account" in run.error
    assert "balance of account" in Browser().get("ledger_verification").content.decode()
