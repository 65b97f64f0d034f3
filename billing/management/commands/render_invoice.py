"""``manage.py render_invoice``: a document as a file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from billing.invoicing.documents import storing
from billing.management.commands.ingest import book_named
from billing.management.saving import save
from billing.models import Document
from ledger.errors import DomainError


class Command(BaseCommand):
    help = "Write an invoice, credit or debit note as PDF, e-invoice or CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="the document's number")
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument("--format", choices=Document.Format.values, default="pdf")
        parser.add_argument("--language", default="", help="the reader's own unless given")
        parser.add_argument("--file", type=Path, help="named by its number unless given")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            invoice = storing.by_number(book=book_named(options["book"]), number=options["number"])
            made = storing.render(
                invoice=invoice,
                format=options["format"],
                language=options["language"],
                at=now(),
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        save(self, made, options["file"])
