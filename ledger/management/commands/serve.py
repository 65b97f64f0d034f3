"""The whole service in one command: web server, worker and scheduler."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from argparse import ArgumentDefaultsHelpFormatter
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.config import embedded
from ledger.config.supervision import Program, stop_all

logger = structlog.get_logger(__name__)

BEAT = 0.5  # seconds between looks at the processes
WEB_LIMITS = {"METERBOOK_STATEMENT_TIMEOUT_MS": "30000", "METERBOOK_LOCK_TIMEOUT_MS": "10000"}


class Command(BaseCommand):
    """``manage.py serve``"""

    help = "Run web server, worker and scheduler together until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and the sizes."""
        parser.formatter_class = ArgumentDefaultsHelpFormatter
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
        parser.add_argument("--web-workers", type=int, default=2)
        parser.add_argument("--web-threads", type=int, default=4, help="of each web worker")
        parser.add_argument("--worker-threads", type=int, default=4)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Prepare, run, and stop in order."""
        _refuse_taken_port(options["host"], options["port"])
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        is_ours = self._start_database()
        _prepare()
        programs = _programs(options)
        try:
            self._run(programs, stopping, f"http://{options['host']}:{options['port']}")
        finally:
            self.stdout.write("Stopping …")
            stop_all(programs)
            if is_ours:
                _stop_unused_database()
        self.stdout.write("Stopped.")

    def _start_database(self) -> bool:
        """Start the embedded database, if it is in use, and return whether it was not running."""
        home = _home()
        if home is None or embedded.find(home):
            return False
        try:
            embedded.ensure(home)
        except embedded.EmbeddedError as error:
            raise CommandError(str(error)) from error
        return True

    def _run(self, programs: list[Program], stopping: threading.Event, address: str) -> None:
        is_announced = False
        while not stopping.wait(BEAT):
            _revive_database()
            for program in programs:
                program.keep(time.monotonic())
            if not is_announced and _answers(f"{address}/healthz"):
                is_announced = True
                self._announce(address)

    def _announce(self, address: str) -> None:
        places = {"Admin": "/admin/", "API": "/api/v1/", "Ready?": "/readyz"}
        lines = [f"  {name:<7} {address}{path}" for name, path in places.items()]
        self.stdout.write("\n".join(["", "Meterbook serves:", *lines, "Stop with Ctrl-C.", ""]))


def web_program(options: dict[str, Any]) -> Program:
    """Return the web server of these options: host, port, web_workers, web_threads."""
    web = [sys.executable, "-m", "granian", "--interface", "asginl", "--no-ws"]
    web += ["--log-level", "warning", "--host", options["host"], "--port", str(options["port"])]
    web += ["--workers", str(options["web_workers"]), "--respawn-failed-workers"]
    web += ["--workers-kill-timeout", "15"]
    env = {**WEB_LIMITS, "METERBOOK_WEB_THREADS": str(options["web_threads"])}
    return Program("web", [*web, "ledger.config.asgi:application"], env)


def _programs(options: dict[str, Any]) -> list[Program]:
    python = sys.executable
    worker = [python, "-m", "celery", "-A", "ledger.config", "--quiet", "worker"]
    worker += ["--pool", "threads", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker += ["--concurrency", str(options["worker_threads"]), "--loglevel", "WARNING"]
    return [
        web_program(options),
        Program("worker", worker),
        Program("scheduler", [python, "manage.py", "schedule"]),
    ]


def _prepare() -> None:
    owner = {**os.environ, "METERBOOK_DATABASE_ROLE": "owner"}
    done = subprocess.run(
        [sys.executable, "manage.py", "prepare"], cwd=settings.BASE_DIR, env=owner, check=False
    )
    if done.returncode:
        raise CommandError("The database could not be prepared: manage.py doctor says more.")


def _refuse_taken_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"{host}:{port} is not free ({error.strerror}): choose another with PORT=8001."
            ) from error


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310 (our own address)
            return bool(response.status == 200)  # noqa: PLR2004
    except (OSError, urllib.error.URLError):
        return False


def _home() -> embedded.Home | None:
    is_embedded = "EMBEDDED_HOME" in settings.DATABASES["default"]
    return embedded.Home(settings.HOME) if is_embedded else None


def _revive_database() -> None:
    home = _home()
    if home is None or embedded.find(home):
        return
    try:
        embedded.ensure(home)
        logger.warning("database was down, started again")
    except embedded.EmbeddedError:
        logger.exception("database does not start")


def _stop_unused_database() -> None:
    """Stop the database that we started, unless somebody else uses it by now."""
    home = _home()
    server = embedded.find(home) if home else None
    if home is None or server is None:
        return
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with psycopg.connect(server.url(user=embedded.OWNER)) as connection:
        row = connection.execute(f"{others} AND pid <> pg_backend_pid()").fetchone()
    if row and row[0] == 0:
        embedded.stop(home)
