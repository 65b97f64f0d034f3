"""The whole service in one command: its parts die and come back, and it stops cleanly."""

import urllib.error
import urllib.request

import psutil
import pytest

from ledger.config.embedded import doctoring
from tests import processes
from tests.journeys import brokers
from tests.polling import eventually


@pytest.fixture
def home():
    with processes.prepared_home() as home:
        yield home


def test_service_survives_its_parts_and_stops_cleanly(home):
    env = processes.environment(METERBOOK_HOME=str(home.root))
    port = brokers.free_port()
    with processes.running("manage.py", "serve", "--port", str(port), env=env) as service:
        eventually(lambda: is_ready(port), seconds=60)
        parts = psutil.Process(service.pid).children(recursive=True)

        processes.kill_server(home)
        worker = next(part for part in parts if is_worker(part))
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
    return any(one.pid != but and is_worker(one) for one in children)


def is_worker(process):
    try:
        return "celery" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False  # it ended meanwhile


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
