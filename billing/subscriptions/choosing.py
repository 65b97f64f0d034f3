"""Which plan or add-on can be subscribed to, when, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from django.db.models import Q, QuerySet

from billing.models import AddonVersion, PlanVersion
from billing.plans import drafting, publishing
from billing.subscriptions.offers import Document
from ledger.errors import InvalidInputError
from ledger.models import Asset, Book, Customer

V = TypeVar("V", PlanVersion, AddonVersion)


def find_plan(
    *, customer: Customer, reference: Mapping[str, Any], at: datetime, from_: datetime
) -> PlanVersion:
    """
    Return the plan version that is named by its id, or by the plan's key and perhaps a number.

    Without a number it is the newest that is on offer, from an instant on.

    Raises:
        InvalidInputError: none is known, or none is on offer.
    """
    own = Q(plan__customer=None) | Q(plan__customer=customer)
    versions = PlanVersion.objects.filter(own, plan__book=customer.book_id)
    return _find("plan", versions.select_related("plan", "asset"), reference, max(at, from_))


def find_addon(
    *, book_id: int, reference: Mapping[str, Any], at: datetime, from_: datetime
) -> AddonVersion:
    """Return the add-on version that is named; as ``find_plan``."""
    versions = AddonVersion.objects.filter(addon__book=book_id)
    return _find("addon", versions.select_related("addon", "asset"), reference, max(at, from_))


def _find(kind: str, versions: QuerySet[V], reference: Mapping[str, Any], at: datetime) -> V:
    number, key, version = (reference.get(name) for name in ("id", "key", "version"))
    if number is not None:
        found = versions.filter(pk=number).first()
        field, value = f"{kind}.id", number
    else:
        versions = versions.filter(**{f"{kind}__key": key})
        field, value = f"{kind}.key", key
        if not versions.exists():
            found = None
        elif version is not None:
            found = versions.filter(version=version).first()
            field, value = f"{kind}.version", version
        else:
            on_offer = Q(effective_to=None) | Q(effective_to__gt=at)
            found = versions.filter(on_offer, effective_from__lte=at).order_by("-version").first()
            if found is None:
                remedy = "none of its versions is on offer then: publish one first"
                raise InvalidInputError(field=field, value=value, remedy=remedy)
    if found is None:
        remedy = f"name a version of the book's {kind}s, by its id, or by key and version"
        raise InvalidInputError(field=field, value=value, remedy=remedy)
    return found


def named(plan: PlanVersion | Document) -> Any:
    """Return what names a plan in a request."""
    return plan.pk if isinstance(plan, PlanVersion) else plan


def version_of(
    plan: PlanVersion | Document, *, customer: Customer, at: datetime, from_: datetime
) -> PlanVersion:
    """
    Return the version itself, or the one that a document makes for a customer alone.

    Raises:
        InvalidDraftError, UnpublishableError: the document, with all that is wrong.
    """
    if isinstance(plan, PlanVersion):
        return plan
    document = {"key": f"custom-{uuid4()}", "name": f"{customer.name}'s own", **plan}
    draft = drafting.create(book=customer.book, document=document, at=at, customer=customer)
    return publishing.publish_plan(plan=draft.plan, effective_from=min(at, from_), at=at)


def check_plan(version: PlanVersion, *, customer: Customer, at: datetime, from_: datetime) -> None:
    """
    Check that a customer can subscribe to a plan, from an instant on.

    Raises:
        InvalidInputError: another book's or customer's plan; a draft, an archived version, or one
            that is published for later.
    """
    if version.plan.book_id != customer.book_id or version.plan.customer_id not in {
        None,
        customer.pk,
    }:
        remedy = "name a plan of the customer's book, and not another customer's own"
        raise InvalidInputError(field="plan", value=str(version), remedy=remedy)
    check_published("plan", version, at=at, from_=from_)


def check_addon(
    version: AddonVersion, *, book: Book, asset: Asset, at: datetime, from_: datetime
) -> None:
    """
    Check that an add-on can be bought, from an instant on.

    Raises:
        InvalidInputError: another book's; a draft or an archived version; another currency.
    """
    if version.addon.book_id != book.pk:
        remedy = "name an add-on of the customer's book"
        raise InvalidInputError(field="addon", value=str(version), remedy=remedy)
    check_published("addon", version, at=at, from_=from_)
    check_asset("addon", version, asset)


def check_published(
    field: str, version: PlanVersion | AddonVersion, *, at: datetime, from_: datetime
) -> None:
    """
    Check that a version is on offer.

    Raises:
        InvalidInputError: a draft, archived, or published for later.
    """
    if version.effective_from is None:
        remedy = "publish it first, or name a published version"
        raise InvalidInputError(field=field, value=str(version), remedy=remedy, rule="unpublished")
    if version.effective_from > max(at, from_):
        remedy = f"it is on offer from {version.effective_from.isoformat()} on: start then"
        raise InvalidInputError(field=field, value=str(version), remedy=remedy, rule="unpublished")
    if version.effective_to is not None and version.effective_to <= at:
        remedy = "it is archived: name a version that is on offer"
        raise InvalidInputError(field=field, value=str(version), remedy=remedy, rule="archived")


def check_asset(field: str, version: PlanVersion | AddonVersion, asset: Asset) -> None:
    """
    Check that what is bought is priced in the subscription's currency.

    Raises:
        InvalidInputError: it is not.
    """
    if version.asset_id != asset.pk:
        remedy = (
            f"the subscription is in {asset.code}, this in {version.asset.code}:"
            " choose one in the same, or make a new subscription"
        )
        raise InvalidInputError(field=field, value=str(version), remedy=remedy, rule="currency")
