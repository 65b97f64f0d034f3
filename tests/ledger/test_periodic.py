"""Which periods of a job are due."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.periodic import MOST, Job

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SWEEP = Job(name="sweep", task="t", every=HOUR)
EACH = Job(name="each", task="t", every=HOUR, is_sweep=False)


@pytest.mark.parametrize("job", [SWEEP, EACH], ids=["sweep", "each"])
def test_history_begins_with_the_current_period(job):
    assert job.missing(since=None, known=[], at=NOON + timedelta(minutes=5)) == [NOON]


def test_sweep_makes_up_for_all_it_missed_in_one_run():
    assert SWEEP.missing(since=NOON - 5 * HOUR, known=[], at=NOON) == [NOON]


def test_other_job_runs_once_for_each_period_it_missed():
    missed = EACH.missing(since=NOON - 3 * HOUR, known=[], at=NOON)

    assert missed == [NOON - 2 * HOUR, NOON - HOUR, NOON]


def test_period_in_the_middle_is_not_forgotten():
    known = [NOON - 2 * HOUR, NOON]

    assert EACH.missing(since=NOON - 3 * HOUR, known=known, at=NOON) == [NOON - HOUR]


def test_long_outage_is_caught_up_piece_by_piece():
    missed = EACH.missing(since=NOON - 9 * MOST * HOUR, known=[], at=NOON)

    assert len(missed) == MOST
    assert missed[0] == NOON - (9 * MOST - 1) * HOUR


def test_nothing_is_due_twice():
    assert SWEEP.missing(since=NOON, known=[NOON], at=NOON) == []
    assert EACH.missing(since=NOON, known=[NOON], at=NOON) == []


def test_clock_set_back_makes_nothing_due_twice():
    known = [NOON - 2 * HOUR, NOON - HOUR, NOON]

    assert EACH.missing(since=NOON, known=known, at=NOON - 2 * HOUR) == []
