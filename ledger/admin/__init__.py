"""The admin of the ledger: finance may look at everything; what it changes goes through operations."""

from ledger.admin import (
    access,
    accounts,
    books,
    customers,
    entries,
    jobs,
    seals,
    transactions,
    trial_balance,
)

__all__ = [
    "access",
    "accounts",
    "books",
    "customers",
    "entries",
    "jobs",
    "seals",
    "transactions",
    "trial_balance",
]
