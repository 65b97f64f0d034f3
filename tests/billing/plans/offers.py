"""Documents of plans and add-ons, and a book that they can be published in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from billing import catalogue, features
from billing.models import Addon, AddonVersion, Feature, Meter, Plan, PlanVersion
from billing.plans import addons, drafting, publishing
from ledger.models import Asset, Book
from tests import factories
from tests.factories import NOON


def card(key: str = "tokens", **others: Any) -> dict[str, Any]:
    """Return a rate card of a feature's usage: 0.01 a unit, each month, unless told."""
    usual: dict[str, Any] = {
        "key": key,
        "name": key.title(),
        "feature": {"key": key},
        "billing_cadence": "P1M",
        "price": {"type": "unit", "amount": "0.01"},
    }
    return usual | others


def fee(key: str = "fee", amount: str = "20", **others: Any) -> dict[str, Any]:
    """Return a rate card of a monthly fee in advance, for nothing in particular."""
    usual: dict[str, Any] = {
        "key": key,
        "name": key.title(),
        "billing_cadence": "P1M",
        "payment_term": "in_advance",
        "price": {"type": "flat", "amount": amount},
    }
    return usual | others


def phase(key: str = "main", *cards: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a phase that sells these cards."""
    return {"key": key, "name": key.title(), "rate_cards": list(cards)} | others


def plan(*phases: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a monthly plan in dollars; with one phase and a fee unless told."""
    usual: dict[str, Any] = {
        "key": "pro",
        "name": "Pro",
        "currency": "USD",
        "billing_cadence": "P1M",
        "phases": list(phases) or [phase("main", fee())],
    }
    return usual | others


def addon(*cards: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return an add-on in dollars; a fee unless told."""
    usual: dict[str, Any] = {
        "key": "support",
        "name": "Support",
        "currency": "USD",
        "instance_type": "single",
        "rate_cards": list(cards) or [fee("support")],
    }
    return usual | others


def meter(book: Book, key: str = "llm", **others: Any) -> Meter:
    """Return a meter of tokens, told apart by model, token and provider, unless told."""
    usual: dict[str, Any] = {
        "event_type": "llm.used",
        "aggregation": "sum",
        "value_path": "$.tokens",
        "dimensions": {"model": "$.model", "token": "$.type", "provider": "$.provider"},
        "unit": factories.asset(code="tokens", kind=Asset.Kind.UNIT, scale=0),
    }
    return catalogue.create_meter(book=book, key=key, at=NOON, **usual | others)


def feature(book: Book, key: str = "tokens", **others: Any) -> Feature:
    """Return a feature of the book's meter of tokens, unless told."""
    others.setdefault("meter", Meter.objects.filter(book=book).first() or meter(book))
    return features.create(book=book, key=key, name=key.title(), at=NOON, **others)


def publish(book: Book, document: dict[str, Any], at: datetime = NOON) -> PlanVersion:
    """Return a plan's first or next version, published."""
    plan = Plan.objects.filter(book=book, key=document["key"]).first()
    if plan is None:
        plan = drafting.create(book=book, document=document, at=at).plan
    else:
        drafting.next_version(plan=plan, document=document, at=at)
    return publishing.publish_plan(plan=plan, effective_from=at, at=at)


def publish_addon(book: Book, document: dict[str, Any], at: datetime = NOON) -> AddonVersion:
    """Return an add-on's first or next version, published."""
    addon = Addon.objects.filter(book=book, key=document["key"]).first()
    if addon is None:
        addon = addons.create(book=book, document=document, at=at).addon
    else:
        addons.next_version(addon=addon, document=document, at=at)
    return publishing.publish_addon(addon=addon, effective_from=at, at=at)
