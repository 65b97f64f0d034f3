"""The admin of the ledger: finance sees everything, and changes it through operations alone."""

from ledger.admin import (
    access,
    accounts,
    books,
    customers,
    entries,
    jobs,
    periods,
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
    "periods",
    "seals",
    "transactions",
    "trial_balance",
]
