"""Starting Meterbook's commands as processes of their own, on a database of their own."""

import atexit
import contextlib
import fcntl
import functools
import hashlib
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
KEPT = ROOT / ".pytest_cache" / "prepared"  # a migrated installation, for the runs to come
LEFT_OUT = ("PYTEST_", "METERBOOK_", "DATABASE_", "CELERY_", "MB_", "DJANGO_", "SECRET_KEY")


def environment(**variables: str) -> dict[str, str]:
    """Return an environment as a user's shell has it, with some variables of ours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LEFT_OUT)}
    return {**kept, **variables}


def manage(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def manage_each(*commands: tuple[str, ...], env: dict[str, str]) -> list[str]:
    """Run several commands in one process, and return the lines that they write."""
    calls = "; ".join(f"call_command(*{words!r})" for words in commands)
    setup = "import django; django.setup(); from django.core.management import call_command"
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}; {calls}"],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "ledger.config.settings", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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
        _copy(_made_before(), to=home)
        yield home


@contextlib.contextmanager
def prepared_home() -> Iterator[embedded.Home]:
    """Lend a prepared installation: a copy of one that is kept until migrations change."""
    with empty_home() as home:
        home.prepare()
        KEPT.mkdir(parents=True, exist_ok=True)
        with (KEPT / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = embedded.Home(KEPT / _state_of_migrations())
            if not kept.root.exists():
                _keep_prepared(kept.root)
            _copy(kept, to=home)
        _hurry(home)
        yield home


def _copy(made: embedded.Home, *, to: embedded.Home) -> None:
    for password in made.root.glob("*.password"):
        shutil.copy(password, to.root)
    shutil.copytree(made.data, to.data)
    server_account().own(to.data)


def _hurry(home: embedded.Home) -> None:
    """Let the server not wait for the disk: processes die in tests, the machine does not."""
    with (home.data / "postgresql.auto.conf").open("a") as settings:
        settings.write("fsync = off\n")


def _state_of_migrations() -> str:
    """Name what the migrations say, and the packages that they run with."""
    said = hashlib.blake2b((ROOT / "constraints.txt").read_bytes(), digest_size=12)
    for file in sorted(ROOT.glob("*/migrations/*.*")):
        said.update(file.name.encode())
        said.update(file.read_bytes())
    return said.hexdigest()


def _keep_prepared(folder: Path) -> None:
    for old in KEPT.glob("*/"):
        shutil.rmtree(old)
    with own_home() as home:
        _hurry(home)
        prepared = manage("prepare", "--no-static", env=environment(METERBOOK_HOME=str(home.root)))
        assert prepared.returncode == 0, prepared.stderr
        embedded.stop(home)
        draft = folder.with_suffix(".draft")
        shutil.copytree(home.root, draft, ignore=shutil.ignore_patterns("lock"))
        draft.rename(folder)


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
