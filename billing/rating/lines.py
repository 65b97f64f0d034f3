"""
The inverse view: what a quantity cost, as lines of a document (pure).

Lines are differences: of the parts at the quantity where a document ends and those where it
starts. So documents of a period add up to one of the whole, also where a volume tier repriced
what was charged before. Each line is rounded once; totals are sums of what is printed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from billing.rating.conversion import MULTIPLY, Conversion
from billing.rating.package import Package
from billing.rating.part import FLAT, USAGE, Part
from billing.rating.rated import Rated
from ledger.money import ONE, ZERO, add, multiply, round_half_away, subtract, text

FREE_UNITS: Final = "free_units"
DISCOUNT: Final = "discount"
MAXIMUM: Final = "maximum"
COMMITMENT: Final = "commitment"

_TAKEN_OFF: Final = frozenset({DISCOUNT, MAXIMUM})
_ADJUSTING: Final = frozenset({*_TAKEN_OFF, COMMITMENT})
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; below zero where it gives something back."""

    kind: str  # usage, flat, fee, free_units, discount, maximum or commitment
    description: str
    tier: int | None  # counted from 1
    quantity: Decimal  # in billing units
    unit_price: Decimal | None
    flat: Decimal | None  # what is due once
    exact: Decimal
    amount: Decimal  # exact, rounded half away from zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Lines and their sums: gross − discount + commitment charge = total."""

    lines: Sequence[Line]
    gross_amount: Decimal
    discount: Decimal
    commitment_charge: Decimal
    total: Decimal
    exact_total: Decimal


def lines(
    rated: Rated,
    quantity: Decimal,
    *,
    exponent: int,
    prior: Decimal = ZERO,
    contributed: Decimal = ZERO,
    prior_contributed: Decimal = ZERO,
    items: Sequence[Part] = (),
    prior_items: Sequence[Part] = (),
    starts_period: bool | None = None,
    ends_period: bool = True,
) -> Document:
    """
    Return what ``quantity`` units cost after ``prior`` ones, line by line.

    The exact sum is ``amount(prior + quantity) − amount(prior)``, and what the minimum lacks if
    the period ends. A document that starts the period also has what is due from its start;
    it does so, unless it is said, when nothing was used before. ``contributed`` is what
    the events of ``quantity`` contributed, for event prices; ``items`` and ``prior_items`` may say
    it in more lines, of all events so far and of the prior ones.

    >>> from billing.rating.package import Package
    >>> rated = Rated(price=Package(price=Decimal(5), size=Decimal(1000)))
    >>> document = lines(rated, Decimal(1300), prior=Decimal(1400), exponent=2)
    >>> [(line.quantity, line.amount) for line in document.lines], document.total
    ([(Decimal('1'), Decimal('5.00'))], Decimal('5.00'))
    """
    if starts_period is None:
        starts_period = not prior and not prior_contributed
    after = _parts(rated, add(prior, quantity), add(prior_contributed, contributed), items)
    before = [] if starts_period else _parts(rated, prior, prior_contributed, prior_items)
    changed = _difference(after, before)
    if ends_period and (charge := _lacking(rated, after)):
        changed.append(Part(COMMITMENT, None, ONE, None, charge))
    return _document(rated, changed, exponent)


def _parts(
    rated: Rated, quantity: Decimal, contributed: Decimal, items: Sequence[Part]
) -> list[Part]:
    """Return the parts of all adjustments but the minimum; they sum to the amount."""
    units, billable = rated.converted(quantity), rated.billable(quantity)
    if rated.event_price is not None:
        parts = rated.event_price.parts(billable, contributed)
        # Not where they sum below zero, which is priced as zero.
        if items and _sum(part.exact for part in items) == _sum(part.exact for part in parts):
            parts = list(items)
    else:
        assert rated.price is not None, "terms have a price"
        parts = rated.price.parts(billable)
    if free := subtract(units, billable):
        parts = [Part(FREE_UNITS, None, free, ZERO, ZERO), *parts]
    gross = _sum(part.exact for part in parts)
    kept = gross if rated.kept is None else multiply(gross, rated.kept)
    if kept != gross:
        parts.append(Part(DISCOUNT, None, ONE, None, subtract(kept, gross)))
    if rated.maximum is not None and kept > rated.maximum:
        parts.append(Part(MAXIMUM, None, ONE, None, subtract(rated.maximum, kept)))
    return parts


def _difference(after: Iterable[Part], before: Iterable[Part]) -> list[Part]:
    """Subtract part from part; what was repriced is given back whole at its old price."""
    changed = {_key(part): part for part in after}
    for part in before:
        same = changed.get(_key(part))
        changed[_key(part)] = part._replace(
            quantity=subtract(same.quantity if same else ZERO, part.quantity),
            exact=subtract(same.exact if same else ZERO, part.exact),
        )
    found = [part for part in changed.values() if part.quantity or part.exact]
    return sorted(found, key=_place)


def _key(part: Part) -> tuple[str, int | None, str, Decimal | None]:
    return part.kind, part.tier, part.name, part.unit_price


_ORDER: Final = {FREE_UNITS: 0, DISCOUNT: 2, MAXIMUM: 3}


def _place(part: Part) -> tuple[int, int]:
    return _ORDER.get(part.kind, 1), part.tier or 0


def _lacking(rated: Rated, parts: Iterable[Part]) -> Decimal:
    """Return what the whole period lacks to its minimum."""
    if rated.minimum is None:
        return ZERO
    return max(ZERO, subtract(rated.minimum, _sum(part.exact for part in parts)))


def _document(rated: Rated, parts: Iterable[Part], exponent: int) -> Document:
    printed = [_line(rated, part, exponent) for part in parts]
    discount = _sum(line.amount for line in printed if line.kind in _TAKEN_OFF)
    charge = _sum(line.amount for line in printed if line.kind == COMMITMENT)
    total = _sum(line.amount for line in printed)
    return Document(
        lines=printed,
        gross_amount=subtract(subtract(total, discount), charge),
        discount=subtract(ZERO, discount),
        commitment_charge=charge,
        total=total,
        exact_total=_sum(line.exact for line in printed),
    )


def _line(rated: Rated, part: Part, exponent: int) -> Line:
    is_flat = part.kind == FLAT
    return Line(
        kind=part.kind,
        description=_description(rated, part),
        tier=part.tier,
        quantity=ONE if part.kind in _ADJUSTING else part.quantity,
        unit_price=part.unit_price,
        flat=part.exact if is_flat else None,
        exact=part.exact,
        amount=round_half_away(part.exact, exponent),
    )


def _description(rated: Rated, part: Part) -> str:
    match part.kind:
        case "discount" if rated.kept is not None:
            return f"Discount of {text(multiply(subtract(ONE, rated.kept), _HUNDRED))} %"
        case "maximum" if rated.maximum is not None:
            return f"Above the maximum of {text(rated.maximum)}"
        case "commitment" if rated.minimum is not None:
            return f"Up to the minimum of {text(rated.minimum)}"
    words = _WORDS.get((rated.type, part.kind)) or _WORDS["", part.kind]
    if isinstance(rated.price, Package) and part.kind == USAGE:
        words = f"{words} of {text(rated.price.size)}"
    if rated.conversion is not None and part.kind != FLAT:
        words = f"{words} ({_unit(rated.conversion)})"
    if part.name:
        words = f"{words}: {part.name}"
    return words if part.tier is None else f"{words}, tier {part.tier}"


def _unit(conversion: Conversion) -> str:
    """Name the unit that prices are for, which is not the one that is measured."""
    sign = "\u00d7" if conversion.operation == MULTIPLY else "per"
    return conversion.display_unit or f"{sign} {text(conversion.factor)}"


_WORDS: Final = {
    ("", "usage"): "Usage",
    ("", "flat"): "Flat price",
    ("", "fee"): "Fee per event",
    ("", "free_units"): "Free units",
    ("package", "usage"): "Packages",
    ("percentage", "usage"): "Percentage of the amount",
    ("graduated_percentage", "usage"): "Percentage of the amount",
}


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = add(total, amount)
    return total
