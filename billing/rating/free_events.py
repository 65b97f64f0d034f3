"""
What events have contributed to a price, the first of them free (pure).

The first are those that happened first, then by name, whenever they arrive: an early event that
arrives late takes the place of the last free one, which is then charged. So the sum
is the same in any order. With none free it is a plain sum.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ledger.money import WIDE, ZERO, text

_add = WIDE.add
_subtract = WIDE.subtract


class FreeEvent(NamedTuple):
    """One that is free for now, and what it would add."""

    at: datetime
    name: str  # source and id
    contribution: Decimal


@dataclass(slots=True)
class EventState:
    """
    The sum of contributions, and the free events as long as others may still take their place.

    >>> from datetime import UTC
    >>> state, noon = EventState(free=1), datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> state.add(noon, "b", Decimal(5))
    >>> state.add(noon, "a", Decimal(7))  # comes before b: b is charged
    >>> state.contributed
    Decimal('5')
    """

    free: int = 0  # how many are
    contributed: Decimal = ZERO
    charged: int = 0  # how many events are not free
    held: list[FreeEvent] = field(default_factory=list)
    sold: dict[str, Decimal] = field(default_factory=dict)  # billing units by the rate of a table

    def sell(self, rate: str, units: Decimal) -> None:
        """Count units by the rate that prices them; below zero, as sold no more."""
        self.sold[rate] = _add(self.sold.get(rate, ZERO), units)

    def add(self, at: datetime, name: str, contribution: Decimal) -> None:
        """Take an event in."""
        if self.free:
            insort(self.held, FreeEvent(at, name, contribution))
            if len(self.held) <= self.free:
                return
            contribution = self.held.pop().contribution
        self.charged += 1
        self.contributed = _add(self.contributed, contribution)

    def remove(self, at: datetime, name: str, contribution: Decimal) -> bool:
        """
        Take an event out; False, and nothing is changed, if the history must be read again.

        That is so when a free event leaves and a charged one becomes free: which one, only
        the history knows. Build a new state from it then.
        """
        if self.free and self._is_free(at, name):
            if self.charged:
                return False
            self.held = [event for event in self.held if (event.at, event.name) != (at, name)]
            return True
        self.charged -= 1
        self.contributed = _subtract(self.contributed, contribution)
        return True

    def _is_free(self, at: datetime, name: str) -> bool:
        place = bisect_left(self.held, (at, name))
        return place < len(self.held) and self.held[place][:2] == (at, name)

    def dump(self) -> dict[str, Any]:
        """Return the state ready for JSON; ``free`` is the price's, and not kept."""
        held = [[event.at.isoformat(), event.name, text(event.contribution)] for event in self.held]
        written: dict[str, Any] = {"contributed": text(self.contributed), "charged": self.charged}
        if self.sold:
            written["sold"] = {rate: text(units) for rate, units in self.sold.items() if units}
        return written | {"free": held} if held else written

    @classmethod
    def load(cls, state: Mapping[str, Any], free: int = 0) -> "EventState":
        """Return the state that ``dump`` wrote; an empty one has taken no event."""
        held = [
            FreeEvent(datetime.fromisoformat(at), name, Decimal(contribution))
            for at, name, contribution in state.get("free", ())
        ]
        contributed = Decimal(state.get("contributed", 0))
        sold = {rate: Decimal(units) for rate, units in state.get("sold", {}).items()}
        return cls(free, contributed, int(state.get("charged", 0)), held, sold)
