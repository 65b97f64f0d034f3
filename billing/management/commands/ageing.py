"""``manage.py ageing``: who owes what, and for how long."""

from datetime import UTC, datetime, time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date
from django.utils.timezone import now

from billing.management import render
from billing.management.commands.ingest import book_named
from billing.payments.ageing import Aged, ageing
from ledger.money import text

_PAYER: Final = 10  # letters of a key that stay on one line


class Command(BaseCommand):
    help = "Show what is owed by payer, currency and days overdue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument(
            "--at", help="as of the end of a day (UTC), like 2026-03-31; now unless given"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        made = ageing(book=book_named(options["book"]), at=_instant(options["at"]))
        table = render.empty_table(
            f"Ageing at {made.at:%Y-%m-%d %H:%M} UTC",
            *("payer", "in"),
            numbers=(*made.labels, "total", "credits", "unapplied", "net"),
        )
        table.columns[0].min_width = _PAYER
        for row in made.rows:
            table.add_row(row.payer_key, row.currency, *_figures(row))
        table.add_section()
        for row in made.sums():
            table.add_row("All", row.currency, *_figures(row), style="bold")
        render.console_on(self.stdout).print(table)


def _figures(row: Aged) -> list[str]:
    amounts = (*row.owed, row.total, row.credits, row.unapplied, row.net)
    return [text(amount) for amount in amounts]


def _instant(given: str | None) -> datetime:
    if given is None:
        return now()
    day = parse_date(given)
    if day is None:
        raise CommandError(f"{given} is no date: write it like 2026-03-31.")
    return datetime.combine(day, time.max, UTC)
