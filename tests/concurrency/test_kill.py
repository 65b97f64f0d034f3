"""kill -9 of who ingests, and of PostgreSQL itself: every event is posted exactly once."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from ledger.config import embedded
from tests import processes
from tests.concurrency.crashing import CUSTOMERS, EVENTS, FILES, TOKENS
from tests.polling import eventually

pytestmark = pytest.mark.slow


@dataclass
class Installation:
    """A database of its own, with a book and files of usage."""

    home: embedded.Home
    env: dict[str, str]
    files: list[str]

    def ask(self, query: str) -> int:
        return int(processes.ask(self.home, query)[0][0])

    def taken(self) -> int:
        """Count the events on record, also of a server that is just going down."""
        try:
            return self.ask("SELECT count(*) FROM billing_usageevent")
        except psycopg.OperationalError:
            return -1


@pytest.fixture
def installation() -> Iterator[Installation]:
    with processes.prepared_home() as home:
        env = processes.environment(
            METERBOOK_HOME=str(home.root),
            DJANGO_SETTINGS_MODULE="ledger.config.settings",
            PYTHONPATH=str(processes.ROOT),
        )
        folder = home.root.parent
        with processes.running("-m", "tests.concurrency.crashing", str(folder), env=env) as seeding:
            assert seeding.wait(timeout=60) == 0
        yield Installation(home, env, [str(folder / f"usage{n}.ndjson") for n in range(FILES)])


def crash(installation: Installation, file: str, victim: str) -> bool:
    """
    Kill ingest, or the server under it, once it has begun with a file; then recover.

    Returns whether that cut it short: it may have been between two batches, or done.
    """
    before = installation.taken()
    with processes.running("manage.py", "ingest", file, env=installation.env) as ingesting:
        eventually(lambda: installation.taken() > before, seconds=90)
        if victim == "server":
            processes.kill_server(installation.home)
        else:
            ingesting.send_signal(signal.SIGKILL)
        was_cut = ingesting.wait(timeout=60) != 0
    embedded.ensure(installation.home)
    return was_cut


def test_every_event_is_posted_once_however_often_ingest_and_server_are_killed(installation):
    progress, cut = [], set()
    for number, file in enumerate(installation.files):
        victim = ("process", "server")[number % 2]
        if crash(installation, file, victim):
            cut.add(victim)
        progress.append(installation.taken())
        assert_whole(installation)

    finished = processes.manage("ingest", *installation.files, env=installation.env)

    assert finished.returncode == 0, finished.stderr
    assert progress == sorted(progress)
    assert cut == {"process", "server"}
    assert installation.taken() == EVENTS
    assert_whole(installation)
    assert_totals(installation)
    verified = processes.manage("verify_ledger", env=installation.env)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def assert_whole(installation: Installation) -> None:
    """Assert that whatever is on record is there with all that belongs to it."""
    events, keys, counted, accrued, posted = processes.ask(installation.home, _WHOLE)[0]
    assert events == keys == counted
    assert accrued == posted


def assert_totals(installation: Installation) -> None:
    """Assert that each customer consumed and paid what its lines in the files say."""
    lines = [[n for n in range(EVENTS) if n // FILES % CUSTOMERS == c] for c in range(CUSTOMERS)]
    wanted = [sum(TOKENS[n] for n in mine) + max(TOKENS[n] for n in mine) for mine in lines]
    paid = processes.ask(installation.home, _PAID)
    assert {key: (units, 2 * money) for key, units, money in paid} == {
        f"c{c}": (tokens, tokens) for c, tokens in enumerate(wanted)
    }


_WHOLE = """
    SELECT (SELECT count(*) FROM billing_usageevent),
           (SELECT count(*) FROM billing_eventkey),
           (SELECT count(DISTINCT (source, external_id)) FROM billing_usageevent),
           (SELECT coalesce(sum(quantity), 0) FROM billing_accrual),
           (SELECT coalesce(sum(amount), 0) FROM ledger_entry e
            JOIN ledger_account a ON a.id = e.debit_account_id AND a.purpose = 'consumed_units')
"""
_PAID = """
    SELECT c.key, sum(e.amount) FILTER (WHERE d.purpose = 'consumed_units'),
           sum(e.amount) FILTER (WHERE d.purpose IN ('credit_lot', 'unbilled'))
    FROM ledger_entry e JOIN ledger_account d ON d.id = e.debit_account_id
    JOIN ledger_customer c ON c.id = d.customer_id
    GROUP BY c.key
"""
