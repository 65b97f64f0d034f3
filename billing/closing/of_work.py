"""What must be done before a period closes: usage posted, what is due charged, drafts settled."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q

from billing.closing.findings import Check, Finding
from billing.models import DeadLetter, Invoice, InvoiceLine, Supplier, UnattributedEvent
from ledger.models import Period

_USAGE: Final = Check(
    key="usage_posted",
    title="All usage is posted",
    remedy="Mend and replay dead letters or dismiss them, map unknown subjects; batches that are"
    " being written are done in a moment.",
)
_DUE: Final = Check(
    key="due_work_done",
    title="All that was due is charged",
    remedy="Wait for the minute's sweep, or run close_period, which does it first; what fails is"
    " named in the worker's log.",
)
_DRAFTS: Final = Check(
    key="drafts_settled",
    title="All that was due is invoiced",
    remedy="Draft what is due up to the period's end, then issue or discard the drafts.",
)
_BELOW_MINIMUM: Final = "below_minimum"


def usage_posted(period: Period, at: datetime) -> Finding:
    """No batch is under way, no dead letter of the time is open, every subject is known."""
    found = []
    if under_way := _number(_UNDER_WAY, period):
        found.append(f"{under_way:,} batches of usage are being written")
    letters = DeadLetter.objects.filter(
        book=period.book_id, status=DeadLetter.Status.OPEN, received_at__lt=period.ends_at
    )
    by_reason = letters.values_list("reason").annotate(count=Count("pk")).order_by("reason")
    found += [f"{count:,} open dead letters: {reason}" for reason, count in by_reason]
    unknown = UnattributedEvent.objects.filter(
        book=period.book_id, posted_at=None, occurred_at__lt=period.ends_at
    )
    by_subject = unknown.values_list("subject").annotate(count=Count("pk")).order_by("subject")
    found += [f"{count:,} events of the unknown subject {name}" for name, count in by_subject]
    return _USAGE.blocking(found)


def due_work_done(period: Period, at: datetime) -> Finding:
    """No fee, minimum, true-up, waiting charge, recurring credit or expiry is outstanding."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTSTANDING, {"book": period.book_id, "until": period.ends_at})
        found = [f"{what} {name} has been due since {due:%Y-%m-%d}" for what, name, due in cursor]
    return _DUE.blocking(found)


def drafts_settled(period: Period, at: datetime) -> Finding:
    """Nothing of the time waits to be drafted, and no draft of it is left."""
    if not _invoices(period.book_id):
        return _DRAFTS.listing(["nothing is invoiced in this book"] if _has_open(period) else [])
    of_the_time = InvoiceLine.objects.filter(
        Q(billable__charge=None) | Q(billable__charge__starts_at__lt=period.ends_at),
        invoice=OuterRef("pk"),
        billable__due_at__lte=period.ends_at,
    )
    pending = Invoice.objects.filter(
        Exists(of_the_time) | Q(until__lte=period.ends_at),
        book=period.book_id,
        state__in=(Invoice.State.DRAFT, Invoice.State.APPROVED),
    )
    rows = pending.select_related("payer", "asset").order_by("payer__key", "pk")
    found = [
        f"{row.get_kind_display()} of {row.payer.key} over {row.total.normalize():f}"
        f" {row.asset.code} is {row.state}"
        for row in rows
        if not _is_carried(row)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"book": period.book_id, "until": period.ends_at})
        found += [
            f"{count:,} positions of {customer} wait to be drafted" for customer, count in cursor
        ]
    return _DRAFTS.blocking(found)


def _is_carried(invoice: Invoice) -> bool:
    """Say whether a draft waits on purpose: it is below the least that is invoiced."""
    return any(problem.get("code") == _BELOW_MINIMUM for problem in invoice.problems)


def _invoices(book_id: int) -> bool:
    """Say whether anything is invoiced in a book: it has somebody to invoice for, or a document."""
    return (
        Supplier.objects.filter(book=book_id).exists()
        or Invoice.objects.filter(book=book_id).exists()
    )


def _has_open(period: Period) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"book": period.book_id, "until": period.ends_at})
        return cursor.fetchone() is not None


def _number(statement: str, period: Period) -> int:
    parameters: dict[str, Any] = {"book": period.book_id, "until": period.ends_at}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.fetchone()[0])


# What this very transaction wrote is no obstacle to it.
_UNDER_WAY: Final = """
    SELECT count(*) FROM billing_usagebatch
    WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()) AND book_id = %(book)s
      AND received_at < %(until)s AND xid IS DISTINCT FROM pg_current_xact_id_if_assigned()
"""
# Who lives by a test clock owes nothing that its clock has not reached. What ends with the period
# is due at its end, and booked in its last moment.
_OUTSTANDING: Final = """
    WITH mine AS (
        SELECT c.id, c.key, coalesce(k.now_at, 'infinity') AS now_at
        FROM ledger_customer c LEFT JOIN ledger_testclock k ON k.id = c.clock_id
        WHERE c.book_id = %(book)s
    )
    SELECT 'subscription', s.key, s.due_at
    FROM billing_subscription s JOIN mine m ON m.id = s.customer_id
    WHERE s.due_at <= %(until)s AND s.due_at <= m.now_at
    UNION ALL
    SELECT 'contract', s.key, s.due_at
    FROM billing_contract s JOIN mine m ON m.id = s.customer_id
    WHERE s.due_at <= %(until)s AND s.due_at <= m.now_at
    UNION ALL
    SELECT 'charge', s.key, s.scheduled_at
    FROM billing_charge s JOIN mine m ON m.id = s.customer_id
    WHERE s.scheduled_at < %(until)s AND s.scheduled_at <= m.now_at
    UNION ALL
    SELECT 'recurring credit of', m.key || '/' || s.key, s.due_at
    FROM wallets_grantschedule s JOIN wallets_wallet w ON w.id = s.wallet_id
    JOIN mine m ON m.id = w.customer_id
    WHERE s.due_at < %(until)s AND s.due_at <= m.now_at
    UNION ALL
    SELECT 'credit of', m.key || '/' || g.key, g.expires_at
    FROM wallets_creditgrant g JOIN wallets_wallet w ON w.id = g.wallet_id
    JOIN mine m ON m.id = w.customer_id
    WHERE g.expires_at < %(until)s AND g.expires_at <= m.now_at
      AND g.expired_at IS NULL AND g.voided_at IS NULL
    ORDER BY 3, 1, 2
"""
# What is paid in advance from the period's end on belongs to the next one. What stands on a draft
# is listed as that. Usage of which all that stands on account is billed waits for nothing, also
# while it may still be written: within the hour after its period.
_OPEN: Final = """
    SELECT c.key, count(*)
    FROM billing_billable b JOIN ledger_customer c ON c.id = b.customer_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    LEFT JOIN billing_charge h ON h.id = b.charge_id
    WHERE b.book_id = %(book)s AND b.settled_at IS NULL AND b.due_at <= %(until)s
      AND coalesce(h.starts_at < %(until)s, true)
      AND b.due_at <= coalesce(k.now_at, 'infinity')
      AND NOT EXISTS (
          SELECT FROM billing_accrual a
          WHERE a.id = b.accrual_id AND b.billed[5] + b.billed[6] = (
              SELECT coalesce(sum(split_part(part, ':', 2)::numeric), 0)
              FROM unnest(string_to_array(nullif(a.taken, ''), ',')) part
              JOIN ledger_account u ON u.id = split_part(part, ':', 1)::bigint
                  AND u.purpose IN ('unbilled', 'overdraft')))
      AND NOT EXISTS (
          SELECT FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
          WHERE l.billable_id = b.id AND i.state IN ('draft', 'approved'))
    GROUP BY c.key ORDER BY c.key
"""
