"""
The folder that one installation keeps everything in.

    .meterbook/
      lock                 held while the server is set up, started or stopped
      secret_key           Django's, while developing; readable by us alone
      port                 the port used last, kept if it is still free
      backups/             base backups
      store                names the folder of what follows, when it cannot be here
      meterbook_owner.password, meterbook.password   readable by us alone
      data/ archive/ log/  the server's own: cluster, archived WAL, log
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ledger.config.embedded.account import Account, server_account
from ledger.config.embedded.errors import EmbeddedError

_threads = threading.RLock()
_held: set[Path] = set()  # homes locked by the thread that holds _threads


@dataclass(frozen=True)
class Home:
    """One installation's folder."""

    root: Path

    @cached_property
    def store(self) -> Path:
        """Where the server's files are: here, or where its account can go."""
        noted = self.root / "store"
        return Path(noted.read_text().strip()) if noted.exists() else self.root

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.store / "data"

    @property
    def archive(self) -> Path:
        """Finished WAL, kept for recovery to a point in time."""
        return self.store / "archive"

    @property
    def log(self) -> Path:
        """The server's log files."""
        return self.store / "log"

    @property
    def backups(self) -> Path:
        """Base backups."""
        return self.root / "backups"

    def prepare(self) -> None:
        """
        Make the folder, and choose where the server's files go.

        Raises:
            EmbeddedError: the folder belongs to another user.
        """
        self._make()
        account = server_account()
        if account.is_separate and not account.can_enter(self.root):
            self._move_store(account)

    def _make(self) -> None:
        is_new = not self.root.exists()
        self.root.mkdir(parents=True, exist_ok=True)
        if is_new:
            # Another account must pass through to its own folders; the secrets stay 0600.
            self.root.chmod(0o711 if server_account().is_separate else 0o700)
        owner = self.root.stat().st_uid
        if owner != os.geteuid():
            raise EmbeddedError(
                f"{self.root} belongs to uid {owner}, and you are uid {os.geteuid()}: "
                "run as that user, or set METERBOOK_HOME to a folder of your own."
            )

    def _move_store(self, account: Account) -> None:
        name = hashlib.blake2b(str(self.root).encode(), digest_size=6).hexdigest()
        store = Path("/var/lib") / f"meterbook-{name}"
        try:
            store.mkdir(exist_ok=True)
            store.chmod(0o711)
        except OSError as error:
            raise EmbeddedError(
                f"PostgreSQL cannot run as root, and another account can enter neither "
                f"{self.root} nor {store} ({error}). Set METERBOOK_HOME to a folder that others "
                "may pass through, run as an ordinary user, or set DATABASE_URL."
            ) from error
        if not account.can_enter(store):
            raise EmbeddedError(f"uid {account.uid} cannot enter {store}: set METERBOOK_HOME.")
        (self.root / "store").write_text(f"{store}\n")
        self.__dict__.pop("store", None)

    def password(self, user: str) -> str:
        """Return a database user's password, which stays beside the data."""
        return _secret(self.store / f"{user}.password")

    def secret_key(self) -> str:
        """Return Django's secret key for development."""
        self._make()
        return _secret(self.root / "secret_key")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process and thread from changing the server meanwhile; may nest."""
        with _threads, (self.root / "lock").open("w") as file:
            if self.root in _held:
                yield
                return
            fcntl.flock(file, fcntl.LOCK_EX)
            _held.add(self.root)
            try:
                yield
            finally:
                _held.discard(self.root)


def _secret(path: Path) -> str:
    """Return a secret kept in a file that we alone can read, made at first use."""
    with contextlib.suppress(FileNotFoundError):
        if kept := path.read_text().strip():
            return kept
    fresh = secrets.token_urlsafe(48)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(fresh)
    try:
        os.link(draft, path)  # whoever comes first decides; the file is never half written
    except FileExistsError:
        return path.read_text().strip()
    finally:
        draft.unlink()
    return fresh
