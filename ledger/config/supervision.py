"""Keeping a few processes running together, and stopping them together."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

logger = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds before a process that died is started again
_STEADY = 30.0  # seconds after which a process counts as started well
_GRACE = 20.0  # seconds to stop in
_PR_SET_PDEATHSIG = 1


@dataclass
class Program:
    """One process to keep running."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _pause: float = _FIRST_PAUSE
    _not_before: float = 0.0

    @property
    def pid(self) -> int | None:
        """The running process, if it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process and running else None

    def keep(self, at: float) -> None:
        """Start the process unless it runs; wait longer each time it dies early."""
        if self.pid is not None or at < self._not_before:
            return
        if self._process is not None and not self._noted_death(at):
            return
        self._process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.env, "METERBOOK_PROCESS": self.name},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (no threads run here)
        )
        self._started = at

    def _noted_death(self, at: float) -> bool:
        """Say once that the process died, and whether it may be started again now."""
        assert self._process is not None
        lived = at - self._started
        logger.error("process ended", name=self.name, code=self._process.returncode)
        self._pause = _FIRST_PAUSE if lived > _STEADY else min(self._pause * 2, _LONGEST_PAUSE)
        self._process, self._not_before = None, at + self._pause
        return False

    def stop(self, number: int) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None and self.pid is not None:
            self._process.send_signal(number)

    def wait(self, deadline: float) -> bool:
        """Return whether the process ended before the deadline."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


def stop_all(programs: Sequence[Program]) -> None:
    """Stop all at once, and whoever does not leave in time by force."""
    for program in programs:
        program.stop(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    for program in programs:
        if not program.wait(deadline):
            logger.error("process does not stop", name=program.name)
            program.stop(signal.SIGKILL)
            program.wait(time.monotonic() + _GRACE)


def _die_with_parent() -> None:
    """Let a killed supervisor take its processes along, where the system can do it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
