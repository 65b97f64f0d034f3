"""
Time-ordered ids: an id says when its row was written (pure).

An id is (milliseconds since 2025-01-01 UTC) << 22 | (sequence & 63) << 16: 63 bits, of
which the low 16 are zero. They number the lines of what the id names: the entries of a
transaction, the events of a batch, are id + 1 … id + 65535. So lines need no index of
their own, and tables are partitioned by id, which is by time.

The database makes ids (``ledger_next_id()``); this module only reads them. In JSON they
are strings, for they exceed 2**53.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2025, 1, 1, tzinfo=UTC)
LINES: Final = 1 << 16  # ids from one head to the next; line numbers are 1 … LINES - 1
HOUSE_ACCOUNT_LIMIT: Final = 1 << 40  # accounts of the book lie below, customers' at or above
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
    return account_id < HOUSE_ACCOUNT_LIMIT
