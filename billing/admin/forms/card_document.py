"""
A rate card as a form's values, and back: nobody has to write JSON (pure).

A form's value is a text, or rows of texts. What cannot be read as what it should be is left as
it was written: the rules of prices say what is wrong with it, at its own field.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

MODELS: Final[Mapping[str, tuple[str, ...]]] = {
    "free": (),
    "flat": ("amount",),
    "unit": ("amount",),
    "graduated": ("tiers",),
    "volume": ("tiers",),
    "package": ("amount", "quantity_per_package"),
    "dynamic": ("multiplier", "basis"),
    "percentage": (
        "rate",
        "fixed_fee",
        "free_events",
        "free_amount",
        "minimum_per_event",
        "maximum_per_event",
    ),
    "graduated_percentage": ("tiers",),
    "rate_table": ("dimensions", "rates", "default"),
}
TERMS: Final = ("price", "unit_config", "discounts", "commitments")
_PLAIN: Final = ("key", "name", "description", "billing_cadence", "payment_term")
_DISCOUNTS: Final = {"percentage": "discount_percentage", "usage": "free_usage"}
_COMMITMENTS: Final = ("minimum_amount", "maximum_amount")
_CONVERSION: Final = ("operation", "conversion_factor", "rounding", "precision", "display_unit")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")

Row = dict[str, str]
Document = Mapping[str, Any]


def column_of(place: int) -> str:
    """Name the column that holds the values of a rate table's dimension."""
    return f"value{place}"


def document(values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the rate card that a form describes; fields of other price models are left out.

    >>> document({"key": "calls", "name": "Calls", "price_type": "unit", "amount": "0.25",
    ...           "multiplier": "3"})
    {'key': 'calls', 'name': 'Calls', 'price': {'type': 'unit', 'amount': '0.25'}}
    """
    card = {name: values[name] for name in _PLAIN if values.get(name)}
    if values.get("feature"):
        card["feature"] = {"key": values["feature"]}
    card["price"] = _price(values)
    parts = {
        "unit_config": _unit_config(values),
        "discounts": _present(values, _DISCOUNTS),
        "commitments": _present(values, dict(zip(_COMMITMENTS, _COMMITMENTS, strict=True))),
        "entitlement": _entitlement(values),
        "tax_config": _tax_config(values),
    }
    return card | {name: part for name, part in parts.items() if part}


def values(card: Document) -> dict[str, Any]:
    """
    Return what a form shows for a rate card: the reverse of ``document``.

    >>> values({"price": {"type": "graduated", "tiers": [
    ...     {"up_to_amount": "10", "flat_price": {"type": "flat", "amount": "5"}}]}})["tiers"]
    [{'up_to_amount': '10', 'unit_price': '', 'rate': '', 'flat_price': '5'}]
    """
    shown: dict[str, Any] = {name: _written(card.get(name)) for name in _PLAIN}
    shown["feature"] = (card.get("feature") or {}).get("key", "")
    price = card.get("price") or {}
    shown |= {name: _written(value) for name, value in price.items() if not _is_nested(value)}
    shown["price_type"] = shown.pop("type", "")
    shown["tiers"] = [_tier_row(tier) for tier in price.get("tiers") or ()]
    dimensions = list(price.get("dimensions") or ())
    shown["dimensions"] = ", ".join(map(_written, dimensions))
    shown["rates"] = [_rate_row(rate, dimensions) for rate in price.get("rates") or ()]
    shown |= {name: _written(value) for name, value in (card.get("unit_config") or {}).items()}
    discounts = card.get("discounts") or {}
    shown |= {name: _written(discounts.get(own)) for own, name in _DISCOUNTS.items()}
    commitments = card.get("commitments") or {}
    shown |= {name: _written(commitments.get(name)) for name in _COMMITMENTS}
    return shown | _entitlement_values(card.get("entitlement") or {}) | _tax_values(card)


def dimensions_of(values: Mapping[str, Any]) -> list[str]:
    """Return the dimensions that a rate table's form names."""
    names = str(values.get("dimensions") or "").split(",")
    return [name.strip() for name in names if name.strip()]


def _price(values: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(values.get("price_type") or "")
    price: dict[str, Any] = {"type": kind}
    for name in MODELS.get(kind, ()):
        if name == "tiers":
            price[name] = [_tier(row, kind) for row in values.get("tiers") or ()]
        elif name == "dimensions":
            price[name] = dimensions_of(values)
        elif name == "rates":
            named = dimensions_of(values)
            price[name] = [_rate(row, named) for row in values.get("rates") or ()]
        elif values.get(name):
            price[name] = whole(values[name]) if name == "free_events" else values[name]
    return price


def _tier(row: Row, kind: str) -> dict[str, Any]:
    tier: dict[str, Any] = {}
    if row.get("up_to_amount"):
        tier["up_to_amount"] = row["up_to_amount"]
    if kind == "graduated_percentage":
        if row.get("rate"):
            tier["rate"] = row["rate"]
    elif row.get("unit_price"):
        tier["unit_price"] = {"type": "unit", "amount": row["unit_price"]}
    if row.get("flat_price"):
        tier["flat_price"] = {"type": "flat", "amount": row["flat_price"]}
    return tier


def _tier_row(tier: Document) -> Row:
    return {
        "up_to_amount": _written(tier.get("up_to_amount")),
        "unit_price": _written((tier.get("unit_price") or {}).get("amount")),
        "rate": _written(tier.get("rate")),
        "flat_price": _written((tier.get("flat_price") or {}).get("amount")),
    }


def _rate(row: Row, dimensions: Sequence[str]) -> dict[str, Any]:
    named = ((name, row.get(column_of(place))) for place, name in enumerate(dimensions))
    rate: dict[str, Any] = {"match": {name: value for name, value in named if value}}
    return rate | ({"amount": row["amount"]} if row.get("amount") else {})


def _rate_row(rate: Document, dimensions: Sequence[str]) -> Row:
    match = rate.get("match") or {}
    row = {column_of(i): _written(match.get(name)) for i, name in enumerate(dimensions)}
    return row | {"amount": _written(rate.get("amount"))}


def _unit_config(values: Mapping[str, Any]) -> dict[str, Any]:
    if not values.get("operation"):
        return {}
    names = _CONVERSION[2:] if values.get("rounding") not in (None, "", "none") else _CONVERSION[4:]
    held = {name: values[name] for name in (*_CONVERSION[:2], *names) if values.get(name)}
    if "precision" in held:
        held["precision"] = whole(held["precision"])
    return held


def _present(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {own: values[name] for own, name in names.items() if values.get(name)}


def _entitlement(values: Mapping[str, Any]) -> dict[str, Any]:
    kind = values.get("entitlement_type")
    if not kind:
        return {}
    held: dict[str, Any] = {"type": kind}
    if kind == "metered":
        held["is_soft_limit"] = bool(values.get("is_soft_limit"))
        held |= {"preserves_overage": True} if values.get("preserves_overage") else {}
        held |= {name: values[name] for name in ("limit", "usage_period") if values.get(name)}
    if kind == "static":
        held["config"] = {
            row["name"]: scalar(row.get("value") or "")
            for row in values.get("config") or ()
            if row.get("name")
        }
    return held


def _entitlement_values(held: Document) -> dict[str, Any]:
    config = held.get("config")
    entries: Iterable[tuple[str, Any]] = config.items() if isinstance(config, Mapping) else ()
    return {
        "entitlement_type": _written(held.get("type")),
        "is_soft_limit": bool(held.get("is_soft_limit")),
        "preserves_overage": bool(held.get("preserves_overage")),
        "limit": _written(held.get("limit")),
        "usage_period": _written(held.get("usage_period")),
        "config": [{"name": name, "value": shown_scalar(value)} for name, value in entries],
    }


def _tax_config(values: Mapping[str, Any]) -> dict[str, Any]:
    if not values.get("tax_code"):
        return {}
    behavior = values.get("tax_behavior")
    code = {"code": {"key": values["tax_code"]}}
    return {"behavior": behavior, **code} if behavior else code


def _tax_values(card: Document) -> dict[str, str]:
    held = card.get("tax_config") or {}
    return {
        "tax_code": _written((held.get("code") or {}).get("key")),
        "tax_behavior": _written(held.get("behavior")),
    }


def whole(text: str) -> int | str:
    """Return a whole number if a text is one, else the text."""
    return int(text) if _DIGITS.fullmatch(text) else text


def scalar(text: str) -> Any:
    """
    Read a setting: a number, true, false, a list or an object as JSON writes it, else a text.

    >>> [scalar(text) for text in ("5", "true", "gpt-5", '"5"', "[1]")]
    [5, True, 'gpt-5', '5', [1]]
    """
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def shown_scalar(value: Any) -> str:
    """Write a setting so that ``scalar`` reads the same."""
    if isinstance(value, str) and scalar(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _written(value: Any) -> str:
    return "" if value is None else str(value)
