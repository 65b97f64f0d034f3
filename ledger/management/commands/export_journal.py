"""``manage.py export_journal``: a book as plain-text accounting."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.exports.journal import Part, export
from ledger.models import Book, Period
from ledger.periods import at_wall_clock


class Command(BaseCommand):
    help = "Write a book, a period of it, or an interval of time, as plain-text accounting."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["beancount"], default="beancount")
        parser.add_argument("--book", help="the book's key; may be left out if there is one only")
        parser.add_argument("--period", metavar="YYYY-MM", help="what was booked in this period")
        parser.add_argument("--from", dest="starts", help="a day, or a time with its offset")
        parser.add_argument("--to", dest="ends", help="the day or time before which it ends")
        parser.add_argument("-o", "--output", type=Path, help="the file to write (else: stdout)")

    def handle(self, *_args: Any, **options: Any) -> None:
        part = _part(_book(options["book"]), options)
        if options["output"] is None:
            for text in export(part=part):
                self.stdout.write(text, ending="")
            return
        with options["output"].open("w", encoding="utf-8") as file:
            file.writelines(export(part=part))
        self.stderr.write(f"wrote {options['output']}")


def _part(book: Book, options: dict[str, Any]) -> Part:
    if not options["period"]:
        zone = ZoneInfo(book.time_zone)
        return Part(
            book=book,
            starts_at=_instant(options["starts"], zone),
            ends_at=_instant(options["ends"], zone),
        )
    if options["starts"] or options["ends"]:
        raise CommandError("Give --period, or --from and --to, not both.")
    return Part(book=book, period=_period(book, options["period"]))


def _book(key: str | None) -> Book:
    books = Book.objects.filter(key=key) if key else Book.objects.all()
    if (count := books.count()) == 1:
        return books.get()
    known = ", ".join(Book.objects.values_list("key", flat=True)) or "none"
    raise CommandError(
        f"There is no book {key!r}; there are: {known}."
        if key or not count
        else f"Name the book with --book: {known}."
    )


def _period(book: Book, month: str) -> Period:
    try:
        first = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - a wall clock
    except ValueError:
        raise CommandError(f"{month!r} is not a month like 2025-06.") from None
    inside = at_wall_clock(first, ZoneInfo(book.time_zone)) + timedelta(days=1)
    period = Period.objects.filter(book=book, starts_at__lte=inside, ends_at__gt=inside).first()
    if period is None:
        raise CommandError(f"Nothing was booked in {month}: the book has no such period.")
    return period


def _instant(given: str | None, zone: ZoneInfo) -> datetime | None:
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise CommandError(f"{given!r} is not a day like {date(2025, 6, 1)}, nor a time.") from None
    return at_wall_clock(moment, zone) if moment.tzinfo is None else moment
