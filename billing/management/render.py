"""Tables for the terminal: a book at a glance. Amounts are shown to the cent, kept exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, TextIO, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from billing.management.gateway import Step
from billing.models import Charge
from billing.reports import overview, subscriptions
from billing.reports.margins import MarginRow
from billing.reports.overview import Overview, PostpaidRow, WalletRow
from billing.reports.subscriptions import SubscriptionRow
from ledger.balances import TrialRow
from ledger.models import Asset, Book
from ledger.money import ZERO, add
from ledger.verification import Report
from wallets.summary import Figures

MOST_ROWS: Final = 20
_ROUNDING: Final = Context(prec=80, rounding=ROUND_HALF_EVEN)
_CENT: Final = Decimal("0.01")


def render_overview(book: Book, console: Console, *, at: datetime) -> None:
    """
    Print wallets, postpaid accounts, revenue and cost, and the trial balance of a book.

    The lives of grants are judged at ``at``.

    Raises:
        OutOfBalanceError: debits and credits of an asset differ.
    """
    found = overview.of_book(book=book, at=at)
    units = set(Asset.objects.filter(kind=Asset.Kind.UNIT).values_list("code", flat=True))
    for table in tables(found, units):
        console.print()
        console.print(table)


def tables(found: Overview, units: Iterable[str] = ()) -> list[Table]:
    """Return the tables of an overview; assets named as units are shown in whole numbers."""
    made = [
        wallets(found.wallets),
        postpaid(found.postpaid),
        margins(found.margins),
        trial_balance(found.trial_balance, set(units)),
    ]
    return [table for table in made if table.row_count]


def render_gateway(steps: Iterable[Step], console: Console) -> None:
    """Print what was asked at the gateway, what was answered, and what was left."""
    title = "Harbor Travel at the gateway: 0.60 prepaid, a budget, a recharge"
    table = empty_table(title, "", "answer", numbers=["available"])
    for step in steps:
        table.add_row(step.what, step.outcome, f"{step.available:.3f}")
    console.print()
    console.print(table)


def render_subscriptions(book: Book, console: Console, *, at: datetime) -> None:
    """Print what each subscription of a book came to."""
    if rows := subscriptions.of_book(book=book, at=at):
        console.print()
        console.print(subscribed(rows))


def subscribed(rows: Sequence[SubscriptionRow]) -> Table:
    """Show subscriptions, their plan and phase, and what was posted for them."""
    kinds = Charge.Kind
    table = empty_table(
        "Subscriptions",
        "customer",
        "plan",
        "phase",
        "next due",
        numbers=["fees", "usage", "minimum", "coupon", "together"],
    )
    for row in rows[:MOST_ROWS]:
        due = "–" if row.due_at is None else f"{row.due_at:%Y-%m-%d}"
        fees = add(row.charges[kinds.FLAT], row.charges[kinds.TIER])
        figures = (fees, row.usage, row.charges[kinds.MINIMUM], row.charges[kinds.COUPON])
        shown = (amount(figure) for figure in (*figures, row.total))
        table.add_row(row.customer, row.plan, row.phase, due, *shown)
    note_more(table, rows)
    return table


def wallets(rows: Sequence[WalletRow]) -> Table:
    """Show what became of the credit in wallets; those used most, and all in all."""
    figures_shown = _shown(rows)
    table = empty_table("Wallets", "customer", "wallet", "asset", numbers=figures_shown)
    shown = sorted(rows, key=lambda row: -row.figures.used)[:MOST_ROWS]
    for row in sorted(shown, key=lambda row: (row.customer, row.wallet)):
        figures = _figures(row.figures, figures_shown)
        table.add_row(row.customer, row.wallet, row.asset, *figures)
    note_more(table, rows)
    totals: dict[str, Figures] = defaultdict(Figures)
    for row in rows:
        totals[row.asset] += row.figures
    for asset, total in sorted(totals.items()):
        table.add_section()
        figures = _figures(total, figures_shown)
        table.add_row(f"all {len(rows)}", "", asset, *figures, style="bold")
    return table


def postpaid(rows: Sequence[PostpaidRow]) -> Table:
    """Show what customers owe; those who owe most, and all in all."""
    table = empty_table(
        "Postpaid accounts", "customer", "asset", numbers=["unbilled", "limit", "overdraft"]
    )
    shown = sorted(rows, key=lambda row: -(row.unbilled + row.overdraft))[:MOST_ROWS]
    for row in sorted(shown, key=lambda row: (row.customer, row.asset)):
        limit = "none" if row.credit_limit is None else amount(row.credit_limit)
        table.add_row(row.customer, row.asset, amount(row.unbilled), limit, amount(row.overdraft))
    note_more(table, rows)
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in rows:
        total = totals[row.asset]
        total[:] = add(total[0], row.unbilled), add(total[1], row.overdraft)
    for asset, (unbilled, overdraft) in sorted(totals.items()):
        table.add_section()
        owed = (amount(unbilled), "", amount(overdraft))
        table.add_row(f"all {len(rows)}", asset, *owed, style="bold")
    return table


def margins(rows: Sequence[MarginRow]) -> Table:
    """Show what usage earned and cost: by meter, by model where that is told apart, all in all."""
    table = empty_table(
        "Revenue and provider cost of usage",
        "meter",
        "for",
        "asset",
        numbers=["revenue", "provider cost", "margin", "%"],
    )
    totals: dict[str, MarginRow] = {}
    for (meter, asset), parts in _grouped(rows).items():
        whole = MarginRow(meter=meter, model="all", asset=asset)
        total = totals.setdefault(asset, MarginRow(meter="all", model="", asset=asset))
        for row in parts:
            whole.revenue, whole.cost = add(whole.revenue, row.revenue), add(whole.cost, row.cost)
            table.add_row(*_margin(row))
        total.revenue, total.cost = add(total.revenue, whole.revenue), add(total.cost, whole.cost)
        if len(parts) > 1:
            table.add_row(*_margin(whole), style="bold")
    for _, total in sorted(totals.items()):
        table.add_section()
        table.add_row(*_margin(total), style="bold")
    return table


def trial_balance(rows: Sequence[TrialRow], units: set[str]) -> Table:
    """Show all accounts by type and purpose, from the beginning; sides of each asset are equal."""
    table = empty_table(
        "Trial balance",
        "type",
        "purpose",
        "asset",
        numbers=["debits", "credits", "closing"],
    )
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for row in rows:
        figures = (row.debits, row.credits, row.closing)
        write = whole if row.asset in units else amount
        table.add_row(row.type, row.purpose, row.asset, *map(write, figures))
        totals[row.asset] = [add(*pair) for pair in zip(totals[row.asset], figures, strict=True)]
    for asset, total in sorted(totals.items()):
        table.add_section()
        write = whole if asset in units else amount
        table.add_row("all", "", asset, *map(write, total), style="bold")
    return table


def amount(value: Decimal) -> str:
    """
    Write an amount to the cent, for people.

    >>> amount(Decimal("-1234.565000000000"))
    '-1,234.56'
    """
    cents = value.quantize(_CENT, context=_ROUNDING)
    return f"{cents or ZERO:,.2f}"


def whole(value: Decimal) -> str:
    """
    Write a quantity, without places it does not have.

    >>> whole(Decimal("1234.500")), whole(Decimal("1000"))
    ('1,234.5', '1,000')
    """
    written = f"{value:,f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


_ALWAYS: Final = ("granted", "used", "expired", "available")
_AT_TIMES: Final = ("voided", "transferred", "held", "pending")  # shown where there is some


def _shown(rows: Iterable[WalletRow]) -> list[str]:
    listed = list(rows)
    named = {name for name in _AT_TIMES if any(getattr(row.figures, name) for row in listed)}
    return [*_ALWAYS[:-1], *(name for name in _AT_TIMES if name in named), _ALWAYS[-1]]


def _figures(figures: Figures, names: Iterable[str]) -> list[str]:
    return [amount(getattr(figures, name)) for name in names]


def _margin(row: MarginRow) -> list[str]:
    percent = row.margin_percent
    written = "" if percent is None else f"{percent:.1f}"
    figures = (amount(value) for value in (row.revenue, row.cost, row.margin))
    return [row.meter, row.model, row.asset, *figures, written]


def _grouped(rows: Iterable[MarginRow]) -> dict[tuple[str, str], list[MarginRow]]:
    grouped: dict[tuple[str, str], list[MarginRow]] = defaultdict(list)
    for row in rows:
        grouped[row.meter, row.asset].append(row)
    return grouped


def empty_table(title: str, *texts: str, numbers: Iterable[str]) -> Table:
    """Return a table without rows: columns of text, then columns of figures."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in texts:
        table.add_column(name, overflow="fold", no_wrap=name == "number")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def note_more(table: Table, rows: Sequence[object]) -> None:
    """Say how many rows are not shown."""
    if len(rows) > MOST_ROWS:
        table.add_row(f"… {len(rows) - MOST_ROWS} more", style="dim")


def console_on(output: object) -> Console:
    """Return a console on a command's output: wide enough, if that is not a terminal."""
    stream = cast("TextIO", output)
    found = Console(file=stream, highlight=False)
    return found if found.is_terminal else Console(file=stream, highlight=False, width=120)


def render_verification(report: Report, console: Console) -> None:
    """Print what was recomputed, and what disagreed."""
    recomputed = (
        f"Recomputed {report.transactions:,} transactions, {report.entries:,} entries and the"
        f" chain of seals up to {report.seals:,}:"
    )
    found = len(report.disagreements)
    verdict = Text(
        "the ledger agrees with itself." if report.is_clean else f"{found} disagree.",
        style="bold green" if report.is_clean else "bold red",
    )
    console.print()
    console.print(recomputed, verdict)
    for disagreement in report.disagreements:
        console.print(f"  {disagreement.check}: {disagreement}", markup=False)
        console.print(f"  {disagreement.remedy}", style="dim", markup=False)
