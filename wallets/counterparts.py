"""
Where a grant's value comes from, and where it goes when nobody uses it.

The book's accounts that a lot may face, beside those of usage. Units of a meter are no money:
they come from the units granted and go back there, however the grant was funded.
"""

from typing import Final

from ledger.models import Asset
from wallets.models import CreditGrant

CLEARING: Final = "rail_clearing"
PROMOTIONAL: Final = "promotional_credit"
LOT: Final = "credit_lot"
BREAKAGE: Final = "breakage_revenue"
UNITS: Final = "granted_units"

SOURCES: Final = (CLEARING, PROMOTIONAL, UNITS)
SINKS: Final = (BREAKAGE, PROMOTIONAL, UNITS)


def source(*, kind: str, funding: str) -> str:
    """Return the purpose of the account that a grant's value is taken from."""
    if kind == Asset.Kind.UNIT:
        return UNITS
    return PROMOTIONAL if funding == CreditGrant.Funding.PROMOTIONAL else CLEARING


def sink(*, kind: str, funding: str) -> str:
    """Return the purpose of the account that takes what is left when a grant expires."""
    if kind == Asset.Kind.UNIT:
        return UNITS
    return PROMOTIONAL if funding == CreditGrant.Funding.PROMOTIONAL else BREAKAGE


def passed(*, instant: str, comes_back: bool) -> str:
    """
    Return SQL for what went from lot ``g`` to accounts of the book at an instant, sign and all.

    A subquery for LATERAL: rows of (id, account_id, amount), amounts above zero leaving the lot.
    What came back at that instant is left out unless it ``comes_back``. What reversals of those
    transactions moved is among them, whenever they came.
    """
    return f"""(
        WITH direct AS (
            SELECT id, transaction_id, credit_account_id AS account_id, amount FROM ledger_entry
            WHERE debit_account_id = g.account_id AND effective_at = {instant}
              AND debit_account_id >= 4611686018427387904
            UNION ALL
            SELECT id, transaction_id, debit_account_id, -amount FROM ledger_entry
            WHERE credit_account_id = g.account_id AND effective_at = {instant}
              AND credit_account_id >= 4611686018427387904 AND {comes_back}
        )
        SELECT id, account_id, amount FROM direct
        UNION
        SELECT e.id,
               CASE e.debit_account_id WHEN g.account_id THEN e.credit_account_id
                                       ELSE e.debit_account_id END,
               CASE e.debit_account_id WHEN g.account_id THEN e.amount ELSE -e.amount END
        FROM (SELECT DISTINCT transaction_id FROM direct) d
        JOIN ledger_transaction r ON r.reverses_id = d.transaction_id
        JOIN ledger_entry e ON e.id > r.id AND e.id < r.id + 16384
        WHERE g.account_id IN (e.debit_account_id, e.credit_account_id)
    )"""  # noqa: S608 - a fixed fragment


def purpose_of(account: str) -> str:
    """Return SQL for an account's purpose: looked up row by row, for the few rows it is for."""
    return f"(SELECT purpose FROM ledger_account WHERE id = {account})"  # noqa: S608 - a column
