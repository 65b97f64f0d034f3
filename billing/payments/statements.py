"""
A payer's statement of account: documents, payments and what else moved what it owes.

It is read from the entries on the payer's receivable and unapplied cash, so it agrees with the
ledger by construction; what only moves between the two is left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from billing.models import Allocation, Invoice, Payment
from ledger import balances
from ledger.errors import InvalidInputError
from ledger.models import Account, Asset, Customer
from ledger.money import ZERO, add, subtract
from ledger.spreadsheets import cell

_NAMES: Final = {
    "invoice": "Invoice",
    "payment": "Payment",
    "refund": "Refund",
    "write_off": "Written off",
    "dispute": "Dispute",
    "allocation": "Allocation",
    "reversal": "Void",
}
COLUMNS: Final = ("date", "what", "number", "text", "charged", "credited", "balance", "currency")


class Line(NamedTuple):
    """One movement: above zero is owed more, below less; ``balance`` is what it leaves."""

    at: datetime
    kind: str
    name: str  # for a person
    number: str
    text: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a payer owed before, what moved it, and what it owes in the end, in one currency."""

    payer: Customer
    asset: Asset
    starts_at: datetime
    ends_at: datetime
    opening: Decimal
    closing: Decimal
    lines: Sequence[Line]


def statement(
    *, payer: Customer, asset: Asset, starts_at: datetime, ends_at: datetime
) -> Statement:
    """
    Return a payer's statement of account in [``starts_at``, ``ends_at``).

    Balances are what is owed less unapplied cash: below zero, the payer is ahead.

    Raises:
        InvalidInputError: it ends before it starts.
    """
    if ends_at <= starts_at:
        remedy = "let it end after it starts"
        raise InvalidInputError(field="ends_at", value=ends_at.isoformat(), remedy=remedy)
    accounts = Account.objects.filter(
        customer=payer, asset=asset, discriminator="", purpose__in=["receivable", "unapplied_cash"]
    )
    numbers = list(accounts.values_list("pk", flat=True))
    balance = opening = _opening(numbers, starts_at)
    lines = []
    for at, kind, name, number, text, amount in _moved(numbers, starts_at, ends_at):
        balance = add(balance, amount)
        lines.append(Line(at, kind, name, number, text, amount, balance))
    return Statement(
        payer=payer,
        asset=asset,
        starts_at=starts_at,
        ends_at=ends_at,
        opening=opening,
        closing=balance,
        lines=lines,
    )


def write_csv(made: Statement) -> str:
    """Return a statement as CSV; no text in it is taken for a formula."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    code = made.asset.code
    rows: list[tuple[object, ...]] = [
        (made.starts_at.date(), "Opening balance", "", "", "", "", made.opening, code)
    ]
    for line in made.lines:
        charged = line.amount if line.amount > ZERO else ""
        credited = line.amount.copy_negate() if line.amount < ZERO else ""
        rows.append(
            (
                line.at.date(),
                line.name,
                line.number,
                line.text,
                charged,
                credited,
                line.balance,
                code,
            )
        )
    rows.append((made.ends_at.date(), "Closing balance", "", "", "", "", made.closing, code))
    writer.writerows([cell(value) for value in row] for row in rows)
    return held.getvalue()


def _opening(numbers: Sequence[int], at: datetime) -> Decimal:
    found = balances.as_of(account_ids=numbers, effective_at=at).values()
    amount = ZERO
    for volumes in found:
        amount = add(amount, subtract(volumes.debits, volumes.credits))
    return amount


def _moved(
    numbers: Sequence[int], starts_at: datetime, ends_at: datetime
) -> Iterator[tuple[datetime, str, str, str, str, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVED, {"accounts": list(numbers), "starts_at": starts_at, "ends_at": ends_at}
        )
        rows = cursor.fetchall()
    said = _said([row[0] for row in rows])
    for transaction_id, at, kind, memo, reverses_id, amount in rows:
        name, number = said.get(transaction_id) or said.get(reverses_id or 0) or ("", "")
        if reverses_id is not None and name:
            name = f"{name} void"
        yield at, kind, name or _NAMES.get(kind, kind), number, memo, amount


def _said(transactions: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Return what to call transactions, and the number of the document or payment they are of."""
    said: dict[int, tuple[str, str]] = {}
    documents = Invoice.objects.filter(transaction_id__in=transactions)
    voided = Invoice.objects.filter(reversal_id__in=transactions)
    for one in documents | voided:
        name = Invoice.Kind(one.kind).label.capitalize()
        said[one.transaction_id or 0] = (name, one.number)
    for row in Allocation.objects.filter(transaction_id__in=transactions).select_related(
        "invoice", "note", "source__payment"
    ):
        document = row.invoice or row.note
        name = Allocation.Kind(row.kind).label.replace("_", " ").capitalize()
        number = document.number if document else str(row.source or "")
        said[row.transaction_id or 0] = (f"{name} taken back" if row.reverses_id else name, number)
    for payment in Payment.objects.filter(transaction_id__in=transactions):
        said[payment.transaction_id] = ("Payment", str(payment))
    return said


# The predicates on 2**62 let the planner see that the partial indexes apply.
_MOVED: Final = """
    WITH moved AS (
        SELECT transaction_id, amount FROM ledger_entry
        WHERE debit_account_id = ANY(%(accounts)s) AND debit_account_id >= 4611686018427387904
          AND effective_at >= %(starts_at)s AND effective_at < %(ends_at)s
        UNION ALL
        SELECT transaction_id, -amount FROM ledger_entry
        WHERE credit_account_id = ANY(%(accounts)s) AND credit_account_id >= 4611686018427387904
          AND effective_at >= %(starts_at)s AND effective_at < %(ends_at)s
    )
    SELECT t.id, t.effective_at, t.kind, t.memo, t.reverses_id, m.amount
    FROM (SELECT transaction_id, sum(amount) AS amount FROM moved GROUP BY 1) m
    JOIN ledger_transaction t ON t.id = m.transaction_id
    WHERE m.amount <> 0 ORDER BY t.effective_at, t.id
"""
