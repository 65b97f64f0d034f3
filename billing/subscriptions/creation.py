"""Subscribing a customer to a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from json import loads
from typing import Any, Unpack
from uuid import uuid4

from django.db import transaction

from billing.models import PlanVersion, Subscription
from billing.subscriptions import choosing, documents
from billing.subscriptions.changes import Desk, Note, lock, make
from billing.subscriptions.history import Kind
from billing.subscriptions.loading import Catalogue
from billing.subscriptions.offers import Document
from ledger import inputs
from ledger.errors import IdempotencyConflictError
from ledger.metadata import canonical
from ledger.models import Customer


def create(
    *,
    customer: Customer,
    plan: PlanVersion | Document,
    starts_at: datetime | None = None,
    billing_anchor: datetime | None = None,
    time_zone: str = "",
    settlement_mode: str = "",
    proration: str = "",
    overrides: Sequence[Document] = (),
    starting_phase: str = "",
    name: str = "",
    metadata: Mapping[str, Any] | None = None,
    **note: Unpack[Note],
) -> Subscription:
    """
    Subscribe a customer to a plan: from now on, from later, or from an earlier instant.

    ``plan`` is a published version, or the document of one that is made for this customer alone.
    Cycles are counted from ``billing_anchor`` (the start, unless named) on the wall clock of
    ``time_zone`` (the book's). ``overrides`` are terms negotiated per item: key, perhaps a phase,
    and any of price, unit_config, discounts, commitments, entitlement. ``key`` is the
    subscription's own: creating it again under it returns the one there is.

    Raises:
        InvalidInputError: a plan that is not on offer, an unknown item, phase or zone, terms that
            cannot be read, a cadence that does not divide.
        InvalidDraftError, UnpublishableError: the document, with all that is wrong.
        FeatureTakenError: another subscription of the customer sells one of its features.
        PeriodClosedError: it would start in a closed period.
        IdempotencyConflictError: the key stands for another subscription.
    """
    request = _request(plan, customer, starts_at, billing_anchor, overrides, starting_phase)
    with transaction.atomic():
        lock(customer.pk)
        if (known := _known(customer, note, request)) is not None:
            return known
        at = note["at"]
        from_ = starts_at or at
        plan = choosing.version_of(plan, customer=customer, at=at, from_=from_)
        choosing.check_plan(plan, customer=customer, at=at, from_=from_)
        subscription = Subscription.objects.create(
            book_id=customer.book_id,
            customer=customer,
            key=inputs.key("key", note.get("key") or _own_key()),
            name=inputs.name("name", name, longest=256, may_be_empty=True),
            plan_version=plan,
            asset_id=plan.asset_id,
            billing_anchor=billing_anchor or from_,
            billing_cadence=plan.billing_cadence,
            time_zone=inputs.time_zone("time_zone", time_zone or customer.book.time_zone).key,
            settlement_mode=_settlement(settlement_mode, plan),
            proration=_proration(proration, plan),
            starts_at=from_,
            metadata=loads(canonical(metadata)),
            created_at=at,
        )
        return _begin(subscription, plan, overrides, starting_phase, request, note)


def _begin(
    subscription: Subscription,
    plan: PlanVersion,
    overrides: Sequence[Document],
    starting_phase: str,
    request: Mapping[str, Any],
    note: Note,
) -> Subscription:
    desk = Desk(subscription=subscription, history=[], requests={}, catalogue=Catalogue())
    desk.catalogue.know_offers([plan.pk])
    offer = desk.catalogue.offers[plan.pk]
    documents.check_phase("starting_phase", starting_phase, offer)
    return make(
        desk,
        kind=Kind.CREATED,
        effective_at=subscription.starts_at,
        content={
            "plan_version": plan.pk,
            "overrides": documents.overrides("overrides", overrides, offer),
            "starting_phase": starting_phase,
        },
        request=request,
        note=note,
    )


def _known(customer: Customer, note: Note, request: Mapping[str, Any]) -> Subscription | None:
    """Return the subscription that was created under the key by this very request."""
    if not (key := note.get("key")):
        return None
    found = (
        Subscription.objects.filter(book_id=customer.book_id, key=key)
        .select_related("book", "customer", "asset", "plan_version")
        .first()
    )
    if found is None:
        return None
    if found.history.get(sequence=1).content["request"] != request:
        raise IdempotencyConflictError(key=key)
    return found


def _request(
    plan: PlanVersion | Document,
    customer: Customer,
    starts_at: datetime | None,
    billing_anchor: datetime | None,
    overrides: Sequence[Document],
    starting_phase: str,
) -> dict[str, Any]:
    asked: dict[str, Any] = documents.plain(
        {
            "customer": customer.pk,
            "plan": choosing.named(plan),
            "starts_at": starts_at,
            "billing_anchor": billing_anchor,
            "overrides": overrides,
            "starting_phase": starting_phase,
        }
    )
    return asked


def _own_key() -> str:
    return f"subscription:{uuid4()}"


def _settlement(wanted: str, plan: PlanVersion) -> str:
    if not wanted:
        return plan.settlement_mode
    return inputs.choice("settlement_mode", wanted, PlanVersion.Settlement.values)


def _proration(wanted: str, plan: PlanVersion) -> str:
    if not wanted:
        policies = Subscription.Proration
        return (policies.ALWAYS if plan.is_prorated else policies.NONE).value
    return inputs.choice("proration", wanted, Subscription.Proration.values)
