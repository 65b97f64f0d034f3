"""``manage.py dun``: ask for what is overdue, now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from billing import dunning
from billing.management.commands.ingest import book_named


class Command(BaseCommand):
    help = "Ask for overdue documents by their schedules, as the job does every few minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", help="the book's key; all books unless given")

    def handle(self, *_args: Any, **options: Any) -> None:
        book_id = book_named(options["book"]).pk if options["book"] else None
        dunned = dunning.dun(at=now(), book_id=book_id)
        self.stdout.write(
            f"{len(dunned.started)} begun, {len(dunned.acted)} steps done,"
            f" {len(dunned.ended)} ended."
        )
        for number, error in dunned.failures:
            self.stderr.write(f"document {number}: {error}")
        if dunned.failures:
            raise CommandError(f"{len(dunned.failures)} documents could not be dunned.")
