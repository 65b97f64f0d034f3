"""
Entitlements given by hand, to one customer and all below it; a plan's follow its items.

To either kind units may be added on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from billing.entitlements import allowances
from billing.models import Entitlement, Feature
from billing.plans.entitlements import check_entitlement
from billing.plans.facts import FeatureFacts, Rules
from billing.plans.versions import meter_facts
from ledger import inputs
from ledger.errors import ConflictError, InvalidInputError
from ledger.integrity import taken
from ledger.models import Customer
from ledger.money import text
from wallets import grants, schedules
from wallets.models import CreditGrant, Wallet

Kind = Entitlement.Kind


class EntitlementOfItemError(ConflictError):
    """The entitlement is a subscription's: change that, and it follows."""

    code = "entitlement_of_subscription"


class NoAllowanceError(ConflictError):
    """The entitlement is over, or has no limit that anything could be added to."""

    code = "entitlement_without_allowance"


def give(
    *,
    customer: Customer,
    feature: Feature,
    kind: str,
    at: datetime,
    config: Any = None,
    limit: Decimal | None = None,
    is_soft_limit: bool = False,
    usage_period: str = "",
    preserves_overage: bool = False,
    anchor: datetime | None = None,
    time_zone: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Entitlement:
    """
    Let a customer, and all below it, use a feature from ``starts_at`` (now) on.

    A metered one may have a ``limit`` in the meter's unit: for each ``usage_period``, counted from
    ``anchor`` (its start) on the wall clock of ``time_zone`` (the book's), or without a period
    for all its time. What the customer has from elsewhere is added to it.

    Raises:
        InvalidInputError: another book's feature, a kind or terms that do not fit together, …
        AlreadyExistsError: the customer has one to this feature by hand: end that first.
    """
    begins_at = starts_at or at
    _check(customer, feature, begins_at, ends_at)
    terms: dict[str, Any] = {"type": inputs.choice("kind", kind, Kind.values)}
    if kind == Kind.STATIC:
        terms["config"] = config
    if kind == Kind.METERED:
        terms |= {"limit": None if limit is None else text(limit), "is_soft_limit": is_soft_limit}
        terms["usage_period"] = usage_period or None
    _check_terms(terms, feature)
    entitlement = Entitlement(
        book_id=customer.book_id,
        customer=customer,
        feature=feature,
        kind=kind,
        config=terms.get("config"),
        limit=limit if kind == Kind.METERED else None,
        is_soft_limit=is_soft_limit,
        usage_period=usage_period,
        preserves_overage=preserves_overage,
        anchor=anchor or begins_at,
        time_zone=inputs.time_zone("time_zone", time_zone or customer.book.time_zone).key,
        starts_at=begins_at,
        ends_at=ends_at,
        created_at=at,
    )
    with transaction.atomic():
        with taken(feature=feature.key, customer=customer.key):
            entitlement.save(force_insert=True)
        if allowances.keep(customer_ids=[customer.pk], at=at):
            schedules.issue(at=at, customer_id=customer.pk)
    entitlement.refresh_from_db()
    return entitlement


def end(*, entitlement: Entitlement, at: datetime) -> Entitlement:
    """
    End an entitlement given by hand; what is left of its allowance is void. Again changes nothing.

    Raises:
        EntitlementOfItemError: it is a subscription's.
    """
    with transaction.atomic():
        entitlement = Entitlement.objects.select_for_update(no_key=True).get(pk=entitlement.pk)
        if entitlement.item_id is not None:
            raise EntitlementOfItemError(entitlement=entitlement.pk)
        if entitlement.ends_at is None or entitlement.ends_at > at:
            entitlement.ends_at = max(at, entitlement.starts_at)
            entitlement.save(update_fields=["ends_at"])
            allowances.keep(customer_ids=[entitlement.customer_id], at=at)
    return entitlement


class Packs(NamedTuple):
    """Where units on top of an allowance go, and what their grants have in common."""

    wallet: Wallet
    terms: Mapping[str, Any]


def packs(*, entitlement: Entitlement, at: datetime) -> Packs:
    """
    Open the wallet for units on top of an allowance, once, and return it.

    It is shared with all below the customer; its grants are for what the allowance is for, and
    lapse when they say, whatever the allowance's period: what lapses first is used first.

    Raises:
        NoAllowanceError: the entitlement is over, or has no limit.
    """
    feature = entitlement.feature
    is_over = entitlement.ends_at is not None and entitlement.ends_at <= at
    if entitlement.limit is None or feature.meter is None or is_over:
        raise NoAllowanceError(entitlement=entitlement.pk)
    wallet = grants.open_wallet(
        customer=entitlement.customer,
        asset=feature.meter.unit,
        key=f"packs:{feature.meter.unit.code}",
        name="Added units",
        is_shared=True,
        at=at,
    )
    terms = {
        "funding": CreditGrant.Funding.PROMOTIONAL.value,
        "feature_keys": allowances.features_of(entitlement),
        "name": feature.name,
    }
    return Packs(wallet, terms)


def _check(
    customer: Customer, feature: Feature, starts_at: datetime, ends_at: datetime | None
) -> None:
    if feature.book_id != customer.book_id:
        remedy = "name a feature of the customer's book"
        raise InvalidInputError(field="feature", value=feature.key, remedy=remedy)
    if ends_at is not None and ends_at <= starts_at:
        remedy = "let it end after it starts"
        raise InvalidInputError(field="ends_at", value=ends_at.isoformat(), remedy=remedy)


def _check_terms(terms: dict[str, Any], feature: Feature) -> None:
    """Hold it to the rules of a plan's entitlements."""
    meter = feature.meter
    facts = FeatureFacts(key=feature.key, meter=meter_facts(meter) if meter else None)
    rules = Rules()
    check_entitlement(rules, {"entitlement": terms, "feature": feature.key}, facts, None)
    for problem in rules.problems:
        field = problem.field.removeprefix("entitlement.").replace("type", "kind")
        value = problem.attributes.get("value", terms.get(field))
        raise InvalidInputError(field=field, value=value, remedy=problem.message)
