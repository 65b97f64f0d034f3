"""The ledger's tables; see ledger/README.md for what each row is."""

from ledger.models.access import ApiKey, IdempotentReply
from ledger.models.accounts import Account, Balance
from ledger.models.books import Asset, Book
from ledger.models.clocks import TestClock
from ledger.models.customers import Customer
from ledger.models.journal import Delta, Entry, Receipt, Transaction
from ledger.models.outbox import JobRun, Outbox
from ledger.models.periods import Period
from ledger.models.seals import Bucket, Seal, Watermark

__all__ = [
    "Account",
    "ApiKey",
    "Asset",
    "Balance",
    "Book",
    "Bucket",
    "Customer",
    "Delta",
    "Entry",
    "IdempotentReply",
    "JobRun",
    "Outbox",
    "Period",
    "Receipt",
    "Seal",
    "TestClock",
    "Transaction",
    "Watermark",
]
