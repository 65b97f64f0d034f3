"""
The operating-system account that PostgreSQL runs as.

PostgreSQL refuses to run as root. An ordinary user runs it as themselves. Root runs
it as a numeric account of its own, which needs no entry in /etc/passwd, shares files
with nobody, and leaves nothing behind on the system.
"""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.config.embedded.errors import EmbeddedError

_NOT_EXECUTABLE = 126  # as shells say it
SERVER_UID = 60780  # outside the ranges that distributions and systemd hand out


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a server process runs as; ``uid`` is None for "whoever we are"."""

    uid: int | None

    @property
    def is_separate(self) -> bool:
        """Whether the server runs as somebody else than this process."""
        return self.uid is not None

    def run(
        self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """
        Run a command as this account and return what it said.

        Raises:
            EmbeddedError: this process may not become the account.
        """
        identity: dict[str, Any] = {}
        if self.uid is not None:
            identity = {"user": self.uid, "group": self.uid, "extra_groups": []}
        try:
            return subprocess.run(
                [str(part) for part in command],
                env={**_ENVIRONMENT, **(env or {})},
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                **identity,
            )
        except OSError as error:  # the program is missing, or out of the account's reach
            return subprocess.CompletedProcess(command, _NOT_EXECUTABLE, "", str(error))
        except subprocess.SubprocessError as error:
            raise EmbeddedError(
                f"root cannot become uid {self.uid} here ({error}). Run as an ordinary user, "
                "or set DATABASE_URL to a PostgreSQL that runs elsewhere."
            ) from error

    def own(self, path: Path) -> None:
        """Give a folder of ours, and all that is in it, to the account."""
        if self.uid is None:
            return
        os.chown(path, self.uid, self.uid)
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder, name), self.uid, self.uid, follow_symlinks=False)

    def can_enter(self, folder: Path) -> bool:
        """Whether the account reaches a folder through all of its parents."""
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", folder]).returncode == 0

    def can_read(self, file: Path) -> bool:
        """Whether the account reaches and reads a file."""
        return self.run(["/bin/sh", "-c", 'test -r "$1"', "sh", file]).returncode == 0


# Nothing of the caller's environment (PGDATA, PGOPTIONS, LC_ALL) may leak into a server.
_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def server_account() -> Account:
    """Return the account that the server runs as."""
    return Account(SERVER_UID if os.geteuid() == 0 else None)


def founding_account() -> Account:
    """
    Return the account that runs initdb, which insists on a name in /etc/passwd.

    Raises:
        EmbeddedError: root finds no unprivileged account to lend.
    """
    if os.geteuid() != 0:
        return Account(None)
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    for name in ("nobody", "daemon", *known):
        if name in known:
            return Account(known[name])
    raise EmbeddedError("No unprivileged account in /etc/passwd: run as an ordinary user.")
