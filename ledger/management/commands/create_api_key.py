"""Issue an API key and show it, this once."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import now

from ledger import access
from ledger.errors import InvalidInputError
from ledger.models import ApiKey, Book, Customer


class Command(BaseCommand):
    """manage.py create_api_key BOOK --scope read --scope ingest"""

    help = "Issue an API key for a book, and show it: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be asked for."""
        parser.add_argument("book", help="the book's key")
        parser.add_argument("--name", default="command line", help="what the key is for")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=ApiKey.Scope.values,
            help="what it may do; may be given several times",
        )
        parser.add_argument("--customer", help="bind it to a customer (key) and those below it")
        parser.add_argument("--days", type=int, help="let it expire after so many days")
        parser.add_argument("--test", action="store_true", help="mark it as a key for tests")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Issue the key."""
        at = now()
        try:
            book = Book.objects.get(key=options["book"])
            customer = options["customer"] and Customer.objects.get(
                book=book, key=options["customer"]
            )
            _, text = access.issue_key(
                book=book,
                name=options["name"],
                scopes=options["scope"],
                customer=customer or None,
                expires_at=at + timedelta(days=options["days"]) if options["days"] else None,
                is_live=not options["test"],
                at=at,
            )
        except (Book.DoesNotExist, Customer.DoesNotExist) as error:
            raise CommandError(
                f"No such {type(error).__qualname__.split('.')[0].lower()}."
            ) from None
        except InvalidInputError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(text)
