"""
Whether a plan or an add-on may be published: every rule that a document breaks (pure).

``Facts`` is what a document refers to; problems name the field by its path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from billing import cycles
from billing.plans.documents import TERMS
from billing.plans.entitlements import check_entitlement
from billing.plans.facts import Facts, FeatureFacts, Rules
from billing.rating import terms
from billing.rating.problems import Problem
from billing.rating.reading import Object
from ledger import durations
from ledger.durations import Duration
from ledger.errors import InvalidInputError

_FLAT: Final = "flat"
_WITHOUT_USAGE: Final = frozenset({"free", _FLAT})
_KINDS: Final = frozenset({"currency", "credit"})


def plan_problems(document: Mapping[str, Any], facts: Facts) -> list[Problem]:
    """Return every rule that a plan in its full form breaks."""
    rules = Rules()
    _check_currency(rules, document, facts)
    cadence = _duration(rules, document["billing_cadence"], "billing_cadence")
    if cadence is not None:
        _check_against(rules, cadence, cadence, "billing_cadence")
    phases = document["phases"]
    if not phases:
        rules.refuse("phase_required", "phases", "Give the plan at least one phase.")
    for place, phase in enumerate(phases):
        path = f"phases[{place}]"
        _check_duration(rules, phase, cadence, path, is_last=place == len(phases) - 1)
        _check_cards(rules, phase["rate_cards"], cadence, facts, path)
    _check_same_features(rules, phases)
    return rules.problems


def addon_problems(document: Mapping[str, Any], facts: Facts) -> list[Problem]:
    """Return every rule that an add-on in its full form breaks."""
    rules = Rules()
    _check_currency(rules, document, facts)
    if not document["rate_cards"]:
        message = "Give the add-on at least one rate card."
        rules.refuse("rate_card_required", "rate_cards", message)
    _check_cards(rules, document["rate_cards"], None, facts, "")
    return rules.problems


def attachment_problems(
    addon: Mapping[str, Any], plan: Mapping[str, Any], *, from_phase: str, path: str
) -> list[Problem]:
    """Return why an add-on cannot be bought with a plan, from one of its phases on."""
    rules = Rules()
    if from_phase not in (known := [phase["key"] for phase in plan["phases"]]):
        message = f"Name one of the plan's phases: {', '.join(known) or 'it has none'}."
        rules.refuse("unknown_phase", f"{path}from_plan_phase", message, value=from_phase)
    if addon["currency"] != plan["currency"]:
        message = f"The plan is priced in {plan['currency']}: name an add-on in the same."
        rules.refuse("currency_differs", f"{path}addon", message, value=addon["currency"])
    cadence = _duration(Rules(), plan["billing_cadence"], "")
    for card in addon["rate_cards"]:
        own = _duration(Rules(), card["billing_cadence"], "") if card["billing_cadence"] else None
        if own is not None and cadence is not None and not cycles.fits(own, cadence):
            message = (
                f"The add-on's {card['key']} is billed every {own}, which does not fit the"
                f" plan's {cadence}."
            )
            rules.refuse("cadence_not_compatible", f"{path}addon", message, value=str(own))
    return rules.problems


def _check_currency(rules: Rules, document: Object, facts: Facts) -> None:
    if facts.currency_kind not in _KINDS:
        message = "Prices are in a currency or a credit, not in a unit."
        rules.refuse("not_a_currency", "currency", message, value=document["currency"])


def _check_duration(
    rules: Rules, phase: Object, cadence: Duration | None, path: str, *, is_last: bool
) -> None:
    path = f"{path}.duration"
    if not phase["duration"]:
        if not is_last:
            message = "Say how long the phase lasts: only the last may go on without end."
            rules.refuse("duration_required", path, message)
        return
    duration = _duration(rules, phase["duration"], path)
    if duration is None or cadence is None or _is_free(phase) or cadence.divides(duration):
        return
    message = (
        f"Name a multiple of the plan's billing cadence ({cadence}); any duration will do if"
        " everything in the phase is free."
    )
    rules.refuse("duration_not_a_multiple", path, message, value=phase["duration"])


def _is_free(phase: Object) -> bool:
    """Say whether a phase sells something, and all of it for nothing."""
    cards = phase["rate_cards"]
    return bool(cards) and all(_kind(card) == "free" for card in cards)


def _check_cards(
    rules: Rules, cards: Iterable[Object], cadence: Duration | None, facts: Facts, path: str
) -> None:
    owner = f"{path}.rate_cards" if path else "rate_cards"
    for place, card in enumerate(cards):
        below = rules.below(f"{owner}[{place}]")
        feature = _check_feature(below, card, facts)
        _check_cadence(below, card, cadence)
        _check_terms(below, card, feature, facts)
        _check_basis(below, card, facts)
        check_entitlement(below, card, feature, cadence)


def _check_feature(rules: Rules, card: Object, facts: Facts) -> FeatureFacts | None:
    named = card["feature"]
    if named is None:
        return None
    feature = facts.features.get(named["key"])
    if feature is None:
        message = "Name a feature of the book."
        rules.refuse("unknown_feature", "feature", message, value=named["key"])
        return None
    if feature.is_archived:
        message = "The feature is archived: name one that is not."
        rules.refuse("feature_archived", "feature", message, value=feature.key)
    if feature.meter is not None and feature.meter.is_archived:
        message = "The feature's meter is archived: nothing is counted any more."
        rules.refuse("meter_archived", "feature", message, value=feature.meter.key)
    if card["key"] != feature.key:
        message = f"A rate card of a feature has the feature's key, {feature.key}."
        rules.refuse("key_differs_from_feature", "key", message, value=card["key"])
    return feature


def _check_cadence(rules: Rules, card: Object, plan: Duration | None) -> None:
    kind = _kind(card)
    if card["payment_term"] == "in_advance" and kind != _FLAT:
        message = "Only a flat price can be paid in advance: choose in_arrears."
        rules.refuse("in_advance_not_flat", "payment_term", message, value="in_advance")
    if not card["billing_cadence"]:
        if kind not in _WITHOUT_USAGE:
            message = "Say how often it is billed, like P1M: only a flat price can be one-time."
            rules.refuse("one_time_not_flat", "billing_cadence", message)
        return
    cadence = _duration(rules, card["billing_cadence"], "billing_cadence")
    if cadence is not None:
        _check_against(rules, cadence, plan or cadence, "billing_cadence")


def _check_against(rules: Rules, cadence: Duration, plan: Duration, path: str) -> None:
    try:
        cycles.check_cadence(path, cadence, plan)
    except InvalidInputError as error:
        message = f"{error.remedy[:1].upper()}{error.remedy[1:]}."
        rules.refuse("cadence_not_compatible", path, message, value=str(cadence))


def _check_terms(rules: Rules, card: Object, feature: FeatureFacts | None, facts: Facts) -> None:
    kind = _kind(card)
    meter = feature.meter if feature is not None else None
    if kind and kind not in _WITHOUT_USAGE and meter is None and card["feature"] is None:
        message = f"A {kind} price is for usage: name a feature that has a meter."
        rules.refuse("feature_required", "feature", message)
    elif kind and kind not in _WITHOUT_USAGE and feature is not None and meter is None:
        message = f"A {kind} price is for usage, and this feature has no meter."
        rules.refuse("meter_required", "feature", message, value=feature.key)
    document = {name: card[name] for name in TERMS}
    found = terms.problems(
        document,
        scale=meter.scale if meter else 0,
        dimensions=meter.dimensions if meter else None,
        aggregation=meter.aggregation if meter else None,
        kept=facts.kept,
    )
    rules.add(found)


def _check_basis(rules: Rules, card: Object, facts: Facts) -> None:
    """Refuse a multiple of cost in another currency than the one that costs are in."""
    if facts.currency_kind != "currency" or facts.currency == facts.base_currency:
        return
    if isinstance(card["price"], Mapping) and card["price"].get("basis") == "cost":
        message = f"Costs are in {facts.base_currency}: price a multiple of them in the same."
        rules.refuse("other_currency", "price.basis", message, value=facts.currency)


def _check_same_features(rules: Rules, phases: Iterable[Object]) -> None:
    """Refuse a rate card that sells another feature than in an earlier phase."""
    sold: dict[str, tuple[str, str | None]] = {}
    for number, phase in enumerate(phases):
        for place, card in enumerate(phase["rate_cards"]):
            path = f"phases[{number}].rate_cards[{place}].feature"
            feature = card["feature"]["key"] if card["feature"] else None
            earlier, before = sold.setdefault(card["key"], (phase["key"], feature))
            if feature != before:
                message = (
                    f"In phase {earlier} {card['key']} is of {before or 'no feature'}: it stays"
                    " the same through all phases."
                )
                rules.refuse("feature_differs", path, message, value=feature or "")


def _kind(card: Object) -> str:
    price = card["price"]
    kind = price.get("type") if isinstance(price, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _duration(rules: Rules, written: str, path: str) -> Duration | None:
    try:
        return durations.parse(path, written)
    except InvalidInputError as error:
        message = f"{error.remedy[:1].upper()}{error.remedy[1:]}."
        rules.refuse("not_a_duration", path, message, value=written)
        return None
