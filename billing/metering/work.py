"""What recording a batch needs at hand, under lock, and how what it moves is posted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.budgets import using
from billing.metering.accruals import OpenAccrual, Series
from billing.metering.attribution import Item
from billing.metering.funding import Purse
from billing.metering.prepaid import Prepaid
from billing.metering.takings import Part
from ledger import bulk
from ledger.ids import is_house
from ledger.models import Book
from ledger.moves import Move, Posting
from ledger.periods import month_of
from wallets import watches
from wallets.burn_order import version_of


@dataclass(slots=True, kw_only=True)
class Work:
    """All that recording a batch needs at hand, under lock."""

    accruals: dict[Series, OpenAccrual]
    purse: Purse
    cost_accounts: Mapping[str, tuple[int, int]]  # of cost and of what is owed, by supply
    fresh: set[tuple[int, str]] = field(default_factory=set)  # unique values not seen before
    # What events that are taken back have paid from, by event and revenue account.
    own: dict[tuple[int, int], list[tuple[int, Decimal]]] = field(default_factory=dict)
    used: using.Used = field(default_factory=using.Used)  # of budgets
    leaving_id: int = 0  # the event that is taken back
    prepaid: Prepaid = field(default_factory=Prepaid)  # the events that captures wait for
    moves: defaultdict[datetime, list[Move]] = field(default_factory=lambda: defaultdict(list))

    def apart(self, zone: ZoneInfo) -> dict[datetime, list[Move]]:
        """Return the moves that are not dated as their usage is, by the month they belong to."""
        found: defaultdict[datetime, list[Move]] = defaultdict(list)
        for move in [*self.purse.reclaims(), *self.prepaid.back]:
            assert move.effective_at is not None, "they are dated by themselves"
            found[month_of(move.effective_at, zone).starts_at].append(move)
        return found

    def touch_watched(self) -> None:
        """Have the wallets looked at whose lots move, where somebody watches them."""
        moves = [move for moves in self.moves.values() for move in moves]
        moved = {number for move in moves for number in (move.debit, move.credit)}
        watches.touch([number for number in moved if not is_house(number)])

    def own_units(self, item: Item) -> Sequence[Part] | None:
        """Return what an event burned that is taken back; None of one that is not."""
        burner = item.of.burner
        if burner is None or item.event_id != self.leaving_id:
            return None
        return self.own.get((item.event_id, burner.burned_id), ())


def post(
    *, book: Book, key: str, kind: str, work: Work, evidence: bytes | None = None
) -> list[int]:
    """Post the moves of a batch, a transaction a month, and return the transactions' ids."""
    for month, moves in work.apart(ZoneInfo(book.time_zone)).items():
        work.moves[month][:0] = moves
    postings = []
    for month, moves in sorted(work.moves.items()):
        for start in range(0, len(moves), bulk.MAX_MOVES):
            part = moves[start : start + bulk.MAX_MOVES]
            postings.append(
                Posting(
                    book_id=book.pk,
                    kind=kind,
                    key=f"{key}:{month:%Y-%m}:{start}",
                    effective_at=max(move.effective_at or month for move in part),
                    moves=part,
                    metadata={"burn_order": version_of(book.pk)},
                    evidence=evidence,
                    content=evidence,
                )
            )
    return [posted.transaction_id for posted in bulk.post(postings=postings)] if postings else []
