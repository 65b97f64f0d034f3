"""Tables for the terminal: what was invoiced in a month, what is paid of it, what is deferred."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from billing.management.months import ClosedMonth
from billing.management.render import amount, empty_table, note_more
from billing.models import Invoice
from billing.reports.deferred import DeferredReport
from ledger.money import absolute, negate, total


def render(months: Sequence[ClosedMonth], console: Console) -> None:
    """Print what was issued for each month, and the roll-forward of what is deferred."""
    for month in months:
        console.print()
        console.print(documents(month))
        console.print()
        console.print(rolled(month.name, month.deferred))


def documents(month: ClosedMonth) -> Table:
    """Show the documents of a month, credit notes below zero."""
    made = empty_table(
        f"Issued for {month.name}, which is closed",
        "number",
        "to",
        "corrects",
        numbers=["net", "tax", "total", "paid", "set off", "open"],
    )
    made.add_column("state")
    for one in month.documents:
        figures = (one.taxable, one.tax, one.total, one.paid, one.credited, one.open)
        signed = figures if one.kind != Invoice.Kind.CREDIT_NOTE else tuple(map(negate, figures))
        corrected = one.corrects.number if one.corrects else ""
        shown = (amount(figure) for figure in signed)
        made.add_row(one.number, one.payer.key, corrected, *shown, one.get_state_display().lower())
    note_more(made, month.documents)
    return made


def rolled(name: str, report: DeferredReport) -> Table:
    """Show how fees paid in advance and prepaid credit moved in a month."""
    made = empty_table(
        f"Deferred revenue, {name}",
        "of",
        "asset",
        numbers=["opening", "billed", "given", "earned", "expired", "returned", "closing"],
    )
    for fee in report.fees:
        opening, billed, earned, returned, closing = map(
            amount, (fee.opening, fee.billed, fee.earned, fee.returned, fee.closing)
        )
        made.add_row("fees", fee.asset, opening, billed, "", earned, "", returned, closing)
    for row in report.credit:
        figures = (row.opening, row.sold, row.granted, row.consumed, row.expired, row.refunded)
        made.add_row("credit", row.asset, *map(amount, (*figures, row.closing)))
    difference = total(absolute(one.difference) for one in report.ties)
    made.caption = f"against the trial balance: {amount(difference)} apart"
    return made
