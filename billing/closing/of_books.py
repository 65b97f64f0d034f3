"""What must hold of the books of a period: sealed, verified, tied out, and explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.closing.findings import Check, Finding
from billing.reports import commitments, contract_balances, deferred, revenue
from ledger import totals, verification
from ledger.models import Account, Period, Seal
from ledger.money import ZERO, add, subtract, text

_SEALED: Final = Check(
    key="sealed",
    title="All of it is sealed and folded",
    remedy="Wait for the minute's sweep, or run close_period, which does it first.",
)
_VERIFIED: Final = Check(
    key="verified",
    title="The ledger agrees with itself",
    remedy="Run verify_ledger: it names each disagreement and what to do about it.",
)
_TIED: Final = Check(
    key="sub_ledgers",
    title="Sub-ledgers come to what the trial balance says",
    remedy="Look up the statements of these accounts: something was posted past charging, wallets"
    " and invoices.",
)
_CLEARING: Final = Check(
    key="clearing",
    title="Clearing accounts are empty or explained",
    remedy="Book what is missing, or answer for what is in flight with a note.",
)
_OVERDRAFT: Final = Check(
    key="overdraft", title="Overdrafts", remedy="Sell these customers credit, or invoice them."
)
_UNAPPLIED: Final = Check(
    key="unapplied_cash", title="Unapplied cash", remedy="Match it with invoices, or pay it back."
)
_TAXES: Final = Check(
    key="taxes", title="Tax of the period", remedy="Declare it where it is payable."
)
_IN_CLEARING: Final = ("rail_clearing", "disputes", "conversion")


def sealed(period: Period, at: datetime) -> Finding:
    """Every transaction that was booked in the period is in the chain and in day buckets."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"period": period.pk})
        unsealed, unfolded = cursor.fetchone()
    found = [f"{unsealed:,} transactions are not sealed"] if unsealed else []
    found += [f"{unfolded:,} transactions are not folded"] if unfolded else []
    return _SEALED.blocking(found)


def verified(period: Period, at: datetime) -> Finding:
    """Verification is green, from the last seal before the period on."""
    before = Seal.objects.filter(sealed_at__lt=period.starts_at).order_by("-seq").first()
    report = verification.verify(book=period.book, since_seal=before.seq if before else None)
    return _VERIFIED.blocking([f"{one.check}: {one}" for one in report.disagreements])


def sub_ledgers(period: Period, at: datetime) -> Finding:
    """Reports of revenue, deferred revenue, contracts and commitments tie out at the end."""
    book, ends_at = period.book, period.ends_at
    span: dict[str, Any] = {"book": book, "starts_at": period.starts_at, "ends_at": ends_at}
    ties = [
        *revenue.revenue(**span).ties,
        *deferred.deferred(**span).ties,
        *contract_balances.contract_balances(book=book, ends_at=ends_at).ties,
        *commitments.commitments(book=book, at=ends_at).ties,
    ]
    return _TIED.blocking(
        [
            f"{one.report}: {one.purpose} in {one.asset} differs by {text(one.difference)}"
            for one in ties
            if one.difference
        ]
    )


def clearing(period: Period, at: datetime) -> Finding:
    """What stands on clearing accounts at the end has a note."""
    return _CLEARING.blocking(list(_standing(period, _IN_CLEARING)))


def overdraft(period: Period, at: datetime) -> Finding:
    """List what customers have used beyond their credit."""
    return _OVERDRAFT.listing(list(_standing(period, ("overdraft",))))


def unapplied_cash(period: Period, at: datetime) -> Finding:
    """List money that came without a purpose."""
    return _UNAPPLIED.listing(list(_standing(period, ("unapplied_cash",))))


def taxes(period: Period, at: datetime) -> Finding:
    """List the tax that was booked in the period, by jurisdiction, category and rate."""
    accounts = _accounts(period, ("tax_payable",))
    sums: dict[int, Decimal] = {}
    booked = totals.of_each_period(period.book_id, since=period.starts_at, until=period.ends_at)
    for _, moved in booked:
        if moved.account_id in accounts:
            amount = subtract(moved.credits, moved.debits)
            sums[moved.account_id] = add(sums.get(moved.account_id, ZERO), amount)
    return _TAXES.listing(sorted(f"{accounts[n]} {text(amount)}" for n, amount in sums.items()))


def _standing(period: Period, purposes: Iterable[str]) -> Iterator[str]:
    """Name accounts that hold something at the end of the period, with what they hold."""
    accounts = _accounts(period, purposes)
    found = totals.of_accounts(accounts, effective_at=period.ends_at)
    for moved in sorted(found, key=lambda moved: accounts[moved.account_id]):
        if amount := subtract(moved.debits, moved.credits):
            yield f"{accounts[moved.account_id]} {text(amount)}"


def _accounts(period: Period, purposes: Iterable[str]) -> dict[int, str]:
    rows = Account.objects.filter(book=period.book_id, purpose__in=list(purposes))
    named = rows.values_list("pk", "purpose", "customer__key", "discriminator", "asset__code")
    return {
        number: " ".join([part for part in (purpose, customer, which, asset) if part])
        for number, purpose, customer, which, asset in named
    }


_WAITING: Final = """
    WITH mine AS (
        SELECT r.xid, r.transaction_id FROM ledger_receipt r
        JOIN ledger_transaction t ON t.id = r.transaction_id AND t.period_id = %(period)s
        WHERE r.xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
    ), sealed AS (
        SELECT last_xid::text::xid8 AS xid, last_transaction_id AS position
        FROM ledger_seal ORDER BY seq DESC LIMIT 1
    ), folded AS (
        SELECT xid::text::xid8 AS xid, position FROM ledger_watermark WHERE name = 'fold'
    )
    SELECT count(*) FILTER (WHERE NOT coalesce((m.xid, m.transaction_id)
                                               <= (SELECT xid, position FROM sealed), false)),
           count(*) FILTER (WHERE NOT coalesce((m.xid, m.transaction_id)
                                               <= (SELECT xid, position FROM folded), false))
    FROM mine m
"""
