"""What a rate card costs, said in a line or two (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ledger.admin.display import figures

Document = Mapping[str, Any]
_MOST_TIERS: Final = 4
_MOST_RATES: Final = 3


def price(card: Document) -> str:
    """
    Say what a rate card's price is.

    >>> price({"price": {"type": "package", "amount": "5", "quantity_per_package": "1000"}})
    '5 for every 1,000'
    >>> price({"price": {"type": "graduated", "tiers": [
    ...     {"up_to_amount": "10", "unit_price": {"type": "unit", "amount": "1.50"}},
    ...     {"flat_price": {"type": "flat", "amount": "3"}}]}})
    'graduated: 1.5 each up to 10; then 3'
    """
    held = card.get("price") or {}
    said = _PRICES.get(str(held.get("type")), _unknown)(held)
    unit = (card.get("unit_config") or {}).get("display_unit")
    return f"{said} ({unit})" if unit else said


def around(card: Document) -> Iterator[str]:
    """Say what is around the price: conversion, discounts, commitments."""
    units = card.get("unit_config") or {}
    if units.get("operation"):
        rounding = units.get("rounding", "none").replace("_", " ")
        rounded = "" if rounding == "none" else f", rounded {rounding}"
        by = "divided" if units["operation"] == "divide" else "multiplied"
        yield f"units {by} by {_number(units.get('conversion_factor'))}{rounded}"
    discounts = card.get("discounts") or {}
    if discounts.get("usage"):
        yield f"first {_number(discounts['usage'])} free"
    if discounts.get("percentage"):
        yield f"{_number(discounts['percentage'])} % off"
    commitments = card.get("commitments") or {}
    if commitments.get("minimum_amount"):
        yield f"at least {_number(commitments['minimum_amount'])}"
    if commitments.get("maximum_amount"):
        yield f"at most {_number(commitments['maximum_amount'])}"


def entitlement(card: Document) -> str:
    """Say what the buyer may use."""
    held = card.get("entitlement") or {}
    match held.get("type"):
        case "boolean":
            return "may use it"
        case "metered":
            limit = f"{_number(held['limit'])} units" if held.get("limit") else "metered"
            soft = ", soft" if held.get("is_soft_limit") else ""
            return f"{limit}{soft}{', overage kept' if held.get('preserves_overage') else ''}"
        case "static":
            return "settings"
    return ""


def _tiers(held: Document) -> str:
    tiers = list(held.get("tiers") or ())
    said = "; ".join(_tier(tier) for tier in tiers[:_MOST_TIERS])
    more = f"; and {len(tiers) - _MOST_TIERS} more" if len(tiers) > _MOST_TIERS else ""
    return f"{str(held['type']).replace('_', ' ')}: {said or 'no tiers yet'}{more}"


def _tier(tier: Document) -> str:
    parts = []
    if tier.get("rate"):
        parts.append(f"{_number(tier['rate'])} %")
    if amount := (tier.get("unit_price") or {}).get("amount"):
        parts.append(f"{_number(amount)} each")
    if amount := (tier.get("flat_price") or {}).get("amount"):
        parts.append(_number(amount))
    said = " + ".join(parts) or "free"
    return (
        f"{said} up to {_number(tier['up_to_amount'])}"
        if tier.get("up_to_amount")
        else (f"then {said}")
    )


def _percentage(held: Document) -> str:
    fee = f" + {_number(held['fixed_fee'])} per event" if held.get("fixed_fee") else ""
    return f"{_number(held.get('rate'))} % of the amount{fee}"


def _rate_table(held: Document) -> str:
    rates = list(held.get("rates") or ())
    said = "; ".join(
        f"{' '.join(map(str, (rate.get('match') or {}).values()))} {_number(rate.get('amount'))}"
        for rate in rates[:_MOST_RATES]
    )
    more = f"; and {len(rates) - _MOST_RATES} more" if len(rates) > _MOST_RATES else ""
    return f"by {', '.join(map(str, held.get('dimensions') or ()))}: {said}{more}"


def _unknown(held: Document) -> str:
    return str(held.get("type") or "no price yet")


def _number(value: object) -> str:
    try:
        return figures(Decimal(str(value)))
    except InvalidOperation:
        return "?" if value is None else str(value)


_PRICES: Final = {
    "free": lambda _held: "free",
    "flat": lambda held: f"{_number(held.get('amount'))} flat",
    "unit": lambda held: f"{_number(held.get('amount'))} per unit",
    "package": lambda held: (
        f"{_number(held.get('amount'))} for every {_number(held.get('quantity_per_package'))}"
    ),
    "dynamic": lambda held: f"{_number(held.get('multiplier'))} × {held.get('basis', 'amount')}",
    "percentage": _percentage,
    "graduated": _tiers,
    "volume": _tiers,
    "graduated_percentage": _tiers,
    "rate_table": _rate_table,
}
