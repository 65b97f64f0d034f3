"""Start, stop and look at the embedded PostgreSQL."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.config.embedded import APP, EmbeddedError, Home, binaries, ensure, find, stop


class Command(BaseCommand):
    """``manage.py embedded start|stop|status``"""

    help = "Start, stop or show the embedded PostgreSQL. It also starts by itself when needed."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do."""
        parser.add_argument("action", choices=["start", "stop", "status"])

    def handle(self, *_args: Any, action: str, **_options: Any) -> None:
        """Do it."""
        home = Home(settings.HOME)
        try:
            {"start": self._start, "stop": self._stop, "status": self._status}[action](home)
        except EmbeddedError as error:
            raise CommandError(str(error)) from error

    def _start(self, home: Home) -> None:
        ensure(home)
        self._status(home)

    def _stop(self, home: Home) -> None:
        ran = stop(home)
        self.stdout.write("PostgreSQL stopped." if ran else "PostgreSQL was not running.")

    def _status(self, home: Home) -> None:
        server = find(home)
        if server is None:
            raise CommandError("PostgreSQL is not running: manage.py embedded start", returncode=3)
        major, minor = binaries.packaged().version
        address = server.url(user=APP).replace(home.password(APP), "…")
        self.stdout.write(f"PostgreSQL {major}.{minor} runs: {address}\nIts data: {home.data}")
