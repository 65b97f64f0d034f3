"""
What accounts hold: now, as of an instant of either clock, and a book's trial balance.

"As of" an instant is everything before it, as periods are half-open: the balance as of the end of
a period is the one the next period opens with. ``effective_at`` is when things happened,
``posted_at`` when they were learned, to the millisecond; both may be given together. Transactions
still being written when ``posted_at`` passed appear when they commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger import totals
from ledger.errors import OutOfBalanceError
from ledger.models import Account, Balance, Book, Period
from ledger.money import ZERO, exactly
from ledger.totals import Total


@dataclass(frozen=True, slots=True)
class Volumes:
    """What was moved on an account by side, and on which side it stands."""

    debits: Decimal
    credits: Decimal
    orientation: int  # +1: debits are what it holds; -1: credits are

    @property
    def settled(self) -> Decimal:
        """What the account holds, in its own orientation."""
        with exactly():
            return self.orientation * (self.debits - self.credits)


@dataclass(frozen=True, slots=True)
class AccountBalance(Volumes):
    """An account's balance now, with what is held of it and how low it may fall."""

    held: Decimal
    floor: Decimal | None

    @property
    def available(self) -> Decimal | None:
        """What may still be taken from it; None when there is no lower bound."""
        if self.floor is None:
            return None
        with exactly():
            return self.settled - self.held - self.floor


class TrialRow(NamedTuple):
    """All accounts of one purpose in one asset; amounts are debits less credits unless named."""

    type: str
    purpose: str
    asset: str
    opening: Decimal
    debits: Decimal
    credits: Decimal

    @property
    def closing(self) -> Decimal:
        """The balance at the end, debits less credits."""
        with exactly():
            return self.opening + self.debits - self.credits


def now(account_ids: Iterable[int]) -> dict[int, AccountBalance]:
    """Return the current balances of accounts that exist, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_NOW, [list(account_ids)])
        return {row[0]: AccountBalance(*row[1:]) for row in cursor.fetchall()}


def as_of(
    *,
    account_ids: Iterable[int],
    effective_at: datetime | None = None,
    posted_at: datetime | None = None,
) -> dict[int, Volumes]:
    """Return what accounts that exist held before both instants, exact to the microsecond."""
    moved = totals.of_accounts(account_ids, effective_at=effective_at, posted_at=posted_at)
    orientations = dict(
        Balance.objects.filter(pk__in=[total.account_id for total in moved]).values_list(
            "pk", "orientation"
        )
    )
    return {
        number: Volumes(debits, credits_, orientations[number])
        for number, debits, credits_ in moved
    }


def trial_balance(
    *, book: Book, period: Period | None = None, effective_at: datetime | None = None
) -> list[TrialRow]:
    """
    Return a book's balances by type, purpose and asset, after checking that they balance.

    For a period: what was booked in it, and what the periods before it left as opening balances.
    Otherwise everything that happened before ``effective_at``, or everything.

    Raises:
        OutOfBalanceError: debits and credits of an asset differ.
    """
    assert period is None or effective_at is None
    if period is not None:
        moved = totals.of_periods(book.pk, before=period.starts_at, until=period.ends_at)
    else:
        moved = [
            (Total(total.account_id, ZERO, ZERO), total)
            for total in totals.of_book(book.pk, effective_at=effective_at)
        ]
    rows = _grouped(book, moved)
    _check(book, rows)
    return rows


def _grouped(book: Book, moved: Sequence[tuple[Total, Total]]) -> list[TrialRow]:
    names = {
        number: (type_, purpose, asset)
        for number, type_, purpose, asset in Account.objects.filter(book=book).values_list(
            "pk", "type", "purpose", "asset__code"
        )
    }
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    with exactly():
        for before, within in moved:
            row = sums[names[within.account_id]]
            row[0] += before.debits - before.credits
            row[1] += within.debits
            row[2] += within.credits
    ordered = sorted(sums.items(), key=lambda item: (_TYPES.index(item[0][0]), item[0]))
    return [TrialRow(*name, *amounts) for name, amounts in ordered if any(amounts)]


def _check(book: Book, rows: Iterable[TrialRow]) -> None:
    differences: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    with exactly():
        for row in rows:
            differences[row.asset][0] += row.opening
            differences[row.asset][1] += row.debits - row.credits
    if wrong := {asset: pair for asset, pair in differences.items() if any(pair)}:
        asset, pair = min(wrong.items())
        raise OutOfBalanceError(
            book=book.key, asset=asset, opening_difference=pair[0], difference=pair[1]
        )


_TYPES: Final = Account.Type.values
_NOW: Final = f"""
    WITH {totals.UNFOLDED}
    SELECT b.account_id, b.debits + coalesce(tail.debits, 0),
           b.credits + coalesce(tail.credits, 0), b.orientation, b.held, b.floor
    FROM ledger_balance b
    LEFT JOIN LATERAL (
        SELECT sum(debits) AS debits, sum(credits) AS credits FROM ledger_delta
        WHERE NOT b.is_guarded AND account_id = b.account_id
          AND transaction_id IN (SELECT transaction_id FROM unfolded)
          AND transaction_id BETWEEN (SELECT min(transaction_id) FROM unfolded)
                                 AND (SELECT max(transaction_id) FROM unfolded)
    ) tail ON true
    WHERE b.account_id = ANY(%s)
"""  # noqa: S608 - a fixed fragment
