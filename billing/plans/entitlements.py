"""
Entitlement templates: what a rate card lets its buyer use (pure).

boolean: the feature is there. static: with a configuration of the caller's own. metered: up to a
limit of units in each usage period, or without end; what is used beyond a limit is forgiven at the
period's end, or taken off the next period.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from billing import cycles
from billing.plans.facts import FeatureFacts, Rules
from billing.rating.price import places_of
from billing.rating.reading import Object, Reader
from ledger import durations
from ledger.durations import Duration
from ledger.errors import InvalidInputError

_CLAIMS: Final = ("is_soft_limit", "preserves_overage")
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "boolean": frozenset({"type"}),
    "static": frozenset({"type", "config"}),
    "metered": frozenset({"type", "limit", *_CLAIMS, "usage_period"}),
}


def check_entitlement(
    rules: Rules, card: Object, feature: FeatureFacts | None, plan: Duration | None
) -> None:
    """Note every rule that a rate card's entitlement template breaks."""
    template = card["entitlement"]
    if template is None:
        return
    if card["feature"] is None:
        message = "An entitlement is to a feature: name the feature."
        rules.refuse("feature_required", "entitlement", message)
    reader = Reader()
    _check(reader, template, feature, plan)
    rules.add(reader.problems)


def _check(
    reader: Reader, template: Any, feature: FeatureFacts | None, plan: Duration | None
) -> None:
    if not isinstance(template, Mapping):
        reader.fields(template, "entitlement", frozenset())
        return
    kind = reader.choice(template, "type", "entitlement", list(_FIELDS))
    if kind is None:
        return
    reader.fields(template, "entitlement", _FIELDS[kind])
    if kind == "static" and template.get("config") is None:
        message = "Send the configuration to be given to who asks, or choose boolean."
        reader.refuse("required", "entitlement.config", message)
    if kind == "metered":
        _check_metered(reader, template, feature, plan)


def _check_metered(
    reader: Reader, template: Object, feature: FeatureFacts | None, plan: Duration | None
) -> None:
    if feature is not None and feature.meter is None:
        message = "A metered entitlement needs a feature that has a meter."
        reader.refuse("meter_required", "entitlement.type", message, value="metered")
    limit = reader.optional(template, "limit", "entitlement")
    if limit is not None and feature is not None and feature.meter is not None:
        scale = feature.meter.scale
        if places_of(limit) > scale:
            message = f"The meter's unit has {scale} places: use no more."
            value = template["limit"]
            reader.refuse("too_many_places", "entitlement.limit", message, value=value)
    for name in _CLAIMS:
        claim = template.get(name)
        if claim is not None and not isinstance(claim, bool):
            reader.refuse("not_a_boolean", f"entitlement.{name}", "Send true or false.")
    _check_period(reader, template.get("usage_period"), plan)


def _check_period(reader: Reader, written: object, plan: Duration | None) -> None:
    if written is None:
        return
    path = "entitlement.usage_period"
    if not isinstance(written, str):
        reader.refuse("not_a_duration", path, "Send an ISO 8601 duration, like P1M.")
        return
    try:
        period = durations.parse(path, written)
        cycles.check_cadence(path, period, plan or period)
    except InvalidInputError as error:
        message = f"{error.remedy[:1].upper()}{error.remedy[1:]}."
        reader.refuse("not_a_duration", path, message, value=written)
