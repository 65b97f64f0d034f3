"""
What a price costs over a range of quantities, at the quantities where it bends or jumps (pure).

A sample stands for the events that a price may look at: so many of them, alike, of a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from billing.rating.conversion import DIVIDE, Conversion
from billing.rating.events import CostMultiple
from billing.rating.package import Package
from billing.rating.rated import Rated
from billing.rating.tiers import Graduated, Volume
from ledger.admin.charts import nice
from ledger.money import MAX_DIGITS, ONE, ZERO, add, multiply, subtract

# Where to look may be rounded; what is found there is exact.
_ROUGH: Final = Context(prec=2 * MAX_DIGITS)
_GRID: Final = 120  # quantities looked at besides those where something happens
_MOST_STEPS: Final = 60  # drawn one by one
_MOST_DOUBLINGS: Final = 80
_USUAL: Final = Decimal(100)  # how far to draw where nothing happens
_ROOM: Final = Decimal("1.3")  # of the last thing that happens


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The events that make up a quantity: how many, and what they are labelled with."""

    events: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    """What a quantity costs, and what one more unit would."""

    quantity: Decimal
    amount: Decimal
    next_unit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points in order, up to ``until``; where tiers end; between which amounts it stays."""

    points: list[Point]
    until: Decimal
    boundaries: list[Decimal]
    minimum: Decimal | None
    maximum: Decimal | None


def contributed(rated: Rated, quantity: Decimal, sample: Sample, *, scale: int) -> Decimal:
    """
    Return what the sample's events contribute to a price that looks at events.

    The quantity is spread over them evenly, the last one taking what is left.
    """
    if rated.basis == "quantity" or quantity <= ZERO:
        return ZERO
    parts = spread(quantity, sample.events, scale=scale)
    share, last = parts[0], parts[-1]
    paying = max(sample.events - rated.free_events, 0)
    if not paying:
        return ZERO
    cost = isinstance(rated.event_price, CostMultiple)
    each = rated.contribution(share, sample.labels, share if cost else None)
    final = rated.contribution(last, sample.labels, last if cost else None)
    return add(multiply(each, Decimal(paying - 1)), final)


def spread(quantity: Decimal, events: int, *, scale: int) -> list[Decimal]:
    """
    Share a quantity among events, evenly, the last one taking what is left.

    >>> spread(Decimal(10), 3, scale=0)
    [Decimal('3'), Decimal('3'), Decimal('4')]
    """
    share = _floor(_ROUGH.divide(quantity, Decimal(events)), ONE.scaleb(-scale))
    return [*[share] * (events - 1), subtract(quantity, multiply(share, Decimal(events - 1)))]


def draw(
    rated: Rated, *, scale: int, sample: Sample, until: Decimal | None, least: Decimal = ZERO
) -> Curve:
    """Return the curve of a price up to a quantity; without one, as far as it is interesting."""
    boundaries = list(_boundaries(rated))
    end = until or _interesting(rated, scale, sample, boundaries, least)
    quantum = ONE.scaleb(-scale)
    places = {ZERO, end, *_grid(end, quantum)}
    for bend in (*boundaries, *_steps(rated, end)):
        near = _floor(bend, quantum)
        places |= {near, subtract(near, quantum), add(near, quantum)}
    points = [
        _point(rated, place, scale, sample) for place in sorted(places) if ZERO <= place <= end
    ]
    shown = [place for place in boundaries if ZERO < place < end]
    return Curve(
        points=points, until=end, boundaries=shown, minimum=rated.minimum, maximum=rated.maximum
    )


def _point(rated: Rated, quantity: Decimal, scale: int, sample: Sample) -> Point:
    here, further = (
        rated.amount(place, contributed(rated, place, sample, scale=scale))
        for place in (quantity, add(quantity, ONE))
    )
    due = here if rated.minimum is None else max(here, rated.minimum)
    return Point(quantity, due, subtract(further, here))


def _boundaries(rated: Rated) -> Iterator[Decimal]:
    """Yield the metered quantities up to which something holds: free units, tiers."""
    if rated.free_units:
        yield _metered(rated.conversion, rated.free_units)
    if isinstance(rated.price, Graduated | Volume):
        for tier in rated.price.tiers:
            if tier.up_to is not None:
                yield _metered(rated.conversion, add(tier.up_to, rated.free_units))


def _steps(rated: Rated, end: Decimal) -> Iterator[Decimal]:
    """Yield where packages and rounding make the price jump, if they can be told apart."""
    units = rated.conversion
    if isinstance(rated.price, Package):
        first, size = _metered(units, rated.free_units), _metered(units, rated.price.size)
        yield from _multiples(size, first, end)
    if units is not None and units.multiplier is None:
        step = _metered(units, ONE.scaleb(-units.precision))
        first = _ROUGH.divide(step, Decimal(2)) if units.rounding == "half_up" else ZERO
        yield from _multiples(step, first, end)


def _multiples(step: Decimal, first: Decimal, end: Decimal) -> Iterable[Decimal]:
    if step <= ZERO or end > multiply(step, Decimal(_MOST_STEPS)):
        return ()
    return (add(first, multiply(step, Decimal(place))) for place in range(_MOST_STEPS + 1))


def _metered(units: Conversion | None, quantity: Decimal) -> Decimal:
    """Return the metered quantity that makes so many billing units."""
    if units is None:
        return quantity
    if units.operation == DIVIDE:
        return multiply(quantity, units.factor)
    return _ROUGH.divide(quantity, units.factor)


def _interesting(
    rated: Rated, scale: int, sample: Sample, boundaries: list[Decimal], least: Decimal
) -> Decimal:
    ends = [*boundaries, least]
    if isinstance(rated.price, Package):
        ends.append(_metered(rated.conversion, multiply(rated.price.size, Decimal(5))))
    targets = [target for target in (rated.minimum, rated.maximum) if target is not None]
    ends += [_reaching(rated, target, scale, sample) for target in targets]
    furthest = max(ends, default=ZERO)
    return nice(multiply(furthest, _ROOM)) if furthest > ZERO else _USUAL


def _reaching(rated: Rated, target: Decimal, scale: int, sample: Sample) -> Decimal:
    """Return about which quantity costs so much; zero if none does."""
    low, high = ZERO, ONE
    for _ in range(_MOST_DOUBLINGS):
        if _cost(rated, high, scale, sample) >= target:
            break
        low, high = high, multiply(high, Decimal(2))
    else:
        return ZERO
    for _ in range(10):
        middle = _floor(_ROUGH.divide(add(low, high), Decimal(2)), ONE.scaleb(-scale))
        if _cost(rated, middle, scale, sample) >= target:
            high = middle
        else:
            low = middle
    return high


def _cost(rated: Rated, quantity: Decimal, scale: int, sample: Sample) -> Decimal:
    return rated.amount(quantity, contributed(rated, quantity, sample, scale=scale))


def _grid(end: Decimal, quantum: Decimal) -> Iterator[Decimal]:
    for place in range(1, _GRID):
        yield _floor(_ROUGH.divide(multiply(end, Decimal(place)), Decimal(_GRID)), quantum)


def _floor(value: Decimal, quantum: Decimal) -> Decimal:
    return value.quantize(quantum, rounding=ROUND_FLOOR, context=_ROUGH)
