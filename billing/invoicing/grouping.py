"""Which of a payer's documents a line belongs to, and which order they name (pure)."""

from __future__ import annotations

from billing.invoicing.materials import Consumer, Profile, Source


def key_of(profile: Profile, consumer: Consumer, source: Source) -> str:
    """
    Name the document of a payer that a source belongs to.

    The payer says by what its documents are grouped; whoever consumes says the value.
    """
    match profile.group_by:
        case "purchase_order":
            return consumer.profile.purchase_order
        case "cost_centre":
            return consumer.profile.cost_centre
        case "customer":
            return consumer.key
        case "subscription":
            return source.subscription_key
    return ""


def purchase_order_of(profile: Profile, group_key: str) -> str:
    """Return the buyer's order that a document names."""
    return group_key if profile.group_by == "purchase_order" else profile.purchase_order


def cost_centre_of(profile: Profile, group_key: str) -> str:
    """Return the cost centre that a document names."""
    return group_key if profile.group_by == "cost_centre" else profile.cost_centre
