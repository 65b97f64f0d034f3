"""Open a book: one legal entity's set of books."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from ledger import registry
from ledger.errors import DomainError


class Command(BaseCommand):
    """manage.py create_book KEY --name NAME --currency USD"""

    help = "Open a book. Its key, base currency and time zone cannot be changed later."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what a book needs."""
        parser.add_argument("key", help="how it is called in addresses and commands")
        parser.add_argument("--name", help="of the legal entity; by default the key")
        parser.add_argument(
            "--currency", default="USD", help="base currency, as ISO 4217 writes it"
        )
        parser.add_argument("--zone", default="UTC", help="its months are cut in, as Europe/Berlin")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Open it, or say why not."""
        try:
            book = registry.create_book(
                key=options["key"],
                name=options["name"] or options["key"],
                base_currency=options["currency"],
                time_zone=options["zone"],
                at=now(),
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Book {book.key} is open. Next: manage.py create_api_key {book.key} …")
