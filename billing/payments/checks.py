"""What must hold between payments, documents and the ledger; ``LEDGER_CHECKS`` names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection

from ledger.money import text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "The entries are the truth if the journal itself verifies, then the allocations. Compare with a"
    " backup, and find out who wrote to the tables of billing past the application."
)


def _rows(query: str, book_id: int | None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"book": book_id})
        return list(cursor.fetchall())


def documents_are_settled_by_allocations(*, book_id: int | None) -> Iterator[Disagreement]:
    """What is paid, credited, written off and refunded of each document is its allocations."""
    for number, detail in _rows(_DOCUMENTS, book_id):
        yield Disagreement("payments", f"document {number}", detail, _REMEDY)


def money_was_given_once(*, book_id: int | None) -> Iterator[Disagreement]:
    """What left each payer's money is its allocations, and as much came as its payment says."""
    for number, detail in _rows(_MONEY, book_id):
        yield Disagreement("payments", f"unapplied cash {number}", detail, _REMEDY)


def what_was_taken_back_is_owed(*, book_id: int | None) -> Iterator[Disagreement]:
    """What a payer owes for payments taken back is what had left of these, each taken back once."""
    for number, detail in _rows(_TAKEN_BACK, book_id):
        yield Disagreement("payments", number, detail, _REMEDY)


def receivables_tie_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """What stands on each payer's receivable is what its documents leave open."""
    for payer, currency, standing, owed in _rows(_RECEIVABLES, book_id):
        detail = f"{text(standing)} {currency} owed, documents leave {text(owed)} open"
        yield Disagreement("payments", f"customer {payer}", detail, _REMEDY)


def unapplied_cash_ties_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """What stands on each payer's unapplied cash is what is left of its money."""
    for payer, currency, standing, left in _rows(_UNAPPLIED, book_id):
        detail = f"{text(standing)} {currency} unapplied, {text(left)} is left of money"
        yield Disagreement("payments", f"customer {payer}", detail, _REMEDY)


def refunds_tie_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """What stands on each payer's refunds payable is the refunds that are under way."""
    for payer, currency, standing, asked in _rows(_REFUNDS, book_id):
        detail = f"{text(standing)} {currency} to be refunded, refunds come to {text(asked)}"
        yield Disagreement("payments", f"customer {payer}", detail, _REMEDY)


def disputes_tie_out(*, book_id: int | None) -> Iterator[Disagreement]:
    """What is held back of each rail's money is the disputes that are open."""
    for rail, currency, standing, held in _rows(_DISPUTES, book_id):
        detail = f"{text(standing)} {currency} held back, open disputes come to {text(held)}"
        yield Disagreement("payments", f"rail {rail}", detail, _REMEDY)


ALL: Final = (
    documents_are_settled_by_allocations,
    money_was_given_once,
    what_was_taken_back_is_owed,
    receivables_tie_out,
    unapplied_cash_ties_out,
    refunds_tie_out,
    disputes_tie_out,
)

_DOCUMENTS: Final = """
    SELECT coalesce(nullif(i.number, ''), i.id::text), concat_ws(', ',
        CASE WHEN i.paid <> a.paid THEN 'paid ' || i.paid || ' for ' || a.paid END,
        CASE WHEN i.credited <> a.credited
             THEN 'credited ' || i.credited || ' for ' || a.credited END,
        CASE WHEN i.written_off <> a.written_off
             THEN 'written off ' || i.written_off || ' for ' || a.written_off END,
        CASE WHEN i.refunded <> a.refunded
             THEN 'refunded ' || i.refunded || ' for ' || a.refunded END)
    FROM billing_invoice i
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind IN ('payment', 'tolerance')), 0) AS paid,
               coalesce(sum(amount) FILTER (WHERE kind = 'credit_note'), 0) AS credited,
               coalesce(sum(amount) FILTER (WHERE kind = 'write_off'), 0) AS written_off,
               coalesce(sum(amount) FILTER (WHERE kind = 'balance'), 0) AS refunded
        FROM billing_allocation WHERE invoice_id = i.id OR note_id = i.id) a
    WHERE (%(book)s::bigint IS NULL OR i.book_id = %(book)s)
      AND (i.paid, i.credited, i.written_off, i.refunded)
          <> (a.paid, a.credited, a.written_off, a.refunded)
    ORDER BY i.id LIMIT 20
"""
_MONEY: Final = """
    SELECT u.id, CASE
        WHEN p.amount <> u.amount THEN 'its payment came to ' || p.amount
        ELSE 'allocations come to ' || a.applied || ' and ' || a.returned END
    FROM billing_unapplied u LEFT JOIN billing_payment p ON p.id = u.payment_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 'payment'), 0) AS applied,
               coalesce(sum(amount) FILTER (
                   WHERE kind NOT IN ('payment', 'balance', 'shortfall')), 0) AS returned
        FROM billing_allocation WHERE source_id = u.id) a
    WHERE (%(book)s::bigint IS NULL OR u.book_id = %(book)s)
      AND ((u.applied, u.returned) <> (a.applied, a.returned) OR p.amount <> u.amount)
    ORDER BY u.id LIMIT 20
"""
_TAKEN_BACK: Final = """
    SELECT 'document ' || i.number, 'charges ' || l.amount || ' for payments taken back, '
           || coalesce(a.amount, 0) || ' of these had left'
    FROM (SELECT invoice_id, sum(amount) AS amount FROM billing_invoiceline
          WHERE kind = 'returned' GROUP BY 1) l
    JOIN billing_invoice i ON i.id = l.invoice_id
    LEFT JOIN (SELECT invoice_id, sum(amount) AS amount FROM billing_allocation
               WHERE kind = 'shortfall' GROUP BY 1) a ON a.invoice_id = i.id
    WHERE i.number <> '' AND (%(book)s::bigint IS NULL OR i.book_id = %(book)s)
      AND l.amount <> coalesce(a.amount, 0)
    UNION ALL
    SELECT 'unapplied cash ' || u.id, a.amount || ' was taken back of ' || u.amount
    FROM (SELECT source_id, sum(amount) AS amount FROM billing_allocation
          WHERE kind IN ('returned', 'shortfall') GROUP BY 1) a
    JOIN billing_unapplied u ON u.id = a.source_id
    WHERE a.amount > u.amount AND (%(book)s::bigint IS NULL OR u.book_id = %(book)s)
    LIMIT 20
"""
_TIE: Final = """
    WITH rows AS ({rows}), should AS (
        SELECT {owner} AS owner, asset_id, sum(amount) AS amount FROM rows GROUP BY 1, 2
    ), standing AS (
        SELECT {holder} AS owner, a.asset_id, sum({side}) AS amount
        FROM ledger_account a {balance}
        WHERE a.purpose = '{purpose}' {which}
          AND (%(book)s::bigint IS NULL OR a.book_id = %(book)s) GROUP BY 1, 2
    )
    SELECT owner, x.code, coalesce(s.amount, 0), coalesce(o.amount, 0)
    FROM standing s FULL JOIN should o USING (owner, asset_id)
    JOIN ledger_asset x ON x.id = asset_id
    WHERE coalesce(s.amount, 0) <> coalesce(o.amount, 0) ORDER BY owner, asset_id LIMIT 20
"""
_GUARDED: Final = {
    "owner": "payer_id",
    "holder": "a.customer_id",
    "balance": "JOIN ledger_balance b ON b.account_id = a.id",
}
_RECEIVABLES: Final = _TIE.format(
    rows="""SELECT payer_id, asset_id,
                   CASE kind WHEN 'credit_note' THEN -open ELSE open END AS amount
            FROM billing_invoice WHERE number <> '' AND state <> 'void'
            AND (%(book)s::bigint IS NULL OR book_id = %(book)s)""",
    purpose="receivable",
    which="AND a.discriminator = ''",
    side="b.debits - b.credits",
    **_GUARDED,
)
_UNAPPLIED: Final = _TIE.format(
    rows="""SELECT payer_id, asset_id, amount - applied - returned AS amount FROM billing_unapplied
            WHERE (%(book)s::bigint IS NULL OR book_id = %(book)s)""",
    purpose="unapplied_cash",
    which="",
    side="b.credits - b.debits",
    **_GUARDED,
)
_REFUNDS: Final = _TIE.format(
    rows="""SELECT payer_id, asset_id, amount FROM billing_refund
            WHERE state IN ('requested', 'sent')
              AND (%(book)s::bigint IS NULL OR book_id = %(book)s)""",
    purpose="refunds_payable",
    which="",
    side="b.credits - b.debits",
    **_GUARDED,
)
# A house account, read through what was moved on it.
_DISPUTES: Final = _TIE.format(
    rows="""SELECT CASE p.rail WHEN '' THEN p.method ELSE p.rail END AS rail, p.asset_id, d.amount
            FROM billing_dispute d JOIN billing_payment p ON p.id = d.payment_id
            WHERE d.state = 'open' AND (%(book)s::bigint IS NULL OR d.book_id = %(book)s)""",
    owner="rail",
    holder="a.discriminator",
    purpose="disputes",
    which="",
    side="m.amount",
    balance="""CROSS JOIN LATERAL (
            SELECT sum(d.debits - d.credits) AS amount FROM ledger_delta d
            WHERE d.account_id = a.id) m""",
)
