"""
Terms: a price, its unit conversion, discounts and commitments, as a document (pure).

``parse`` turns a document into a ``Rated``; ``problems`` says everything that is wrong with
one. Whatever parses can be priced without rounding: the places of price, quantity and discount
together are checked here, once, and never at an event.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal, DecimalException
from typing import Any, Final

from billing.rating import conversion, reading_prices
from billing.rating.conversion import Conversion
from billing.rating.events import CostMultiple
from billing.rating.price import places_of
from billing.rating.problems import InvalidTermsError, Problem
from billing.rating.rated import Rated
from billing.rating.reading import Object, Reader, places
from billing.rating.reading_prices import Found
from ledger.money import ONE, SCALE, ZERO, add, multiply, subtract

_TERMS: Final = frozenset({"price", "unit_config", "discounts", "commitments"})
_UNIT_CONFIG: Final = frozenset(
    {"operation", "conversion_factor", "rounding", "precision", "display_unit"}
)
_ROUNDINGS: Final = [conversion.CEILING, conversion.FLOOR, conversion.HALF_UP, conversion.NONE]
_WITHOUT_USAGE: Final = frozenset({"free", "flat"})
_ADDING_UP: Final = frozenset({"sum", "count"})
_REMEMBERED: Final = 10_000

_parsed: dict[tuple[object, ...], Rated] = {}


def parse(
    document: Object,
    *,
    scale: int,
    dimensions: Collection[str] | None = None,
    aggregation: str | None = None,
    kept: int = SCALE,
) -> Rated:
    """
    Return terms ready to price quantities of ``scale`` places; remembered by their text.

    ``dimensions`` and ``aggregation`` are the meter's; None leaves unchecked what depends on
    them. ``kept`` is how many places the price's currency or credit has in the ledger.

    Raises:
        InvalidTermsError: with every problem of the document.

    >>> rated = parse({"price": {"type": "unit", "amount": "0.25"}}, scale=0)
    >>> rated.amount(Decimal(10))
    Decimal('2.50')
    """
    key = _key(document, scale, dimensions, aggregation, kept)
    if key is not None and (known := _parsed.get(key)) is not None:
        return known
    rated, found = _read(document, scale, dimensions, aggregation, kept)
    if rated is None:
        raise InvalidTermsError(problems=found)
    if len(_parsed) >= _REMEMBERED:
        _parsed.clear()
    if key is not None:
        _parsed[key] = rated
    return rated


def problems(
    document: Object,
    *,
    scale: int,
    dimensions: Collection[str] | None = None,
    aggregation: str | None = None,
    kept: int = SCALE,
) -> list[Problem]:
    """
    Return every problem of a document; none if ``parse`` takes it.

    >>> [found] = problems({"price": {"type": "unit", "amount": "-1"}}, scale=0)
    >>> found.code, found.field
    ('negative', 'price.amount')
    """
    return _read(document, scale, dimensions, aggregation, kept)[1]


def _key(
    document: Object, scale: int, dimensions: Collection[str] | None, *rest: object
) -> tuple[object, ...] | None:
    named = None if dimensions is None else frozenset(dimensions)
    try:
        written = json.dumps(document, default=repr)
    except (TypeError, ValueError, RecursionError):
        return None  # no JSON: it is about to be refused
    return (written, scale, named, *rest)


def _read(
    document: Any,
    scale: int,
    dimensions: Collection[str] | None,
    aggregation: str | None,
    kept: int,
) -> tuple[Rated | None, list[Problem]]:
    reader = Reader()
    held = reader.fields(document, "", _TERMS)
    if held is None:
        return None, reader.problems
    found = reading_prices.read(reader, held, dimensions)
    units = _conversion(reader, held)
    percentage, usage = _discounts(reader, held)
    minimum, maximum = _commitments(reader, held)
    if found is None:
        return None, reader.problems
    kind = held["price"]["type"]
    rated = Rated(
        price=found.price,
        event_price=found.event_price,
        type=kind,
        conversion=units,
        free_units=add(found.free_units, usage or ZERO),
        free_events=found.free_events,
        kept=subtract(ONE, percentage) if percentage else None,
        maximum=maximum,
        minimum=minimum,
    )
    _check_fit(reader, held, kind)
    if found.event_price is not None:
        _check_events(reader, held, found, units, aggregation)
    _check_places(reader, held, rated, found, scale, kept)
    if reader.problems:
        return None, reader.problems
    return _with_cost(rated, kept), []


def _conversion(reader: Reader, terms: Object) -> Conversion | None:
    held = terms.get("unit_config")
    if held is None or reader.fields(held, "unit_config", _UNIT_CONFIG) is None:
        return None
    operations = [conversion.DIVIDE, conversion.MULTIPLY]
    operation = reader.choice(held, "operation", "unit_config", operations)
    factor = reader.positive(held, "conversion_factor", "unit_config")
    rounding = reader.choice(held, "rounding", "unit_config", _ROUNDINGS, conversion.NONE)
    precision = reader.integer(held, "precision", "unit_config", SCALE)
    unit = reader.text(held, "display_unit", "unit_config", 100)
    if operation is None or factor is None or rounding is None:
        return None
    try:
        return Conversion(
            operation=operation,
            factor=factor,
            rounding=rounding,
            precision=precision,
            display_unit=unit,
        )
    except DecimalException:
        message = "A division by this factor never ends: choose ceiling, floor or half_up."
        reader.refuse("endless_division", "unit_config.rounding", message, value=rounding)
    return None


def _discounts(reader: Reader, terms: Object) -> tuple[Decimal | None, Decimal | None]:
    held = terms.get("discounts")
    if held is None or reader.fields(held, "discounts", frozenset({"percentage", "usage"})) is None:
        return None, None
    percentage = reader.percentage(held, "percentage", "discounts")
    return percentage, reader.optional(held, "usage", "discounts")


def _commitments(reader: Reader, terms: Object) -> tuple[Decimal | None, Decimal | None]:
    held = terms.get("commitments")
    known = frozenset({"minimum_amount", "maximum_amount"})
    if held is None or reader.fields(held, "commitments", known) is None:
        return None, None
    minimum = reader.optional(held, "minimum_amount", "commitments")
    maximum = reader.optional(held, "maximum_amount", "commitments")
    if minimum is not None and maximum is not None and minimum > maximum:
        message = "The minimum must not exceed the maximum."
        field = "commitments.minimum_amount"
        reader.refuse("minimum_above_maximum", field, message, value=minimum, maximum=maximum)
    return minimum, maximum


def _check_fit(reader: Reader, terms: Object, kind: str) -> None:
    """Refuse around a price without usage what is only for usage."""
    if kind not in _WITHOUT_USAGE:
        return
    message = f"A {kind} price has no usage: leave it out."
    for name in ("unit_config", "commitments"):
        if terms.get(name) is not None:
            reader.refuse("not_for_this_price", name, message)
    discounts = terms.get("discounts")
    if isinstance(discounts, dict) and discounts.get("usage") is not None:
        reader.refuse("not_for_this_price", "discounts.usage", message)


def _check_events(
    reader: Reader,
    terms: Object,
    found: Found,
    units: Conversion | None,
    aggregation: str | None,
) -> None:
    """Refuse what would make the price of events depend on their order, or on rounding."""
    if aggregation is not None and aggregation not in _ADDING_UP:
        message = "It looks at each event, so the meter must be a sum or a count."
        reader.refuse("aggregation_not_supported", "price.type", message, aggregation=aggregation)
    if not found.is_event_by_event:
        return
    discounts = terms.get("discounts")
    if isinstance(discounts, dict) and discounts.get("usage") is not None:
        message = "Which events the free units cover would depend on their order: leave it out."
        reader.refuse("order_dependent", "discounts.usage", message)
    if units is not None and units.multiplier is None:
        message = "Each event is converted by itself, so this price allows rounding none only."
        reader.refuse("order_dependent", "unit_config.rounding", message, value=units.rounding)


def _check_places(
    reader: Reader, terms: Object, rated: Rated, found: Found, scale: int, kept: int
) -> None:
    """Refuse numbers whose product with any quantity is finer than the ledger keeps."""
    quantity = scale
    if (units := rated.conversion) is not None:
        exactly = scale + places_of(units.multiplier or ONE)
        quantity = exactly if units.multiplier is not None else units.precision
    quantity = max(quantity, places([*found.boundaries, rated.free_units]))
    discount = 0 if rated.kept is None else places_of(rated.kept)
    needed = [(field, number, quantity) for field, number in found.per_unit]
    needed += [(field, number, 0) for field, number in found.at_once]
    for field, number, more in needed:
        own = places_of(number)
        if number and own + more + discount > kept:
            _refuse_places(reader, field, own, more, discount, kept)
    for name in ("minimum", "maximum"):
        amount = getattr(rated, name)
        if amount is not None and places_of(amount) > kept:
            _refuse_places(reader, f"commitments.{name}_amount", places_of(amount), 0, 0, kept)


def _refuse_places(
    reader: Reader, field: str, own: int, quantity: int, discount: int, kept: int
) -> None:
    message = (
        f"{own} places of the price, {quantity} of the quantity and {discount} of the discount"
        f" are more than the {kept} that are kept: use fewer, or a unit conversion that rounds."
    )
    reader.refuse("too_many_places", field, message, places=own + quantity + discount, kept=kept)


def _with_cost(rated: Rated, kept: int) -> Rated:
    """Have a multiple of cost leave room for the discount, and convert the cost itself."""
    model = rated.event_price
    if not isinstance(model, CostMultiple):
        return rated
    units = rated.conversion.multiplier if rated.conversion is not None else None
    multiplier = model.multiplier if units is None else multiply(units, model.multiplier)
    room = kept - (0 if rated.kept is None else places_of(rated.kept))
    return replace(rated, event_price=CostMultiple(multiplier=multiplier, places=room))
