"""``manage.py simulate``: what recorded usage would have cost under other prices."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from billing.management import render
from billing.management.commands.ingest import book_named
from billing.simulations import asking, comparing
from billing.simulations.comparing import Row, Totals
from billing.simulations.offers import LEAVES_OUT, Offer
from ledger.errors import DomainError
from ledger.models import Book, Customer
from ledger.money import text
from ledger.periods import Period, at_wall_clock

_SHOWN: Final = 50  # rows of the table
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode


class Command(BaseCommand):
    help = (
        "Price recorded usage under another plan, price list or price, and compare it with what"
        " was posted. Nothing is written. What was posted is what series and charges say whose"
        " time starts within --from and --to: choose whole billing periods."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--book", help="the book's key; may be left out if there is only one")
        parser.add_argument("--from", required=True, metavar="TIME", help="2026-03-01, or a time")
        parser.add_argument("--to", required=True, metavar="TIME", help="up to, but not including")
        parser.add_argument(
            "--customer", action="append", default=[], metavar="KEY", help="only these customers"
        )
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--plan", metavar="KEY[:VERSION[:PHASE]]", help="a plan; drafts too")
        way.add_argument("--price-list", metavar="KEY", help="a rate card")
        way.add_argument(
            "--price",
            type=Path,
            metavar="FILE",
            help="JSON: price, unit_config, discounts, commitments, and the currency",
        )
        parser.add_argument("--feature", metavar="KEY", help="what --price is for")
        parser.add_argument("--meter", metavar="KEY", help="or the meter it is for")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object a line: rows, then totals"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        book = book_named(options["book"])
        try:
            starts_at, ends_at = (_time(book, options[name]) for name in ("from", "to"))
            span = asking.span_of(starts_at, ends_at)
            offer = asking.offer_of(book=book, span=span, asked=_asked(options))
            self._simulate(book, offer, span, options)
        except DomainError as error:
            raise CommandError(str(error)) from error

    def _simulate(self, book: Book, offer: Offer, span: Period, options: dict[str, Any]) -> None:
        customers = _customers(book, options["customer"])
        rows, totals = _watched(book, offer, span, customers), Totals()
        if options["json"]:
            for row in rows:
                self.stdout.write(json.dumps(_written(totals.take(row))))
            self.stdout.write(json.dumps({"totals": _summed(totals, offer)}))
            return
        shown: list[Row] = []
        count = 0
        for row in rows:
            totals.take(row)
            count += 1
            if len(shown) < _SHOWN:
                shown.append(row)
        render.console_on(self.stdout).print(_table(offer, shown, count, totals))


def _watched(
    book: Book, offer: Offer, span: Period, customers: list[Customer] | None
) -> Iterator[Row]:
    count = comparing.count_customers(book=book, span=span, customers=customers)
    columns = (
        TextColumn("customers"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=count)
        yield from comparing.simulate(
            book=book,
            offer=offer,
            span=span,
            customers=customers,
            advance=lambda done: bar.advance(task, done),
        )


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    if plan := options["plan"]:
        key, _, rest = plan.partition(":")
        version, _, phase = rest.partition(":")
        if version and not version.isdigit():
            raise CommandError(f"--plan {plan}: write KEY, KEY:VERSION or KEY:VERSION:PHASE.")
        return {
            "plan": {"key": key, "version": int(version) if version else None}
            | ({"phase": phase} if phase else {})
        }
    if options["price_list"]:
        return {"price_list": options["price_list"]}
    return _document(options["price"]) | {
        name: options[name] for name in ("feature", "meter") if options[name]
    }


def _document(path: Path) -> dict[str, Any]:
    try:
        held = _decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"--price {path}: {error}") from error
    if not isinstance(held, dict) or "price" not in held:
        raise CommandError(f"--price {path}: write an object with a price in it.")
    return held


def _time(book: Book, written: str) -> datetime:
    """Read a time with its offset, or a day as the book's time zone begins it."""
    try:
        day, at = parse_date(written), parse_datetime(written)
    except ValueError as error:
        raise CommandError(f"{written}: {error}.") from error
    if day is not None:
        wall = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall clock
        return at_wall_clock(wall, ZoneInfo(book.time_zone))
    if at is None or at.utcoffset() is None:
        raise CommandError(f"{written}: write a day, 2026-03-01, or a time with its offset.")
    return at.astimezone(UTC)


def _customers(book: Book, keys: list[str]) -> list[Customer] | None:
    if not keys:
        return None
    found = {
        customer.key: customer for customer in Customer.objects.filter(book=book, key__in=keys)
    }
    if missing := [key for key in keys if key not in found]:
        raise CommandError(f"There is no customer {missing[0]!r} in {book.key}.")
    return list(found.values())


def _table(offer: Offer, rows: list[Row], count: int, totals: Totals) -> Table:
    table = Table(title=f"What if, in {offer.asset.code}", title_justify="left", title_style="bold")
    for name in ("customer", "feature"):
        table.add_column(name)
    for name in ("quantity", "posted", "simulated", "difference"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.customer,
            row.feature,
            f"{text(row.quantity)} {row.unit}" if row.unit else "",
            render.amount(row.posted),
            "no price" if row.simulated is None else render.amount(row.simulated),
            "" if row.difference is None else render.amount(row.difference),
        )
    if count > len(rows):
        table.add_row(f"… {count - len(rows):,} more; --json has all", "", "", "", "", "")
    table.add_section()
    sums = map(render.amount, (totals.posted, totals.simulated, totals.difference))
    table.add_row(f"all {totals.customers:,}", "", "", *sums, style="bold")
    notes = [f"Left out of what is simulated: {', '.join(LEAVES_OUT)}."]
    if totals.not_compared:
        notes += [f"Posted for what has no price there: {render.amount(totals.not_compared)}"]
    table.caption = "\n".join(notes)
    return table


def _written(row: Row) -> dict[str, str | None]:
    return {
        "customer": row.customer,
        "feature": row.feature,
        "unit": row.unit,
        "quantity": text(row.quantity),
        "unpriced": text(row.unpriced),
        "posted": text(row.posted),
        "simulated": None if row.simulated is None else text(row.simulated),
        "difference": None if row.difference is None else text(row.difference),
    }


def _summed(totals: Totals, offer: Offer) -> dict[str, Any]:
    return {
        "currency": offer.asset.code,
        "customers": totals.customers,
        "posted": text(totals.posted),
        "simulated": text(totals.simulated),
        "difference": text(totals.difference),
        "not_compared": text(totals.not_compared),
        "leaves_out": LEAVES_OUT,
    }
