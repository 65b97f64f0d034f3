"""Bring the embedded database back to an instant."""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils.timezone import is_naive

from ledger.config.embedded import EmbeddedError, Home, backups


class Command(BaseCommand):
    """``manage.py restore --to 2026-03-01T12:00:00Z``"""

    help = "Restore the embedded database. The present state is moved aside, not deleted."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the instant and the source."""
        parser.add_argument("--to", help="instant with zone; without it, as far as the WAL reaches")
        parser.add_argument("--from", dest="source", type=Path, help="another folder of backups")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(
        self, *_args: Any, to: str | None, source: Path | None, yes: bool, **_options: Any
    ) -> None:
        """Restore, after asking."""
        if not connections["default"].settings_dict.get("EMBEDDED_HOME"):
            raise CommandError("DATABASE_URL names another server: restore it with its own means.")
        instant = _instant(to)
        if not yes and input("Replace the database by its past state? [yes/no] ") != "yes":
            raise CommandError("Nothing was changed.")
        connections.close_all()
        try:
            used = backups.restore(home=Home(settings.HOME), to=instant, source=source)
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored to {to or 'the end of the WAL'}, from {used.folder.name}.\n"
            "The state before lies beside the data, as data.before-restore-*: delete it when "
            "nobody misses it. Then run manage.py verify_ledger."
        )


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--to {text!r}: write an instant as 2026-03-01T12:00:00Z.") from error
    if is_naive(instant):
        raise CommandError(f"--to {text!r} has no zone: add Z or an offset.")
    return instant
