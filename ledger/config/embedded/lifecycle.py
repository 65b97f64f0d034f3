"""
Starting, finding and stopping the server.

Any process may call ``ensure``: one starts the server, the others find it. The server
belongs to none of them and outlives them all.
"""

import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ledger.config.embedded import binaries, cluster, configuration, doctoring, roles
from ledger.config.embedded.account import Account, server_account
from ledger.config.embedded.binaries import Binaries
from ledger.config.embedded.errors import EmbeddedError
from ledger.config.embedded.home import Home

HOST = "127.0.0.1"
_START_SECONDS = 300  # recovery after a crash replays up to max_wal_size
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to reach it."""

    home: Home
    port: int

    def url(self, *, user: str, database: str = cluster.DATABASE) -> str:
        """Return a connection string with the user's password."""
        password = quote(self.home.password(user), safe="")
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}"


def ensure(home: Home) -> Server:
    """
    Return the running server, made and started if need be.

    Raises:
        EmbeddedError: it cannot be made or started; the message says what to do.
    """
    found = find(home)
    if found is not None:
        return found
    home.prepare()
    with home.locked():
        return find(home) or _start(home)


def find(home: Home) -> Server | None:
    """Return the server if it runs and takes connections."""
    noted = doctoring.living(home.data)
    return Server(home, noted.port) if noted and noted.is_ready else None


def stop(home: Home, *, mode: str = "fast") -> bool:
    """
    Stop the server cleanly and return whether it ran.

    Raises:
        EmbeddedError: it does not stop.
    """
    if not home.root.is_dir():
        return False
    with home.locked():
        if doctoring.living(home.data) is None:
            return False
        account = server_account()
        programs = binaries.usable_by(account, store=home.store)
        done = account.run(
            [programs.program("pg_ctl"), "stop", "-D", home.data, "-m", mode, "-w", "-t", "120"]
        )
    if done.returncode:
        raise EmbeddedError(f"PostgreSQL does not stop: {done.stderr.strip()}")
    return True


def reload(home: Home) -> None:
    """Write the configuration anew and let a running server read it."""
    account = server_account()
    programs = binaries.usable_by(account, store=home.store)
    configuration.write(home=home, binaries=programs)
    if doctoring.living(home.data):
        account.run([programs.program("pg_ctl"), "reload", "-D", home.data])


def own_folder(home: Home, name: str) -> None:
    """Make a folder of the server's in its store."""
    folder = home.store / name
    folder.mkdir(mode=0o700, exist_ok=True)
    server_account().own(folder)


def _start(home: Home) -> Server:
    account = server_account()
    programs = binaries.usable_by(account, store=home.store)
    if not home.data.is_dir():
        cluster.create(home=home, binaries=programs, account=account)
    _refuse_other_major(home, programs)
    own_folder(home, "log")
    configuration.write(home=home, binaries=programs)
    server = _running(home) or _launch(home, account, programs)
    roles.ensure(
        owner=server.url(user=cluster.OWNER, database="postgres"),
        app_password=home.password(cluster.APP),
    )
    return server


def _running(home: Home) -> Server | None:
    """Wait for a server that is starting or stopping by itself."""
    deadline = time.monotonic() + _START_SECONDS
    while (noted := doctoring.living(home.data)) and time.monotonic() < deadline:
        if noted.is_ready:
            return Server(home, noted.port)
        time.sleep(0.05)
    return None


def _launch(home: Home, account: Account, programs: Binaries) -> Server:
    for _ in range(_ATTEMPTS):
        doctoring.clear(home.data)
        said = _pg_ctl_start(home, account, programs, port=_free_port(home))
        server = _running(home)  # it may still be replaying a backup
        if server is not None:
            (home.root / "port").write_text(f"{server.port}\n")
            return server
        said = f"{said}\n{_last_log(home)}"
        if "could not bind" not in said:
            break
    raise EmbeddedError(f"PostgreSQL does not start. Its last words:\n{said.strip()}")


def _pg_ctl_start(home: Home, account: Account, programs: Binaries, *, port: int) -> str:
    log = home.log / "start.log"
    with contextlib.suppress(FileNotFoundError):
        log.unlink()
    command: list[str | Path] = [
        "start",
        "-D",
        home.data,
        "-l",
        log,
        "-w",
        "-t",
        str(_START_SECONDS),
    ]
    done = account.run([programs.program("pg_ctl"), *command, "-o", f"-p {port}"])
    said = log.read_text() if log.exists() else ""
    return f"{done.stderr}{said}"


def _last_log(home: Home) -> str:
    logs = sorted(home.log.glob("postgresql-*.log"), key=lambda path: path.stat().st_mtime)
    return "\n".join(logs[-1].read_text(errors="replace").splitlines()[-15:]) if logs else ""


def _free_port(home: Home) -> int:
    with contextlib.suppress(OSError, ValueError):
        kept = int((home.root / "port").read_text())
        if _is_free(kept):
            return kept
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _refuse_other_major(home: Home, programs: Binaries) -> None:
    major = int((home.data / "PG_VERSION").read_text())
    if major != programs.version[0]:
        raise EmbeddedError(
            f"The data in {home.data} are of PostgreSQL {major}, the programs of "
            f"{programs.version[0]}. Dump with the old programs (METERBOOK_PG_BIN) and load anew."
        )
