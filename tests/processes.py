"""Starting Meterbook's commands as processes of their own, on a database of their own."""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from ledger.config import embedded
from ledger.config.embedded import doctoring
from ledger.config.embedded.account import server_account
from tests.polling import eventually

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("PYTEST_", "METERBOOK_", "DATABASE_", "CELERY_", "MB_", "DJANGO_", "SECRET_KEY")


def environment(**variables: str) -> dict[str, str]:
    """Return an environment as a user's shell has it, with some variables of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LEFT_OUT)}
    return {**kept, **variables}


def manage(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@contextlib.contextmanager
def running(*words: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a Python process running meanwhile, as a group that can be killed as one."""
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=env,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def empty_home() -> Iterator[embedded.Home]:
    """Lend an empty installation's folder, and take the server away afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="meterbook-test-"))
    folder.chmod(0o711)  # as root, the server's account must pass through
    home = embedded.Home(folder / "home")
    try:
        yield home
    finally:
        embedded.stop(home, mode="immediate")
        if home.store != home.root:
            shutil.rmtree(home.store, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_home() -> Iterator[embedded.Home]:
    """Lend an installation whose cluster is a copy of one that was made before: that is quicker."""
    with empty_home() as home:
        home.prepare()
        made = _made_before()
        for password in made.root.glob("*.password"):
            shutil.copy(password, home.root)
        shutil.copytree(made.data, home.data)
        server_account().own(home.data)
        yield home


@functools.cache
def _made_before() -> embedded.Home:
    folder = contextlib.ExitStack()
    atexit.register(folder.close)
    home = folder.enter_context(empty_home())
    embedded.ensure(home)
    embedded.stop(home)
    return home


def ask(home: embedded.Home, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Put a question to an installation's server, as its owner."""
    url = embedded.ensure(home).url(user=embedded.OWNER)
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def kill_server(home: embedded.Home) -> None:
    """Kill an installation's server at once, and see it dead."""
    noted = doctoring.living(home.data)
    assert noted is not None, "the server runs"
    os.kill(noted.pid, signal.SIGKILL)
    eventually(lambda: doctoring.living(home.data) is None)
