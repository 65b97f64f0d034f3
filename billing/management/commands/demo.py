"""``manage.py demo``: usage from events to balances, two months closed, and a look around."""

from __future__ import annotations

import secrets
import time
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from billing.management import demo, gateway, loading, months, offers, render, render_months
from billing.management.loading import Crew, Tally
from billing.management.months import ClosedMonth
from billing.metering import rollups
from billing.models import Invoice
from ledger import access, folding, partitions, registry, sealing, verification
from ledger.api import health
from ledger.models import ApiKey, Asset, Book, Customer
from wallets import expiry

_LOGIN = "demo"


class Command(BaseCommand):
    help = (
        "Make a book with customers, prices and credit, ingest usage into it, invoice and close the"
        " last two months, and show what it comes to. Each run makes a book of its own."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--events", type=int, default=demo.EVENTS)
        parser.add_argument("--workers", type=int, default=2, help="processes that share the work")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not health.migrations().is_ok:
            raise CommandError("The database is not ready: run manage.py prepare first.")
        console = render.console_on(self.stdout)
        partitions.ensure(at=now())
        book = demo.prepare(at=now())
        console.print(
            f"Book [bold]{book.key}[/]: {len(demo.PARTIES)} customers,"
            f" {len(demo.SUBJECTS)} API keys, a price list, two plans and four subscriptions."
        )
        tally, seconds = self._ingest(book, options["events"], options["workers"])
        console.print(
            f"{tally.accepted:,} events taken in {seconds:.1f} s:"
            f" [bold]{tally.accepted / seconds:,.0f} events per second[/], each durable, with its"
            " entries for units, money and provider cost."
        )
        self._settle(book)
        render.render_subscriptions(book, console, at=now())
        dollars = registry.currency(code="USD")
        closed = self._close(book, dollars, console)
        render.render_gateway(gateway.tell(book=book, asset=dollars, at=now()), console)
        render.render_overview(book, console, at=now())
        report = verification.verify(book=book)
        render.render_verification(report, console)
        if not report.is_clean or tally.accepted != options["events"]:
            raise CommandError("The demo did not come out right; see above.")
        self._look_around(book, closed, console)

    def _ingest(self, book: Book, events: int, workers: int) -> tuple[Tally, float]:
        records = demo.records(until=now(), events=events)
        crew = Crew(book=book, workers=workers)
        try:
            with loading.stoppable() as stop, _bar() as progress:
                task = progress.add_task("Ingesting", total=events)
                began = time.monotonic()
                tally = crew.load(
                    records=records,
                    stop=stop,
                    each=lambda so_far: progress.update(task, completed=so_far.records),
                )
                seconds = time.monotonic() - began
        finally:
            crew.close()
        if stop.is_asked:
            raise CommandError("Interrupted.", returncode=130)
        return tally, seconds

    def _settle(self, book: Book) -> None:
        """Do at once what the worker would do within seconds."""
        offers.settle(customers=Customer.objects.filter(book=book), at=now())
        expiry.close_expired(at=now())
        rollups.fold()
        folding.fold()
        sealing.seal(at=now())

    def _close(self, book: Book, dollars: Asset, console: Console) -> list[ClosedMonth]:
        """Invoice and close the last two months, with a bar for each step that takes a while."""
        with console.status("Invoicing and closing two months"):
            found = months.close(book=book, asset=dollars, at=now())
            folding.fold()
            sealing.seal(at=now())
        render_months.render(found, console)
        return found

    def _look_around(self, book: Book, closed: list[ClosedMonth], console: Console) -> None:
        password = secrets.token_urlsafe(9)
        user, _ = User.objects.get_or_create(username=_LOGIN)
        user.is_staff = user.is_superuser = True
        user.set_password(password)
        user.save()
        _, key = access.issue_key(
            book=book, name="demo", scopes=ApiKey.Scope.values, at=now(), is_live=False
        )
        console.print("\n[bold]Look around[/]: start the server with [bold]make serve[/], then")
        for name, value in (
            ("admin", "http://127.0.0.1:8000/admin/"),
            ("login", f"{_LOGIN} / {password}"),
            ("API docs", "http://127.0.0.1:8000/api/v1/docs"),
            ("API key", key),
        ):
            console.print(f"  {name:<9} {value}", markup=False, soft_wrap=True)
        largest = max((one for month in closed for one in month.documents), key=_total)
        path = months.picture(document=largest, at=now())
        console.print(f"  an invoice {path}", markup=False, soft_wrap=True)
        url = "http://127.0.0.1:8000/api/v1/customers/cobalt/balances"
        console.print(f'  try       curl -H "Authorization: Bearer {key}" {url}', soft_wrap=True)


def _total(document: Invoice) -> Decimal:
    owed: Decimal = document.total
    return owed


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
