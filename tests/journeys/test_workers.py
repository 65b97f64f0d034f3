"""Workers are killed in the middle of their work, and nothing is lost."""

import functools
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest

from ledger.config.embedded import doctoring
from tests import processes
from tests.journeys import brokers
from tests.polling import eventually

ROWS = 240
MESSAGES = 120
SEND = f"""
import django
django.setup()
from tests.journeys.counting import count
for number in range({MESSAGES}):
    count.delay(key=str(number))
"""
WORKER = ["-m", "celery", "-A", "ledger.config", "worker", "--pool", "threads", "-c", "4"]
WORKER += ["--without-gossip", "--without-mingle", "--without-heartbeat"]


@pytest.fixture(scope="module")
def home():
    """An installation with its schema and broker in place, and a table to count in."""
    with processes.prepared_home() as home:
        yield home


@pytest.fixture
def ask(home):
    """Return a function that asks the installation's database, emptied before."""
    ask = functools.partial(processes.ask, home)
    ask("DROP TABLE IF EXISTS counted")
    ask("CREATE TABLE counted (key text)")
    ask("GRANT INSERT ON counted TO meterbook_app")
    ask("TRUNCATE ledger_outbox, ledger_jobrun")
    return ask


@pytest.fixture
def env(home):
    """Return a function that makes the environment of a worker with a broker."""
    return lambda broker: processes.environment(
        METERBOOK_HOME=str(home.root),
        DJANGO_SETTINGS_MODULE="tests.journeys.crash_settings",
        CELERY_BROKER_URL=broker,
        METERBOOK_OUTBOX_LEASE_SECONDS="1",
        METERBOOK_VISIBILITY_SECONDS="2",
    )


@pytest.mark.parametrize("broker", [brokers.ours, brokers.redis, brokers.rabbitmq])
def test_every_outbox_row_is_handled_though_workers_are_killed(broker, ask, env):
    ask(
        "INSERT INTO ledger_outbox (topic, key, payload, created_at, available_at, attempts,"
        " is_dead, last_error) SELECT 'counted', n, '{}', now(), now(), 0, false, ''"
        f" FROM generate_series(1, {ROWS}) AS n"
    )
    with broker() as url, processes.running("manage.py", "schedule", env=env(url)):
        for part in (1, 2):
            with processes.running(*WORKER, env=env(url)):
                eventually(lambda part=part: counted(ask) >= ROWS * part // 4, seconds=60)
        with processes.running(*WORKER, env=env(url)):
            eventually(lambda: counted(ask) == ROWS and left(ask) == 0, seconds=60)


def test_every_message_is_handled_though_workers_are_killed(ask, env):
    subprocess.run(
        [sys.executable, "-c", SEND], cwd=processes.ROOT, env=env("database://ours"), check=True
    )
    for part in (1, 2):
        with processes.running(*WORKER, env=env("database://ours")):
            eventually(lambda part=part: counted(ask) >= MESSAGES * part // 4, seconds=60)
    with processes.running(*WORKER, env=env("database://ours")):
        eventually(lambda: counted(ask) == MESSAGES, seconds=60)


def counted(ask):
    return ask("SELECT count(DISTINCT key) FROM counted")[0][0]


def left(ask):
    return ask("SELECT count(*) FROM ledger_outbox WHERE settled_at IS NULL")[0][0]


def test_service_survives_its_parts_and_stops_cleanly(home):
    env = processes.environment(METERBOOK_HOME=str(home.root))
    port = brokers.free_port()
    with processes.running("manage.py", "serve", "--port", str(port), env=env) as service:
        eventually(lambda: is_ready(port), seconds=60)
        parts = psutil.Process(service.pid).children(recursive=True)

        processes.kill_server(home)
        worker = next(part for part in parts if "celery" in " ".join(part.cmdline()))
        worker.kill()
        eventually(lambda: doctoring.living(home.data), why="the database came back")
        eventually(lambda: is_ready(port) and has_worker(service, but=worker.pid), seconds=60)

        parts += psutil.Process(service.pid).children(recursive=True)
        service.terminate()
        assert service.wait(timeout=60) == 0
    assert not [part for part in parts if part.is_running()]
    assert not brokers.answers(port)


def has_worker(service, *, but):
    children = psutil.Process(service.pid).children()
    return any("celery" in " ".join(one.cmdline()) and one.pid != but for one in children)


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
