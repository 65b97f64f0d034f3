"""Workers are killed in the middle of their work, and nothing is lost."""

import contextlib
import functools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import processes
from tests.journeys import brokers
from tests.polling import eventually

ROWS = 240  # of the outbox
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


@pytest.fixture(scope="module")
def rabbitmq():
    """Start RabbitMQ, which takes long, and return a function that waits for it."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as starter:
        yield starter.submit(stack.enter_context, brokers.rabbitmq()).result


@pytest.fixture(params=["ours", "redis", "rabbitmq"])
def broker(request, rabbitmq):
    """Return the address of each broker in turn."""
    if request.param == "rabbitmq":
        yield rabbitmq()
        return
    with getattr(brokers, request.param)() as url:
        yield url


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


def test_all_work_is_done_though_workers_are_killed(broker, ask, env):
    ask(
        "INSERT INTO ledger_outbox (topic, key, payload, created_at, available_at, attempts,"
        " is_dead, last_error) SELECT 'counted', 'row ' || n, '{}', now(), now(), 0, false, ''"
        f" FROM generate_series(1, {ROWS}) AS n"
    )
    with processes.running("manage.py", "schedule", env=env(broker)):
        with processes.running(*WORKER, env=env(broker)):
            send(env(broker))
            eventually(lambda: counted(ask) >= (ROWS + MESSAGES) // 4, seconds=60)
        with processes.running(*WORKER, env=env(broker)):
            eventually(lambda: left(ask) == 0, seconds=60, why="rows of the outbox are left")
            eventually(lambda: counted(ask) == ROWS + MESSAGES, seconds=60, why="messages are lost")


def send(env):
    subprocess.run([sys.executable, "-c", SEND], cwd=processes.ROOT, env=env, check=True)


def counted(ask):
    return ask("SELECT count(DISTINCT key) FROM counted")[0][0]


def left(ask):
    return ask("SELECT count(*) FROM ledger_outbox WHERE settled_at IS NULL")[0][0]
