"""``manage.py statement``: a payer's statement of account as a file."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date
from django.utils.timezone import now

from billing.management.commands.ingest import book_named
from billing.management.saving import save
from billing.payments import printing
from billing.payments.statements import statement
from ledger import clocks
from ledger.errors import DomainError
from ledger.models import Asset, Customer


class Command(BaseCommand):
    help = "Write a payer's statement of account as PDF or CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("payer", help="the customer's key")
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument("--currency", help="the book's own unless given")
        parser.add_argument("--from", dest="since", required=True, help="its first day (UTC)")
        parser.add_argument("--to", dest="until", required=True, help="its last day (UTC)")
        parser.add_argument("--format", choices=printing.FORMATS, default="pdf")
        parser.add_argument("--language", default="", help="the payer's own unless given")
        parser.add_argument("--file", type=Path, help="named by the payer unless given")

    def handle(self, *_args: Any, **options: Any) -> None:
        book = book_named(options["book"])
        payer = Customer.objects.select_related("book", "clock").filter(
            book=book, key=options["payer"]
        ).first()  # fmt: skip
        if payer is None:
            raise CommandError(f"{book.key} has no customer {options['payer']}.")
        code = options["currency"] or book.base_currency
        asset = Asset.objects.filter(code=code, kind=Asset.Kind.CURRENCY).first()
        if asset is None:
            raise CommandError(f"There is no currency {code}: name another.")
        try:
            made = statement(
                payer=payer,
                asset=asset,
                starts_at=_day(options["since"]),
                ends_at=_day(options["until"]) + timedelta(days=1),
            )
            file = printing.write(
                made,
                format=options["format"],
                language=options["language"],
                at=clocks.now_of(payer, now()),
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        save(self, file, options["file"])


def _day(given: str) -> datetime:
    day = parse_date(given)
    if day is None:
        raise CommandError(f"{given} is no date: write it like 2026-03-31.")
    return datetime.combine(day, time.min, UTC)
