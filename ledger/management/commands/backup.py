"""Copy the whole database."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from ledger.config.broker import address
from ledger.config.embedded import EmbeddedError, Home, backups


class Command(BaseCommand):
    """``manage.py backup``"""

    help = (
        "Back the whole database up and verify the copy. From the first backup of the embedded "
        "database on, finished WAL is kept too, so that manage.py restore can reach any instant."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to, and how many to keep."""
        parser.add_argument("--keep", type=int, default=7, help="backups to keep (embedded only)")
        parser.add_argument("--folder", type=Path, help="where to (another server only)")

    def handle(self, *_args: Any, keep: int, folder: Path | None, **_options: Any) -> None:
        """Back up and verify."""
        if keep < 1:
            raise CommandError("--keep must be at least 1.")
        try:
            backup = self._embedded(keep) if self._is_embedded() else self._other(folder)
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        size = sum(path.stat().st_size for path in backup.folder.iterdir())
        self.stdout.write(f"Backed up and verified: {backup.folder} ({size / 1e6:,.1f} MB)")

    def _is_embedded(self) -> bool:
        return bool(connection.settings_dict.get("EMBEDDED_HOME"))

    def _embedded(self, keep: int) -> backups.Backup:
        return backups.take(home=Home(settings.HOME), keep=keep)

    def _other(self, folder: Path | None) -> backups.Backup:
        if folder is None:
            raise CommandError("Say where to: --folder DIR.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return backups.copy(url=address(), folder=folder)
        except EmbeddedError as error:
            raise CommandError(
                f"{error}\nThe login of DATABASE_OWNER_URL needs REPLICATION and a line in "
                "pg_hba.conf; where a provider does not allow it, use the provider's backups."
            ) from error
