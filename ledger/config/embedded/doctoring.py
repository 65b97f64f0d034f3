"""
Telling a living server from the traces of a dead one.

PostgreSQL trusts the process id in postmaster.pid. After ``kill -9`` that id may
belong to a zombie, where nobody reaps, or to somebody else's process, and the server
would refuse to start. We look closer, and clear the file only when nothing that
belonged to the old server is left.
"""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ledger.config.embedded.errors import EmbeddedError

_STATE = 3  # after the socket's folder, the address and the shared memory's key
_PATIENCE = 20.0  # seconds for orphans of a dead server to leave


@dataclass(frozen=True, slots=True)
class PidFile:
    """What postmaster.pid says."""

    pid: int
    port: int
    state: str  # starting, ready, stopping

    @property
    def is_ready(self) -> bool:
        """Whether the server said that it takes connections."""
        return self.state == "ready"


def read(data: Path) -> PidFile | None:
    """Return what postmaster.pid says, or None if there is none, or a torn one."""
    try:
        pid, _, _, port, *rest = (data / "postmaster.pid").read_text().splitlines()
        return PidFile(int(pid), int(port), rest[_STATE].strip() if rest[_STATE:] else "")
    except (OSError, ValueError):
        return None


def living(data: Path) -> PidFile | None:
    """Return what postmaster.pid says if that process truly is the server of this cluster."""
    noted = read(data)
    return noted if noted and _is_postmaster(noted.pid, data) else None


def clear(data: Path) -> None:
    """
    Remove what a dead server left, so that a new one can start.

    Raises:
        EmbeddedError: processes of the old server do not leave.
    """
    deadline = time.monotonic() + _PATIENCE
    while left := list(_processes_of(data)):
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGQUIT)  # a backend leaves at once, writing nothing
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in left)
            raise EmbeddedError(f"Processes {pids} of a dead server still use {data}.")
        time.sleep(0.02)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _is_postmaster(pid: int, data: Path) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return str(data) in process.cmdline()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # not ours to look into, so not a server that we started
        return False


def _processes_of(data: Path) -> Iterator[psutil.Process]:
    """Every process of a server works in its data folder."""
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
                continue
            if process.cwd() == str(data.resolve()):
                yield process
        except psutil.Error:
            continue
