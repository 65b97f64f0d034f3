"""What must hold between holds, captures and the ledger; run as ``wallets.checks`` are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connection

from ledger.money import text
from ledger.verification import Disagreement

_REMEDY: Final = (
    "Holds are not in the journal: compare wallets_hold, wallets_holdpart and ledger_balance with a"
    " backup, and find out who wrote to them past the application."
)
_CAPTURED: Final = (
    "The entries are the truth if the journal itself verifies. Compare the captures with a backup,"
    " and find out who wrote to wallets_capture past the application."
)


def held_is_what_holds_set_aside(*, book_id: int | None) -> Iterator[Disagreement]:
    """What is held on each account is the sum of the parts of active holds, and of no others."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"book": book_id})
        for account_id, held, parts in cursor.fetchall():
            detail = f"{text(held)} held, {text(parts)} set aside by active holds"
            yield Disagreement("holds", f"account {account_id}", detail, _REMEDY)


def holds_add_up(*, book_id: int | None) -> Iterator[Disagreement]:
    """
    An active hold sets aside what was asked for and not captured; another one nothing.

    What has expired may have been given back on some of its accounts already.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLDS, {"book": book_id})
        for hold_id, state, expected, parts in cursor.fetchall():
            detail = f"{state}, {text(expected)} not captured, {text(parts)} set aside"
            yield Disagreement("holds", f"hold {hold_id}", detail, _REMEDY)


def shares_are_held(*, book_id: int | None) -> Iterator[Disagreement]:
    """What each period of a share holds is what active holds set aside of its wallet."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, {"book": book_id})
        for share_id, starts_at, held, parts in cursor.fetchall():
            detail = f"{text(held)} held, {text(parts)} set aside by active holds"
            subject = f"share {share_id} from {starts_at.isoformat()}"
            yield Disagreement("shares", subject, detail, _REMEDY)


def captured_is_what_waits(*, book_id: int | None) -> Iterator[Disagreement]:
    """What stands on each account ``captured`` is what remains of captures that wait for usage."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"book": book_id})
        for account_id, standing, remaining in cursor.fetchall():
            detail = f"{text(standing)} captured, {text(remaining)} waits for usage"
            yield Disagreement("captures", f"account {account_id}", detail, _CAPTURED)


def captures_add_up(*, book_id: int | None) -> Iterator[Disagreement]:
    """A capture that waits knows where what remains came from, and waits for some event."""
    with connection.cursor() as cursor:
        cursor.execute(_CAPTURES, {"book": book_id})
        for capture_id, problem in cursor.fetchall():
            yield Disagreement("captures", f"capture {capture_id}", problem, _CAPTURED)


_HELD: Final = """
    SELECT b.account_id, b.held, coalesce(p.amount, 0)
    FROM ledger_balance b
    JOIN ledger_account a ON a.id = b.account_id
    FULL JOIN (
        SELECT p.account_id, sum(p.amount) AS amount
        FROM wallets_holdpart p JOIN wallets_hold h ON h.id = p.hold_id
        WHERE p.amount > 0 AND h.state = 'active' GROUP BY p.account_id
    ) p ON p.account_id = b.account_id
    WHERE b.held <> coalesce(p.amount, 0) AND (%(book)s::bigint IS NULL OR a.book_id = %(book)s)
    ORDER BY b.account_id
"""
_HOLDS: Final = """
    SELECT h.id, h.state, h.requested - h.captured, coalesce(p.amount, 0)
    FROM wallets_hold h
    LEFT JOIN (
        SELECT hold_id, sum(amount) AS amount FROM wallets_holdpart GROUP BY hold_id
    ) p ON p.hold_id = h.id
    LEFT JOIN ledger_customer c ON c.id = h.customer_id
    LEFT JOIN ledger_testclock k ON k.id = c.clock_id
    WHERE (%(book)s::bigint IS NULL OR h.book_id = %(book)s)
      AND CASE
          WHEN h.state <> 'active' THEN coalesce(p.amount, 0) <> 0
          WHEN h.expires_at <= coalesce(k.now_at, now())
          THEN coalesce(p.amount, 0) > h.requested - h.captured
          ELSE coalesce(p.amount, 0) <> h.requested - h.captured END
    ORDER BY h.id
"""
_SHARES: Final = """
    WITH held AS (
        SELECT p.share_use_id AS id, sum(p.amount) AS amount
        FROM wallets_hold h JOIN wallets_holdpart p ON p.hold_id = h.id AND p.amount > 0
        WHERE h.state = 'active' AND p.share_use_id IS NOT NULL GROUP BY p.share_use_id
    )
    SELECT u.share_id, u.starts_at, u.held, coalesce(h.amount, 0)
    FROM wallets_shareuse u
    JOIN wallets_walletshare s ON s.id = u.share_id
    JOIN ledger_customer c ON c.id = s.customer_id
    LEFT JOIN held h ON h.id = u.id
    WHERE u.held <> coalesce(h.amount, 0) AND (%(book)s::bigint IS NULL OR c.book_id = %(book)s)
    ORDER BY u.share_id, u.starts_at LIMIT 20
"""
_WAITING: Final = """
    SELECT a.id, b.credits - b.debits, coalesce(c.remaining, 0)
    FROM ledger_account a
    JOIN ledger_balance b ON b.account_id = a.id
    LEFT JOIN (
        SELECT account_id, sum(remaining) AS remaining FROM wallets_capture
        WHERE settled_at IS NULL GROUP BY account_id
    ) c ON c.account_id = a.id
    WHERE a.purpose = 'captured' AND b.credits - b.debits <> coalesce(c.remaining, 0)
      AND (%(book)s::bigint IS NULL OR a.book_id = %(book)s)
    ORDER BY a.id
"""
_CAPTURES: Final = """
    SELECT id, problem FROM (
        SELECT c.id, c.book_id, CASE
            WHEN c.settled_at IS NOT NULL AND c.remaining <> 0 THEN 'settled with something left'
            WHEN c.settled_at IS NOT NULL THEN NULL
            WHEN a.id IS NULL THEN 'waits nowhere'
            WHEN a.purpose <> 'captured' OR a.customer_id IS DISTINCT FROM c.customer_id
            THEN 'waits on an account that is not its customer''s for captures'
            WHEN c.remaining <> (
                SELECT coalesce(sum((part ->> 1)::numeric), 0)
                FROM jsonb_array_elements(c.taken) AS part)
            THEN 'remains with more or less than was taken'
            WHEN NOT EXISTS (
                SELECT FROM wallets_capturedevent e
                WHERE e.capture_id = c.id AND e.arrived_at IS NULL)
            THEN 'waits though all its events have come' END AS problem
        FROM wallets_capture c
        LEFT JOIN ledger_account a ON a.id = c.account_id
    ) found
    WHERE problem IS NOT NULL AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ORDER BY id
"""
