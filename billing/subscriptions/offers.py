"""
What can be subscribed to, as plain values: plans, their phases, what they sell (pure).

A card is one thing sold: a fee, the usage of a feature, or a right that costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from ledger.durations import Duration

TERMS: Final = ("price", "unit_config", "discounts", "commitments")
PATCHED: Final = (
    *TERMS,
    "name",
    "payment_term",
    "billing_cadence",
    "entitlement",
    "tax_config",
)  # what an override or an edit may say anew

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One thing sold: what it is, what it costs, and when it is paid."""

    key: str
    name: str
    terms: Document  # price, unit_config, discounts, commitments
    payment_term: str
    billing_cadence: str = ""  # none: one-time
    rate_card_id: int | None = None
    feature_id: int | None = None
    feature_key: str = ""
    meter_id: int | None = None
    entitlement: Document | None = None
    tax_config: Document | None = None

    @property
    def model(self) -> str:
        """Return its price model; empty if its terms have none, which cannot be sold."""
        price = self.terms.get("price")
        return str(price.get("type", "")) if isinstance(price, dict) else ""

    @property
    def is_usage(self) -> bool:
        """Say whether it prices what a meter counts; a flat price is due without any usage."""
        return self.meter_id is not None and self.model != "flat"

    @property
    def is_one_time(self) -> bool:
        """Say whether it is charged once."""
        return not self.billing_cadence and self.model == "flat"

    def patched(self, patch: Document) -> Card:
        """Return the card with what a patch says anew."""
        terms = {**self.terms, **{name: patch[name] for name in TERMS if name in patch}}
        others = {name: patch[name] for name in PATCHED if name in patch and name not in TERMS}
        return replace(self, terms=terms, **others)

    def paced(self, cadence: str) -> Card:
        """Return it with a cadence, if it prices usage and has none of its own."""
        if self.is_usage and not self.billing_cadence:
            return replace(self, billing_cadence=cadence)
        return self

    def is_same_sale(self, other: Card) -> bool:
        """Say whether nothing that matters to the buyer differs."""
        return self == replace(other, name=self.name, rate_card_id=self.rate_card_id)

    def document(self) -> dict[str, Any]:
        """Return it as JSON, to be kept in a history."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stage of a plan; only the last has no duration."""

    key: str
    duration: Duration | None
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonTerms:
    """From which phase on, and how many of, an add-on may be bought with a plan."""

    from_phase: str
    max_quantity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One published text of a plan."""

    id: int
    label: str  # for people
    billing_cadence: Duration
    phases: tuple[Phase, ...]
    addons: Mapping[int, AddonTerms]  # by add-on version

    def position(self, phase: str) -> int | None:
        """Return a phase's place, from 0; None if the plan has none of that key."""
        return next((place for place, own in enumerate(self.phases) if own.key == phase), None)

    @property
    def card_keys(self) -> set[str]:
        """Return the keys of all that is sold, in any phase."""
        return {card.key for phase in self.phases for card in phase.cards}

    def sells(self, addon_version: int, phase: str) -> bool:
        """Say whether an add-on may be bought in a phase."""
        terms = self.addons.get(addon_version)
        if terms is None:
            return False
        first, here = self.position(terms.from_phase), self.position(phase)
        return first is not None and here is not None and first <= here


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """One published text of an add-on."""

    id: int
    key: str  # the add-on's, whichever version
    is_single: bool
    cards: tuple[Card, ...]
