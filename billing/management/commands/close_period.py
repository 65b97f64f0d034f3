"""``manage.py close_period``: a book's month closed, or what keeps it from that."""

import os
import pwd
from typing import Any, Final, TextIO, cast
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now
from rich.console import Console
from rich.table import Table

from billing import approving, closing, due
from billing.closing import ClosingBlockedError, Finding
from billing.management.commands.ingest import book_named
from ledger import folding, sealing
from ledger.errors import DomainError
from ledger.models import Book, Period

_COLOURS: Final = {"ok": "green", "listed": "cyan", "blocks": "red", "waived": "yellow"}


class Command(BaseCommand):
    help = (
        "Do what is due, run the checklist of a month, and close it if nothing blocks. Exits with"
        " 1 and says what to do if something does. Again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("month", help="like 2026-03, in the book's time zone")
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument("--check", action="store_true", help="only run the checklist")
        parser.add_argument("--by", default="", help="who closes it; the user of this machine")
        parser.add_argument(
            "--waive",
            action="append",
            default=[],
            metavar="CHECK=REASON",
            help="answer for what a check finds; may be repeated",
        )
        parser.add_argument("--reopen", metavar="REASON", help="open the month again instead")

    def handle(self, *_args: Any, **options: Any) -> None:
        book = book_named(options["book"])
        period = _period(book, options["month"])
        by = options["by"] or f"user:{pwd.getpwuid(os.getuid()).pw_name}"
        console = Console(file=cast("TextIO", self.stdout), soft_wrap=True, highlight=False)
        try:
            if options["reopen"]:
                console.print(_reopen(period, by, options))
                return
            self._close(console, period, by, options)
        except ClosingBlockedError as error:
            named = ", ".join(one.key for one in error.blocking)
            raise CommandError(f"{options['month']} stays open: {named}.") from error
        except DomainError as error:
            raise CommandError(str(error)) from error

    def _close(self, console: Console, period: Period, by: str, options: dict[str, Any]) -> None:
        swept = due.sweep(at=now())
        for number, error in swept.failures:
            console.print(f"[red]customer {number}: {error}[/red]")
        sealing.seal(at=now())
        folding.fold()
        with console.status("checking") as status:

            def tell(check: str) -> None:
                status.update(f"checking {check}")

            findings = closing.check(period=period, at=now(), by=by, told=tell)
        answered = dict(waived.partition("=")[::2] for waived in options["waive"])
        for check, reason in answered.items():
            closing.waive(period=period, check=check, by=by, reason=reason, at=now())
        console.print(shown(findings))
        if not options["check"]:
            closing.close(period=period, by=by, at=now())
            console.print(f"{options['month']} is closed.")
        elif blocking := [one for one in findings if one.blocks and one.key not in answered]:
            raise ClosingBlockedError(period=options["month"], blocking=blocking)


def _reopen(period: Period, by: str, options: dict[str, Any]) -> str:
    """Open a month again, unless it has to wait for a second person."""
    approval = approving.ask_to_reopen(period=period, by=by, reason=options["reopen"], at=now())
    if approval is not None:
        raise CommandError(f"So much was booked in it that somebody else must do {approval}.")
    closing.reopen(period=period, by=by, reason=options["reopen"], at=now())
    return f"{options['month']} is open again."


def shown(findings: list[Finding]) -> Table:
    """Draw a checklist."""
    table = Table("Check", "State", "Found", "Remedy", box=None, pad_edge=False)
    for one in findings:
        state = f"[{_COLOURS[one.state]}]{one.state}[/]"
        answer = [f"“{one.reason}”, {one.waived_by}"] if one.reason else []
        table.add_row(one.title, state, "\n".join([*one.found, *answer]), one.remedy)
    return table


def _period(book: Book, month: str) -> Period:
    zone = ZoneInfo(book.time_zone)
    for period in Period.objects.filter(book=book).select_related("book"):
        if f"{period.starts_at.astimezone(zone):%Y-%m}" == month:
            return period
    raise CommandError(f"{book.key} has no period {month!r}: nothing was booked in it.")
