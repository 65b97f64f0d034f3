"""``manage.py export_catalogue``: the whole catalogue of a book as YAML or JSON."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.management.commands.ingest import book_named
from billing.plans.files import exchange, writing


class Command(BaseCommand):
    help = (
        "Write everything that a book counts, sells and prices, with all versions of its plans, as"
        " one document that import_catalogue reads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="standard output unless given")
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument("--format", choices=writing.FORMATS, help="by the file's name, or yaml")

    def handle(self, *_args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        form = "json" if path is not None and path.suffix == ".json" else "yaml"
        document = exchange.export(book=book_named(options["book"]))
        text = writing.written(document, options["format"] or form)
        if path is None:
            self.stdout.write(text, ending="")
            return
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
