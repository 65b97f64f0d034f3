"""What accounts of revenue and cost are named after (pure)."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 200


def product_of(meter_key: str, match: Mapping[str, str]) -> str:
    """Name what a rate sells: the meter, and the dimension values that the rate is for."""
    return "/".join([meter_key, *(match[name] for name in sorted(match))])[:_LONGEST]


def supply_of(provider: str, product: str) -> str:
    """Name what a provider is owed for."""
    return (f"{provider}/{product}" if provider else product)[:_LONGEST]
