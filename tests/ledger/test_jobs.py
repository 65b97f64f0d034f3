"""A periodic job runs once per period, whatever happens to its messages and workers."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from celery import shared_task
from django.db import connection

from ledger import jobs, tasks
from ledger.management.commands.schedule import PATIENCE, Scheduler
from ledger.models import JobRun
from ledger.periodic import Job

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SWEEP = Job(name="sweep", task="tests.swept", every=HOUR)
EACH = Job(name="each", task="tests.counted", every=HOUR, is_sweep=False)
BROKEN = Job(name="broken", task="tests.broken", every=HOUR, is_sweep=False)

counted: list[object] = []


@shared_task(name="tests.swept")
def sweep(**_later):
    counted.append("swept")


@shared_task(name="tests.counted")
def count(*, at, **_later):
    counted.append(at)


@shared_task(name="tests.broken")
def fail(**_later):
    raise RuntimeError("no luck")


@pytest.fixture(autouse=True)
def _clean(settings):
    counted.clear()
    settings.JOBS = (SWEEP, EACH, BROKEN)


@pytest.fixture
def run():
    """Return a function that runs a job for a period, as a worker does."""

    def run(job, period_start=NOON):
        return tasks.run_job(job=job.name, period_start=period_start.isoformat())

    return run


@pytest.mark.django_db
def test_doubled_message_runs_a_job_once(run):
    assert (run(SWEEP), run(SWEEP)) == (True, False)
    assert counted == ["swept"]


@pytest.mark.django_db
def test_job_of_a_period_is_told_which(run):
    run(EACH)

    assert counted == [NOON.isoformat()]


@pytest.mark.django_db
def test_failure_leaves_its_reason(run):
    assert run(BROKEN) is False

    failed = JobRun.objects.get()
    assert (failed.state, failed.error) == ("failed", "RuntimeError: no luck")


@pytest.mark.django_db
def test_outage_is_caught_up(run):
    run(EACH, NOON)

    missed = jobs.due(job=EACH, at=NOON + 3 * HOUR)

    assert missed == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
    assert jobs.due(job=SWEEP, at=NOON + 3 * HOUR) == [NOON + 3 * HOUR]


@pytest.mark.django_db
def test_failed_period_is_due_again_after_a_rest():
    run = jobs.claim(job=EACH, period_start=NOON, at=NOON)
    assert run is not None
    jobs.finish(run=run, at=NOON, error="no luck")

    assert jobs.due(job=EACH, at=NOON + jobs.RETRY_AFTER / 2) == []
    assert jobs.due(job=EACH, at=NOON + jobs.RETRY_AFTER) == [NOON]
    assert jobs.claim(job=EACH, period_start=NOON, at=NOON + jobs.RETRY_AFTER)


@pytest.mark.django_db
def test_period_of_a_worker_that_died_is_due_again_after_its_lease():
    jobs.claim(job=EACH, period_start=NOON, at=NOON)

    assert jobs.due(job=EACH, at=NOON + jobs.LEASE / 2) == []
    assert jobs.claim(job=EACH, period_start=NOON, at=NOON + jobs.LEASE / 2) is None
    assert jobs.due(job=EACH, at=NOON + jobs.LEASE) == [NOON]
    assert jobs.claim(job=EACH, period_start=NOON, at=NOON + jobs.LEASE)


@pytest.mark.django_db
def test_worker_that_outlived_its_lease_does_not_finish_anothers_run():
    slow = jobs.claim(job=EACH, period_start=NOON, at=NOON)
    jobs.claim(job=EACH, period_start=NOON, at=NOON + jobs.LEASE)

    jobs.finish(run=slow, at=NOON + 2 * jobs.LEASE)

    assert JobRun.objects.get().state == "running"


@pytest.mark.django_db(transaction=True)
def test_period_is_claimed_by_one_of_many_workers():
    claimed = []
    barrier = threading.Barrier(6)

    def claim(number):
        barrier.wait()
        try:
            at = NOON + timedelta(microseconds=number)
            claimed.append(jobs.claim(job=EACH, period_start=NOON, at=at))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([run for run in claimed if run is not None]) == 1


@pytest.mark.django_db
def test_database_knows_a_period_once():
    run = JobRun(job="each", period_start=NOON, started_at=NOON)

    JobRun.objects.bulk_create([run, run], ignore_conflicts=True)

    assert JobRun.objects.count() == 1


@pytest.mark.django_db
def test_old_runs_go_and_what_catching_up_needs_stays():
    for job in (SWEEP, EACH):
        for age in (timedelta(hours=1), timedelta(days=2), timedelta(days=40)):
            run = jobs.claim(job=job, period_start=job.period_start(NOON - age), at=NOON - age)
            jobs.finish(run=run, at=NOON - age)

    jobs.prune(jobs=[SWEEP, EACH], at=NOON)

    kept = JobRun.objects.values_list("job", "period_start")
    assert set(kept) == {
        ("sweep", NOON - HOUR),
        ("each", NOON - HOUR),
        ("each", NOON - timedelta(days=2)),
    }


@pytest.mark.django_db
def test_scheduler_hints_once_and_again_when_a_hint_seems_lost():
    scheduler = Scheduler((SWEEP, EACH))

    assert scheduler.tick(at=NOON) == 2
    assert scheduler.tick(at=NOON + PATIENCE / 2) == 0
    assert scheduler.tick(at=NOON + PATIENCE) == 2


@pytest.mark.django_db
def test_scheduler_is_silent_about_what_ran(run):
    run(SWEEP)
    run(EACH)

    assert Scheduler((SWEEP, EACH)).tick(at=NOON + HOUR / 2) == 0


@pytest.mark.django_db
def test_doubled_schedulers_do_no_harm(run):
    hints = [Scheduler((EACH,)).tick(at=NOON) for _ in range(2)]
    for _ in range(sum(hints)):
        run(EACH)

    assert counted == [NOON.isoformat()]


def test_every_declared_job_names_a_task_that_exists():
    from ledger.config.celery import app
    from ledger.config.schedule import JOBS

    app.loader.import_default_modules()

    assert {job.task for job in JOBS} <= set(app.tasks)
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_every_task_goes_to_a_queue_that_workers_read():
    from ledger.config.celery import app

    app.loader.import_default_modules()
    queues = {getattr(task, "queue", None) for task in app.tasks.values()}

    assert queues <= {None, *app.amqp.queues}
