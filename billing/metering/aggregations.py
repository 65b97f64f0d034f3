"""
Meters as running values: what one event changes (pure).

A meter's value over a period is a running value, and an event's quantity is the change it
makes to it. Changes may be negative (a maximum that loses its event, an average that falls);
their sum is always the value of all readings, whatever their order or their batches:

    sum     the values added up            count    how many readings
    max/min the extreme reading            avg      sum over count, half-even at the unit's scale
    latest  the reading with the greatest (at, key), whenever it arrives
    unique  how many different texts

A meter without readings stands at 0, so the first reading of a minimum changes it from 0.

``OBSERVE[aggregation]`` and ``RETRACT[aggregation]`` are plain functions over a mutable
``Running``, called with positional arguments: the bulk path looks them up once and makes no
object per event but the change itself. Sum and count ignore ``at`` and ``key``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from ledger.money import ONE, SCALE, ZERO, add, subtract, text

SUM: Final = "sum"
COUNT: Final = "count"
MAX: Final = "max"
MIN: Final = "min"
AVG: Final = "avg"
LATEST: Final = "latest"
UNIQUE_COUNT: Final = "unique_count"

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
# At 76 digits a quotient cannot look like a tie that it is not: readings have 12 places, and
# their number would need to exceed 10**37. So rounding twice is rounding once.
_AVERAGING: Final = Context(prec=76, rounding=ROUND_HALF_EVEN)


class Reading(NamedTuple):
    """What a meter read from one event."""

    value: Decimal | None  # None where only the event counts
    text: str | None  # what unique_count compares
    at: datetime
    key: str  # settles which of two readings at one time is the latest: source and id


@dataclass(slots=True)
class Running:
    """A meter's value so far, and what it takes to go on from there."""

    scale: int = SCALE  # places of an average
    value: Decimal = ZERO
    count: int = 0
    total: Decimal = ZERO  # kept by avg alone, as its value is rounded
    latest_at: datetime = _BEGINNING  # kept by latest alone
    latest_key: str = ""

    def dump(self) -> dict[str, str]:
        """
        Return the state as text, ready for JSON; what is at its default is left out.

        >>> Running(value=Decimal("1.50"), count=2).dump()
        {'value': '1.5', 'count': '2'}
        """
        return {
            field.name: _written(held)
            for field in fields(self)
            if (held := getattr(self, field.name)) != field.default
        }

    @classmethod
    def load(cls, state: dict[str, str]) -> "Running":
        """Return the state that ``dump`` wrote."""
        latest_at = state.get("latest_at")
        return cls(
            scale=int(state.get("scale", SCALE)),
            value=Decimal(state.get("value", 0)),
            count=int(state.get("count", 0)),
            total=Decimal(state.get("total", 0)),
            latest_at=datetime.fromisoformat(latest_at) if latest_at else _BEGINNING,
            latest_key=state.get("latest_key", ""),
        )


Observe = Callable[[Running, Decimal, datetime, str, bool], Decimal]
Retract = Callable[[Running, Decimal, datetime, str, bool], Decimal | None]


def observe_sum(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Add a value."""
    state.count += 1
    state.value = add(state.value, value)
    return value


def observe_count(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Count a reading."""
    state.count += 1
    state.value = add(state.value, ONE)
    return ONE


def observe_max(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Rise to a greater value."""
    state.count += 1
    if state.count > 1 and value <= state.value:
        return ZERO
    return _become(state, value)


def observe_min(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Fall to a smaller value."""
    state.count += 1
    if state.count > 1 and value >= state.value:
        return ZERO
    return _become(state, value)


def observe_avg(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Take a value into the average."""
    state.count += 1
    state.total = add(state.total, value)
    return _become(state, _average(state))


def observe_latest(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Move to a later reading; an earlier one that arrives late changes nothing."""
    state.count += 1
    if state.count > 1 and (at, key) <= (state.latest_at, state.latest_key):
        return ZERO
    state.latest_at, state.latest_key = at.astimezone(UTC), key
    return _become(state, value)


def observe_unique(state: Running, value: Decimal, at: datetime, key: str, is_new: bool) -> Decimal:
    """Count a text the caller has not seen in this series (``is_new``)."""
    state.count += 1
    if not is_new:
        return ZERO
    state.value = add(state.value, ONE)
    return ONE


def retract_sum(state: Running, value: Decimal, at: datetime, key: str, is_last: bool) -> Decimal:
    """Take a value out of the sum."""
    state.count -= 1
    return _become(state, subtract(state.value, value))


def retract_count(state: Running, value: Decimal, at: datetime, key: str, is_last: bool) -> Decimal:
    """Count one reading less."""
    state.count -= 1
    return _become(state, subtract(state.value, ONE))


def retract_avg(state: Running, value: Decimal, at: datetime, key: str, is_last: bool) -> Decimal:
    """Take a value out of the average."""
    state.count -= 1
    state.total = subtract(state.total, value)
    return _become(state, _average(state))


def retract_unique(
    state: Running, value: Decimal, at: datetime, key: str, is_last: bool
) -> Decimal:
    """Count one text less, if no other reading of the series has it (``is_last``)."""
    state.count -= 1
    return _become(state, subtract(state.value, ONE)) if is_last else ZERO


def retract_extreme(
    state: Running, value: Decimal, at: datetime, key: str, is_last: bool
) -> Decimal | None:
    """Forget a reading that was not the extreme; None, untouched, if it may have been."""
    if value == state.value:
        return None
    state.count -= 1
    return ZERO


def retract_latest(
    state: Running, value: Decimal, at: datetime, key: str, is_last: bool
) -> Decimal | None:
    """Forget a reading that was not the latest; None, untouched, if it was."""
    if (at, key) == (state.latest_at, state.latest_key):
        return None
    state.count -= 1
    return ZERO


OBSERVE: Final[dict[str, Observe]] = {
    SUM: observe_sum,
    COUNT: observe_count,
    MAX: observe_max,
    MIN: observe_min,
    AVG: observe_avg,
    LATEST: observe_latest,
    UNIQUE_COUNT: observe_unique,
}

# A retraction gives the change, or None: then the state is as it was, and ``recompute`` from
# the readings that remain gives it.
RETRACT: Final[dict[str, Retract]] = {
    SUM: retract_sum,
    COUNT: retract_count,
    MAX: retract_extreme,
    MIN: retract_extreme,
    AVG: retract_avg,
    LATEST: retract_latest,
    UNIQUE_COUNT: retract_unique,
}


def running_over(aggregation: str, readings: Iterable[Reading], scale: int = SCALE) -> Running:
    """Return the state of a meter after these readings, from nothing."""
    observe, state, seen = OBSERVE[aggregation], Running(scale=scale), set[str | None]()
    for value, unique, at, key in readings:
        observe(state, ZERO if value is None else value, at, key, unique not in seen)
        seen.add(unique)
    return state


def value_of(aggregation: str, readings: Iterable[Reading], scale: int = SCALE) -> Decimal:
    """
    Return what a meter says of these readings, in whatever order they come.

    >>> noon = datetime(2025, 6, 1, 12, tzinfo=UTC)
    >>> value_of("avg", [Reading(Decimal(n), None, noon, str(n)) for n in (1, 2, 2)], scale=2)
    Decimal('1.67')
    """
    return running_over(aggregation, readings, scale).value


def average(total: Decimal, count: int, scale: int) -> Decimal:
    """Return what ``count`` readings are on average, half-even at ``scale`` places."""
    quotient = _AVERAGING.divide(total, Decimal(count))
    return quotient.quantize(ONE.scaleb(-scale), context=_AVERAGING)


def recompute(aggregation: str, state: Running, remaining: Iterable[Reading]) -> Decimal:
    """Bring a state to what the remaining readings give, and return the change."""
    fresh = running_over(aggregation, remaining, state.scale)
    change = subtract(fresh.value, state.value)
    for field in fields(Running):
        setattr(state, field.name, getattr(fresh, field.name))
    return change


def _become(state: Running, value: Decimal) -> Decimal:
    change = subtract(value, state.value)
    state.value = value
    return change


def _average(state: Running) -> Decimal:
    return average(state.total, state.count, state.scale) if state.count else ZERO


def _written(held: object) -> str:
    if isinstance(held, Decimal):
        return text(held)
    return held.isoformat() if isinstance(held, datetime) else str(held)
