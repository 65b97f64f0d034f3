"""Reading each price model: its fields, its rules, and what must be exact in it (pure)."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from billing.rating.events import (
    CostMultiple,
    EventPrice,
    FeePerEvent,
    RateTable,
    Row,
    SharePerEvent,
)
from billing.rating.flat import Flat, Free
from billing.rating.package import Package
from billing.rating.price import Itemised
from billing.rating.reading import Object, Reader
from billing.rating.tiers import Graduated, Tier, Volume
from billing.rating.unit import Unit
from ledger.money import ZERO

MOST_FREE_EVENTS: Final = 100
_MOST_TIERS: Final = 1000
_MOST_ROWS: Final = 10_000
_MOST_DIMENSIONS: Final = 20
_LONGEST: Final = 1000  # characters of a dimension's value

Numbers = list[tuple[str, Decimal]]  # with the field each was read from


@dataclass(slots=True, kw_only=True)
class Found:
    """A price as read; without a model if it cannot be made."""

    price: Itemised | None = None
    event_price: EventPrice | None = None
    per_unit: Numbers  # multiplied with quantities
    at_once: Numbers  # amounts
    boundaries: Iterable[Decimal] = ()  # quantities that are subtracted from others
    free_units: Decimal = ZERO
    free_events: int = 0
    is_event_by_event: bool = False  # the total quantity plays no part


def read(reader: Reader, held: Object, dimensions: Collection[str] | None) -> Found | None:
    """
    Read the price in ``held``; None if there is none, or of an unknown type.

    >>> reader = Reader()
    >>> found = read(reader, {"price": {"type": "flat", "amount": "10"}}, None)
    >>> found.at_once, reader.problems
    ([('price.amount', Decimal('10'))], [])
    """
    if held.get("price") is None:
        reader.refuse("required", "price", "This field is required.")
        return None
    price = held["price"]
    if not isinstance(price, Mapping):
        reader.fields(price, "price", frozenset())
        return None
    kind = reader.choice(price, "type", "price", list(_MODELS))
    if kind is None:
        return None
    known, model = _MODELS[kind]
    reader.fields(price, "price", known)
    return model(reader, price, dimensions)


Known = Collection[str] | None


def _free(_reader: Reader, _price: Object, _known: Known) -> Found:
    return Found(price=Free(), per_unit=[], at_once=[])


def _flat(reader: Reader, price: Object, _known: Known) -> Found:
    amount = reader.number(price, "amount", "price")
    at_once = [("price.amount", amount or ZERO)]
    return Found(price=Flat(price=amount or ZERO), per_unit=[], at_once=at_once)


def _unit(reader: Reader, price: Object, _known: Known) -> Found:
    amount = reader.number(price, "amount", "price") or ZERO
    return Found(price=Unit(unit_price=amount), per_unit=[("price.amount", amount)], at_once=[])


def _package(reader: Reader, price: Object, _known: Known) -> Found:
    amount = reader.number(price, "amount", "price") or ZERO
    size = reader.positive(price, "quantity_per_package", "price")
    model = Package(price=amount, size=size) if size else None
    return Found(price=model, per_unit=[], at_once=[("price.amount", amount)])


def _graduated(reader: Reader, price: Object, _known: Known) -> Found:
    tiers, found = _tiers(reader, price, _UNIT_TIER, _unit_tier)
    found.boundaries = [tier.up_to for tier in tiers if tier.up_to is not None]
    found.price = Graduated(tiers=tiers) if tiers else None
    return found


def _volume(reader: Reader, price: Object, _known: Known) -> Found:
    tiers, found = _tiers(reader, price, _UNIT_TIER, _unit_tier)
    found.price = Volume(tiers=tiers) if tiers else None
    return found


def _graduated_percentage(reader: Reader, price: Object, _known: Known) -> Found:
    tiers, found = _tiers(reader, price, _RATE_TIER, _rate_tier)
    found.boundaries = [tier.up_to for tier in tiers if tier.up_to is not None]
    found.price = Graduated(tiers=tiers) if tiers else None
    return found


def _dynamic(reader: Reader, price: Object, _known: Known) -> Found:
    multiplier = reader.number(price, "multiplier", "price") or ZERO
    basis = reader.choice(price, "basis", "price", ["amount", "cost"])
    if basis == "cost":
        model = CostMultiple(multiplier=multiplier)
        return Found(event_price=model, per_unit=[], at_once=[], is_event_by_event=True)
    per_unit = [("price.multiplier", multiplier)]
    return Found(price=Unit(unit_price=multiplier), per_unit=per_unit, at_once=[])


def _percentage(reader: Reader, price: Object, _known: Known) -> Found:
    rate = reader.percentage(price, "rate", "price", is_required=True) or ZERO
    names = ("fixed_fee", "minimum_per_event", "maximum_per_event")
    fee, least, most = (reader.optional(price, name, "price") for name in names)
    free_amount = reader.optional(price, "free_amount", "price") or ZERO
    free_events = reader.integer(price, "free_events", "price", MOST_FREE_EVENTS)
    if least is not None and most is not None and least > most:
        message = "The minimum must not exceed the maximum."
        reader.refuse("minimum_above_maximum", "price.minimum_per_event", message, value=least)
    is_event_by_event = free_events > 0 or least is not None or most is not None
    if free_amount and is_event_by_event:
        message = (
            "Which events the free amount covers would depend on their order: take free_events,"
            " or no minimum and maximum per event."
        )
        reader.refuse("order_dependent", "price.free_amount", message)
    bounds = zip(names, (fee, least, most), strict=True)
    found = Found(
        per_unit=[("price.rate", rate)],
        at_once=[(f"price.{name}", amount) for name, amount in bounds if amount is not None],
        boundaries=[free_amount],
        free_units=free_amount,
        free_events=free_events,
        is_event_by_event=is_event_by_event,
    )
    if is_event_by_event:
        found.event_price = SharePerEvent(rate=rate, fee=fee or ZERO, least=least, most=most)
    elif fee:
        found.event_price = FeePerEvent(rate=rate, fee=fee)
    else:
        found.price = Unit(unit_price=rate)
    return found


def _rate_table(reader: Reader, price: Object, known: Known) -> Found:
    dimensions = _dimensions(reader, price, known)
    default = reader.optional(price, "default", "price")
    per_unit = [] if default is None else [("price.default", default)]
    rows: list[Row] = []
    seen: set[frozenset[tuple[str, str]]] = set()
    for place, rate in enumerate(reader.items(price, "rates", "price", _MOST_ROWS) or ()):
        field = f"price.rates[{place}]"
        if reader.fields(rate, field, _RATE) is None:
            continue
        row = Row(
            match=_match(reader, rate, field, dimensions),
            unit_price=reader.number(rate, "amount", field) or ZERO,
        )
        if (named := frozenset(row.match.items())) in seen:
            reader.refuse("repeated", f"{field}.match", "A rate before it has the same values.")
        seen.add(named)
        rows.append(row)
        per_unit.append((f"{field}.amount", row.unit_price))
    model = RateTable(dimensions=dimensions, rows=rows, default=default or ZERO)
    return Found(event_price=model, per_unit=per_unit, at_once=[], is_event_by_event=True)


def _dimensions(reader: Reader, price: Object, known: Known) -> list[str]:
    """Return the dimensions a table looks at; only those the meter has may be named."""
    names: list[str] = []
    for place, name in enumerate(
        reader.items(price, "dimensions", "price", _MOST_DIMENSIONS) or ()
    ):
        field = f"price.dimensions[{place}]"
        if not isinstance(name, str) or not name or len(name) > _LONGEST:
            reader.refuse("not_a_text", field, "Send a dimension's name.", value=name)
        elif name in names:
            reader.refuse("repeated", field, "It is named before.", value=name)
        else:
            names.append(name)
            if known is not None and name not in known:
                shown = ", ".join(sorted(known)) or "none"
                message = f"The meter has no such dimension; it has {shown}."
                reader.refuse("unknown_dimension", field, message, value=name)
    return names


def _match(reader: Reader, rate: Object, field: str, dimensions: list[str]) -> dict[str, str]:
    match, path = rate.get("match"), f"{field}.match"
    if match is None:
        reader.refuse("required", path, "This field is required.")
        return {}
    if not isinstance(match, dict) or not match:
        reader.refuse("not_an_object", path, "Send dimensions and their values.", value=match)
        return {}
    for name, value in match.items():
        if dimensions and name not in dimensions:
            message = "Name a dimension of price.dimensions."
            reader.refuse("unknown_dimension", f"{path}.{name}", message, value=name)
        if not isinstance(value, str) or len(value) > _LONGEST:
            reader.refuse("not_a_text", f"{path}.{name}", "Send a value as text.", value=value)
    return {str(name): str(value) for name, value in match.items()}


def _tiers(
    reader: Reader,
    price: Object,
    known: frozenset[str],
    read_price: Callable[[Reader, Object, str], tuple[str, Decimal | None]],
) -> tuple[list[Tier], Found]:
    """Read tiers; none are returned unless they ascend to an open last one."""
    listed = reader.items(price, "tiers", "price", _MOST_TIERS) or ()
    found = Found(per_unit=[], at_once=[])
    tiers: list[Tier] = []
    before = len(reader.problems)
    below = ZERO
    for place, held in enumerate(listed):
        field = f"price.tiers[{place}]"
        if reader.fields(held, field, known) is None:
            continue
        up_to = _up_to(reader, held, field, is_last=place == len(listed) - 1, below=below)
        name, unit_price = read_price(reader, held, field)
        flat_price = _inner(reader, held, "flat_price", field, "flat")
        if held.get("flat_price") is None and held.get(name.partition(".")[0]) is None:
            message = f"Send {name.partition('.')[0]}, flat_price or both."
            reader.refuse("tier_without_price", field, message)
        found.per_unit.append((f"{field}.{name}", unit_price or ZERO))
        found.at_once.append((f"{field}.flat_price.amount", flat_price or ZERO))
        below = up_to or below
        tiers.append(
            Tier(up_to=up_to, unit_price=unit_price or ZERO, flat_price=flat_price or ZERO)
        )
    return (tiers if len(reader.problems) == before else []), found


def _up_to(
    reader: Reader, held: Object, field: str, *, is_last: bool, below: Decimal
) -> Decimal | None:
    """Read where a tier ends: above the tier before it, and nowhere if it is the last."""
    path, value = f"{field}.up_to_amount", held.get("up_to_amount")
    if value is None:
        if not is_last:
            message = "Only the last tier is open: send where this one ends."
            reader.refuse("open_before_last", path, message)
        return None
    up_to = reader.optional(held, "up_to_amount", field)
    if is_last:
        message = "The last tier must be open: leave up_to_amount out, or add a tier after it."
        reader.refuse("last_not_open", path, message, value=value)
    if up_to is None:
        return None
    if up_to == below and up_to:
        message = "The tier before it ends there as well: tiers must not overlap."
        reader.refuse("tiers_overlap", path, message, value=value)
    elif up_to <= below:
        message = "Tiers must ascend from zero, each ending above the one before it."
        reader.refuse("tiers_not_ascending", path, message, value=value, previous=below)
    return up_to


def _unit_tier(reader: Reader, tier: Object, field: str) -> tuple[str, Decimal | None]:
    return "unit_price.amount", _inner(reader, tier, "unit_price", field, "unit")


def _rate_tier(reader: Reader, tier: Object, field: str) -> tuple[str, Decimal | None]:
    return "rate", reader.percentage(tier, "rate", field)


def _inner(reader: Reader, tier: Object, name: str, field: str, kind: str) -> Decimal | None:
    """Read a price within a tier: its type says again what the field's name does."""
    held = tier.get(name)
    if held is None or reader.fields(held, f"{field}.{name}", _INNER) is None:
        return None
    reader.choice(held, "type", f"{field}.{name}", [kind])
    return reader.number(held, "amount", f"{field}.{name}")


_INNER: Final = frozenset({"type", "amount"})
_RATE: Final = frozenset({"match", "amount"})
_UNIT_TIER: Final = frozenset({"up_to_amount", "unit_price", "flat_price"})
_RATE_TIER: Final = frozenset({"up_to_amount", "rate", "flat_price"})
_PERCENTAGE: Final = (
    "rate",
    "fixed_fee",
    "free_events",
    "free_amount",
    "minimum_per_event",
    "maximum_per_event",
)
_Model = Callable[[Reader, Object, Known], Found]
_MODELS: Final[dict[str, tuple[frozenset[str], _Model]]] = {
    "free": (frozenset({"type"}), _free),
    "flat": (frozenset({"type", "amount"}), _flat),
    "unit": (frozenset({"type", "amount"}), _unit),
    "graduated": (frozenset({"type", "tiers"}), _graduated),
    "volume": (frozenset({"type", "tiers"}), _volume),
    "package": (frozenset({"type", "amount", "quantity_per_package"}), _package),
    "dynamic": (frozenset({"type", "multiplier", "basis"}), _dynamic),
    "percentage": (frozenset({"type", *_PERCENTAGE}), _percentage),
    "graduated_percentage": (frozenset({"type", "tiers"}), _graduated_percentage),
    "rate_table": (frozenset({"type", "dimensions", "rates", "default"}), _rate_table),
}
