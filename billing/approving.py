"""
What about documents and money may need a second person: read from plain values, then done.

The setting ``APPROVAL_OPERATIONS`` names these; ``wallets.approvals`` keeps what waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.utils.dateparse import parse_date

from billing import closing, payments
from billing.closing import standing
from billing.invoicing import credit_notes, lifecycle
from billing.invoicing.credit_notes import Amount, Full, Lines, What
from billing.models import Invoice, Unapplied
from ledger.errors import InvalidInputError, NotFoundError
from ledger.models import Book, Period
from ledger.money import total
from wallets import approvals
from wallets.approvals.deciding import Caller
from wallets.approvals.reading import Act, Arguments, Order, amount_of, number, wallet_of
from wallets.models import Approval

_WHATS: Final = ("full", "lines", "amount")


def ask_to_issue(
    *, invoice: Invoice, by: Caller, name: str, at: datetime, issue_date: date | None = None
) -> Approval | None:
    """
    Ask for a second person if a draft is large and nobody else has approved it; None: go on.

    ``name`` is what documents call ``by``. What cannot be issued at all is not asked about.
    """
    if not lifecycle.needs_another(invoice=invoice, by=name, at=at):
        return None
    return approvals.ask(
        book=invoice.book,
        operation="invoice.issue",
        arguments=approvals.written(
            {"invoice": invoice, "issue_date": issue_date.isoformat() if issue_date else None}
        ),
        key=f"issue:{invoice.pk}",
        reason=f"Issue of {invoice}",
        by=by,
        at=at,
    )


def ask_to_reopen(*, period: Period, by: Caller, reason: str, at: datetime) -> Approval | None:
    """Ask for a second person if much was booked in a period; None: go on."""
    if period.state == Period.State.OPEN:
        return None
    return approvals.ask(
        book=period.book,
        operation="period.reopen",
        arguments=approvals.written({"period": period}),
        key=f"reopen:{period.pk}:{period.reopenings.count()}",
        reason=reason,
        by=by,
        at=at,
    )


def reopen_of(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Read a period that is to be opened again: as large as what was booked in it."""
    found = Period.objects.select_related("book").filter(book=book)
    period = found.filter(pk=number(arguments, "period")).first()
    if period is None:
        raise NotFoundError(period=arguments["period"])
    asset, amount = standing.most_booked(period)

    def run(act: Act) -> str:
        closing.reopen(period=period, by=act.cause, reason=act.reason, at=act.at)
        return f"period {period.pk}"

    return Order(None, asset, amount, run)


def issue_of(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Read an invoice that is to be issued: invoice, and perhaps issue_date."""
    invoice = invoice_of(book, arguments)
    issue_date = parse_date(str(arguments.get("issue_date", "")))

    def run(act: Act) -> str:
        issued = lifecycle.issue(invoice=invoice, by=act.cause, at=act.at, issue_date=issue_date)
        return f"invoice {issued.number}"

    return Order(invoice.payer, invoice.asset, invoice.due, run)


def credit_of(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Read a credit note: invoice, what, disposition, and perhaps reason_code and wallet."""
    invoice, what = invoice_of(book, arguments), what_of(arguments)
    given = credit_notes.preview(invoice=invoice, what=what)
    wallet = wallet_of(book, arguments, "wallet") if arguments.get("wallet") else None

    def run(act: Act) -> str:
        note = credit_notes.credit(
            invoice=invoice,
            what=what,
            disposition=str(arguments.get("disposition", "")),
            reason=act.reason,
            reason_code=str(arguments.get("reason_code", "")),
            wallet=wallet,
            by=act.cause,
            key=act.key,
            at=act.at,
        )
        return f"credit note {note.number}"

    amount = total([*(one.taxable for one in given), *(one.tax for one in given)])
    return Order(invoice.payer, invoice.asset, amount, run)


def write_off_of(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Read a write-off: invoice, and perhaps amount and relieves_tax."""
    invoice = invoice_of(book, arguments)
    amount = amount_of(arguments) if arguments.get("amount") else None

    def run(act: Act) -> str:
        payments.write_off(
            invoice=invoice,
            amount=amount,
            reason=act.reason,
            by=act.cause,
            key=act.key,
            at=act.at,
            relieves_tax=bool(arguments.get("relieves_tax", True)),
        )
        return f"write-off of {invoice.number}"

    return Order(invoice.payer, invoice.asset, invoice.open if amount is None else amount, run)


def refund_of(book: Book, arguments: Arguments, at: datetime) -> Order:
    """Read a refund of unapplied money: source, and perhaps amount and rail."""
    found = Unapplied.objects.select_related("payer__clock", "payer__book", "asset")
    source = found.filter(book=book, pk=number(arguments, "source")).first()
    if source is None:
        raise NotFoundError(source=arguments["source"])
    money, amount = source, amount_of(arguments) if arguments.get("amount") else None

    def run(act: Act) -> str:
        refund = payments.refund(
            source=money,
            amount=amount,
            reason=act.reason,
            by=act.cause,
            key=act.key,
            at=act.at,
            rail=str(arguments.get("rail", "")),
        )
        return f"refund {refund.key}"

    return Order(
        money.payer, money.asset, payments.left_of(money) if amount is None else amount, run
    )


def invoice_of(book: Book, arguments: Arguments) -> Invoice:
    """Return the document that is named by its id."""
    found = Invoice.objects.select_related("payer__clock", "asset", "book", "profile")
    invoice = found.filter(book=book, pk=number(arguments, "invoice")).first()
    if invoice is None:
        raise NotFoundError(invoice=arguments["invoice"])
    return invoice


def what_of(arguments: Arguments) -> What:
    """
    Read what is credited: ``what`` full, lines (``lines``: amounts by id) or ``amount``.

    Raises:
        InvalidInputError: none of them, or amounts that cannot be read.
    """
    match arguments.get("what"):
        case "full":
            return Full()
        case "amount":
            return Amount(amount_of(arguments))
        case "lines":
            return Lines(_amounts(arguments.get("lines")))
    remedy = f"use one of {', '.join(_WHATS)}"
    raise InvalidInputError(field="what", value=arguments.get("what"), remedy=remedy)


def _amounts(given: Any) -> dict[int, Decimal | None]:
    if not isinstance(given, Mapping) or not given:
        remedy = "name lines by their ids, with an amount or null for all"
        raise InvalidInputError(field="lines", value=given, remedy=remedy)
    return {
        number({"line": key}, "line"): None
        if amount is None
        else amount_of({"lines": amount}, "lines")
        for key, amount in given.items()
    }
