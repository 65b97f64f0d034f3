"""
Prices in plain words: the whole list of events in, the amount out, in one go.

Written from the README, not from the code: fractions instead of decimals, no state, no
cumulative quantity, nothing in common with ``billing.rating`` but the documents.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple


class Event(NamedTuple):
    """One event as a meter reads it."""

    value: Fraction
    at: datetime
    name: str
    labels: dict[str, str | None]
    cost: Fraction


def amount(terms: dict[str, Any], events: Sequence[Event], quantity: Fraction) -> Fraction:
    """Return what the events cost, whose meter stands at ``quantity``."""
    price = gross(terms, events, quantity)
    discounts = terms.get("discounts") or {}
    price *= 1 - Fraction(str(discounts.get("percentage") or 0)) / 100
    maximum = (terms.get("commitments") or {}).get("maximum_amount")
    return price if maximum is None else min(price, Fraction(maximum))


def minimum_charge(terms: dict[str, Any], amount: Fraction) -> Fraction:
    """Return what is missing to the minimum."""
    minimum = (terms.get("commitments") or {}).get("minimum_amount")
    return max(Fraction(0), Fraction(minimum or 0) - amount)


def gross(terms: dict[str, Any], events: Sequence[Event], quantity: Fraction) -> Fraction:
    price = terms["price"]
    units = max(Fraction(0), converted(terms, max(Fraction(0), quantity)) - free_units(terms))
    if price["type"] == "percentage":
        return percentage(terms, events, units)
    if price["type"] == "rate_table" or price.get("basis") == "cost":
        each = cost_multiple if price.get("basis") == "cost" else table_price
        return max(Fraction(0), sum((each(terms, event) for event in events), Fraction(0)))
    return OF_UNITS[price["type"]](price, units)


def package(price: dict[str, Any], units: Fraction) -> Fraction:
    return ceil(units / Fraction(price["quantity_per_package"])) * Fraction(price["amount"])


OF_UNITS = {
    "free": lambda _price, _units: Fraction(0),
    "flat": lambda price, _units: Fraction(price["amount"]),
    "unit": lambda price, units: units * Fraction(price["amount"]),
    "dynamic": lambda price, units: units * Fraction(price["multiplier"]),
    "package": package,
    "volume": lambda price, units: volume(price["tiers"], units),
    "graduated": lambda price, units: graduated(price["tiers"], units),
    "graduated_percentage": lambda price, units: graduated(price["tiers"], units),
}


def free_units(terms: dict[str, Any]) -> Fraction:
    return Fraction((terms.get("discounts") or {}).get("usage") or 0)


def converted(terms: dict[str, Any], quantity: Fraction) -> Fraction:
    config = terms.get("unit_config")
    if not config:
        return quantity
    factor = Fraction(config["conversion_factor"])
    units = quantity * factor if config["operation"] == "multiply" else quantity / factor
    step = Fraction(1, 10 ** config.get("precision", 0))
    match config.get("rounding", "none"):
        case "ceiling":
            return ceil(units / step) * step
        case "floor":
            return floor(units / step) * step
        case "half_up":
            return floor(units / step + Fraction(1, 2)) * step
    return units


def graduated(tiers: Sequence[dict[str, Any]], units: Fraction) -> Fraction:
    """Each unit where it falls; a flat price where a tier is entered, the first in any case."""
    total, start = Fraction(0), Fraction(0)
    for place, tier in enumerate(tiers):
        end = tier.get("up_to_amount")
        if place == 0 or units > start:
            total += flat(tier)
        inside = max(Fraction(0), (units if end is None else min(units, Fraction(end))) - start)
        total += inside * unit_price(tier)
        start = start if end is None else Fraction(end)
    return total


def volume(tiers: Sequence[dict[str, Any]], units: Fraction) -> Fraction:
    """All units at the price of the first tier that does not end before them."""
    for tier in tiers:
        end = tier.get("up_to_amount")
        if end is None or units <= Fraction(end):
            return units * unit_price(tier) + flat(tier)
    raise AssertionError(tiers)


def unit_price(tier: dict[str, Any]) -> Fraction:
    if "rate" in tier:
        return Fraction(str(tier["rate"])) / 100
    return Fraction((tier.get("unit_price") or {"amount": 0})["amount"])


def flat(tier: dict[str, Any]) -> Fraction:
    return Fraction((tier.get("flat_price") or {"amount": 0})["amount"])


def percentage(terms: dict[str, Any], events: Sequence[Event], units: Fraction) -> Fraction:
    price = terms["price"]
    rate, fee = Fraction(str(price["rate"])) / 100, Fraction(price.get("fixed_fee") or 0)
    least, most = price.get("minimum_per_event"), price.get("maximum_per_event")
    free = price.get("free_events") or 0
    if not free and least is None and most is None:
        taxed = max(Fraction(0), units - Fraction(price.get("free_amount") or 0))
        return taxed * rate + fee * sum(event.value >= 0 for event in events)
    total = Fraction(0)
    for event in sorted(events, key=lambda event: (event.at, event.name))[free:]:
        share = converted(terms, event.value) * rate
        if event.value < 0:
            total += share if most is None else max(share, -Fraction(most))
            continue
        charged = share + fee
        charged = charged if least is None else max(charged, Fraction(least))
        total += charged if most is None else min(charged, Fraction(most))
    return max(Fraction(0), total)


def cost_multiple(terms: dict[str, Any], event: Event) -> Fraction:
    """The cost of one event, times the multiplier, half-even where the ledger's places end."""
    percentage = Decimal(str((terms.get("discounts") or {}).get("percentage") or 0))
    places = 12 - len(f"{1 - percentage / 100:f}".rstrip("0").partition(".")[2])
    price = converted(terms, event.cost) * Fraction(terms["price"]["multiplier"])
    return Fraction(round(price * 10**places), 10**places)  # a Fraction is rounded half-even


def table_price(terms: dict[str, Any], event: Event) -> Fraction:
    """The units of one event at the price of the row that names most of its values."""
    fitting = [
        rate
        for rate in terms["price"]["rates"]
        if all(event.labels.get(name) == value for name, value in rate["match"].items())
    ]
    default = {"amount": terms["price"].get("default") or 0}
    found = max(fitting, key=lambda rate: len(rate["match"]), default=default)
    return converted(terms, event.value) * Fraction(found["amount"])
