"""
Time-ordered ids: an id says when its row was written (pure).

An id is (milliseconds since 2025-01-01 UTC) << 22 | (sequence & 255) << 14: 63 bits, of
which the low 14 are zero. They number the lines of what the id names: the entries of a
transaction, the events of a batch, are id + 1 … id + 16383. So lines need no index of
their own, and tables are partitioned by id, which is by time.

The database makes ids (``ledger_next_id()``); this module only reads them. In JSON they
are strings, for they exceed 2**53.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
LINES: Final = 1 << 14  # ids from one head to the next; line numbers are 1 … LINES - 1
CUSTOMER_BIT: Final = 1 << 62  # set in the numbers of customers' accounts, and only there
_TIME_SHIFT: Final = 22
_MILLISECOND: Final = timedelta(milliseconds=1)


def first_id_at(instant: datetime) -> int:
    """
    Return the smallest id that can be given at ``instant`` or later, to the millisecond.

    Before 2025 there are no ids, and the answer is 0.

    >>> first_id_at(datetime(2025, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1000 << 22
    True
    """
    return max(0, (instant - EPOCH) // _MILLISECOND) << _TIME_SHIFT


def instant_of(row_id: int) -> datetime:
    """
    Return the millisecond in which an id was given, in UTC.

    >>> instant_of(first_id_at(datetime(2025, 6, 1, tzinfo=UTC)) + 5)
    datetime.datetime(2025, 6, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return EPOCH + (row_id >> _TIME_SHIFT) * _MILLISECOND


def head_of(line_id: int) -> int:
    """Return the id of the transaction (or batch) that an entry (or event) belongs to."""
    return line_id & -LINES


def is_house(account_id: int) -> bool:
    """Say whether an account belongs to the book rather than to a customer."""
    return account_id < CUSTOMER_BIT


def account_number(*, book_id: int, asset_id: int, serial: int, is_customer: bool) -> int:
    """
    Number an account so that its number says whose it is, in which book, and what it holds.

    From the top: customer's (1 bit), book (14), asset (16), serial (32). A CHECK on each entry
    compares the middle of its two accounts' numbers: books and assets cannot be mixed.

    >>> hex(account_number(book_id=1, asset_id=2, serial=3, is_customer=True))
    '0x4001000200000003'
    """
    assert 0 < book_id < 1 << 14, "more books than an account number holds"
    assert 0 < asset_id < 1 << 16, "more assets than an account number holds"
    assert 0 < serial < 1 << 32, "more accounts than an account number holds"
    return (CUSTOMER_BIT if is_customer else 0) | book_id << 48 | asset_id << 32 | serial


def book_of(account_id: int) -> int:
    """Return the id of the book that an account is in."""
    return account_id >> 48 & 0x3FFF


def asset_of(account_id: int) -> int:
    """Return the id of the asset that an account holds."""
    return account_id >> 32 & 0xFFFF
