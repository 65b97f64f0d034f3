"""Buckets, balances and accounts against the deltas; reversals against what they reverse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection

from ledger.ids import LINES
from ledger.totals import UNFOLDED
from ledger.verification.findings import REBUILD, RESTORE, Check, Disagreement, Scope


def buckets(scope: Scope) -> Iterator[Disagreement]:
    """Yield day buckets that are not the sum of the deltas folded into them."""
    for account, day, posted, period, said, found in _rows(_BUCKETS, scope):
        yield Disagreement(
            "buckets",
            f"bucket of account {account}, {day}, posted {posted}, period {period}",
            f"says {said or 'nothing'}, its deltas say {found or 'nothing'}",
            REBUILD,
        )


def balances(scope: Scope) -> Iterator[Disagreement]:
    """Yield balances that are not what was moved."""
    for account, said, found in _rows(_BALANCES, scope):
        yield Disagreement(
            "balances",
            f"balance of account {account}",
            f"says {said or 'nothing'}, the journal says {found or 'nothing'}",
            REBUILD,
        )


def floors(scope: Scope) -> Iterator[Disagreement]:
    """Yield accounts below their lower bound."""
    for account, available in _rows(_FLOORS, scope):
        yield Disagreement(
            "floors",
            f"balance of account {account}",
            f"is below its lower bound by {available}",
            "A CHECK forbids this: see whether ledger_balance_floor is still there, then restore"
            " the row.",
        )


def assets(scope: Scope) -> Iterator[Disagreement]:
    """Yield books whose debits and credits of an asset differ."""
    for book, asset, difference in _rows(_ASSETS, scope):
        yield Disagreement(
            "assets",
            f"{asset} in book {book}",
            f"debits exceed credits by {difference}",
            "Entries move both sides alike: a delta or bucket was changed. Mend what the other"
            " checks name.",
        )


def accounts(scope: Scope) -> Iterator[Disagreement]:
    """Yield accounts whose number is not what their columns say, or that have no balance."""
    for account, problem in _rows(_ACCOUNTS, scope):
        yield Disagreement("accounts", f"account {account}", problem, RESTORE)


def reversals(scope: Scope) -> Iterator[Disagreement]:
    """Yield transactions of which more was reversed than posted, or more than once."""
    for number, problem in _rows(_REVERSALS, scope):
        yield Disagreement("reversals", f"transaction {number}", problem, RESTORE)


WHOLE: Final[dict[str, Check]] = {"buckets": buckets}  # cost grows with the whole journal
ALWAYS: Final[dict[str, Check]] = {
    "balances": balances,
    "floors": floors,
    "assets": assets,
    "accounts": accounts,
    "reversals": reversals,
}


def _rows(query: str, scope: Scope) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {**scope.parameters(), "lines": LINES})
        return list(cursor.fetchall())


_IN_BOOK: Final = "(%(book)s::bigint IS NULL OR (account_id >> 48) & 16383 = %(book)s)"
_BUCKETS: Final = f"""
    WITH {UNFOLDED}, folded AS (
        SELECT d.account_id, d.effective_date,
               (ledger_instant_of(d.transaction_id) AT TIME ZONE 'UTC')::date AS posted_date,
               t.period_id,
               sum(d.debits) AS debits, sum(d.credits) AS credits, sum(d.entries) AS entries
        FROM ledger_delta d
        JOIN ledger_transaction t ON t.id = d.transaction_id
        WHERE d.transaction_id NOT IN (SELECT transaction_id FROM unfolded)
        GROUP BY 1, 2, 3, 4
    )
    SELECT account_id, effective_date, posted_date, period_id,
           '+' || trim_scale(k.debits) || ' −' || trim_scale(k.credits) || ' in ' || k.entries,
           '+' || trim_scale(f.debits) || ' −' || trim_scale(f.credits) || ' in ' || f.entries
    FROM ledger_bucket k
    FULL JOIN folded f USING (account_id, effective_date, posted_date, period_id)
    WHERE (k.debits IS DISTINCT FROM f.debits OR k.credits IS DISTINCT FROM f.credits
           OR k.entries IS DISTINCT FROM f.entries)
      AND {_IN_BOOK}
    ORDER BY account_id, effective_date LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_MOVED: Final = f"""
    {UNFOLDED}, summed AS (
        SELECT account_id, true AS is_folded, debits, credits FROM ledger_bucket
        UNION ALL
        SELECT account_id, false, debits, credits FROM ledger_delta
        WHERE transaction_id IN (SELECT transaction_id FROM unfolded)
          AND transaction_id BETWEEN (SELECT min(transaction_id) FROM unfolded)
                                 AND (SELECT max(transaction_id) FROM unfolded)
    ), moved AS MATERIALIZED (
        SELECT account_id, sum(debits) AS debits, sum(credits) AS credits,
               coalesce(sum(debits) FILTER (WHERE is_folded), 0) AS folded_debits,
               coalesce(sum(credits) FILTER (WHERE is_folded), 0) AS folded_credits
        FROM summed WHERE {_IN_BOOK} GROUP BY account_id
    )
"""  # noqa: S608 - fixed fragments
_BALANCES: Final = f"""
    WITH {_MOVED}, expected AS (
        SELECT coalesce(b.account_id, m.account_id) AS account_id, b.debits, b.credits,
               CASE WHEN b.is_guarded THEN m.debits ELSE m.folded_debits END AS moved_debits,
               CASE WHEN b.is_guarded THEN m.credits ELSE m.folded_credits END AS moved_credits
        FROM ledger_balance b FULL JOIN moved m USING (account_id)
    )
    SELECT account_id,
           '+' || trim_scale(debits) || ' −' || trim_scale(credits),
           '+' || trim_scale(moved_debits) || ' −' || trim_scale(moved_credits)
    FROM expected
    WHERE {_IN_BOOK}
      AND (debits IS DISTINCT FROM coalesce(moved_debits, 0)
           OR credits IS DISTINCT FROM coalesce(moved_credits, 0))
    ORDER BY account_id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_FLOORS: Final = f"""
    SELECT account_id, trim_scale(floor - (orientation * (debits - credits) - held))::text
    FROM ledger_balance
    WHERE floor > orientation * (debits - credits) - held AND {_IN_BOOK}
    ORDER BY account_id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_ASSETS: Final = f"""
    WITH {_MOVED}
    SELECT b.key, a.code, trim_scale(sum(m.debits) - sum(m.credits))::text
    FROM moved m
    JOIN ledger_book b ON b.id = (m.account_id >> 48) & 16383
    JOIN ledger_asset a ON a.id = (m.account_id >> 32) & 65535
    GROUP BY b.key, a.code HAVING sum(m.debits) <> sum(m.credits)
    ORDER BY b.key, a.code LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_ACCOUNTS: Final = f"""
    SELECT id, CASE WHEN b.account_id IS NULL THEN 'has no balance'
                    ELSE 'its number is not that of its book, asset and owner' END
    FROM ledger_account a LEFT JOIN ledger_balance b ON b.account_id = a.id
    WHERE (b.account_id IS NULL OR (id >> 48) & 16383 <> book_id OR (id >> 32) & 65535 <> asset_id
           OR (id >> 62 = 1) <> (customer_id IS NOT NULL))
      AND {_IN_BOOK.replace("account_id", "id")}
    ORDER BY id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_REVERSALS: Final = """
    WITH reversal AS (
        SELECT id, reverses_id, count(*) OVER (PARTITION BY reverses_id) AS times
        FROM ledger_transaction
        WHERE reverses_id IS NOT NULL AND id >= %(since)s
          AND (%(book)s::bigint IS NULL OR book_id = %(book)s)
    ), undone AS (
        SELECT r.reverses_id, e.debit_account_id AS debit, e.credit_account_id AS credit,
               sum(e.amount) AS amount
        FROM reversal r JOIN ledger_entry e ON e.id > r.id AND e.id < r.id + %(lines)s
        GROUP BY 1, 2, 3
    ), problem AS (
        SELECT reverses_id AS id, 'was reversed ' || times || ' times' AS what
        FROM reversal WHERE times > 1
        UNION
        SELECT u.reverses_id,
               'of ' || coalesce(trim_scale(done.amount), 0) || ' from account ' || u.debit
                || ' to account ' || u.credit || ', ' || trim_scale(u.amount) || ' was reversed'
        FROM undone u
        CROSS JOIN LATERAL (
            SELECT sum(e.amount) AS amount FROM ledger_entry e
            WHERE e.id > u.reverses_id AND e.id < u.reverses_id + %(lines)s
              AND e.debit_account_id = u.credit AND e.credit_account_id = u.debit) done
        WHERE u.amount > coalesce(done.amount, 0)
    )
    SELECT id, what FROM problem ORDER BY id LIMIT %(most)s
"""
