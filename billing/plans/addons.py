"""Add-ons: drafted as plans are, and attached to the plans that they may be bought with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from billing.models import Addon, AddonVersion, PlanAddon, PlanVersion
from billing.plans import documents, references, validation, versions, writing
from billing.plans.drafting import check_key, draft_of, source_of
from billing.plans.errors import PublishedError, UnpublishableError
from billing.plans.freezing import frozen
from billing.plans.reading import LONGEST_NAME
from ledger import inputs
from ledger.errors import AlreadyExistsError, InvalidInputError
from ledger.integrity import taken
from ledger.models import Book


def create(*, book: Book, document: object, at: datetime) -> AddonVersion:
    """
    Draft a new add-on from a document.

    Raises:
        InvalidDraftError: the document cannot be kept, with all that is wrong.
        AlreadyExistsError: the book has an add-on with that key.
    """
    read = documents.read_addon(document)
    with transaction.atomic(), taken(addon=read["key"]):
        found = references.find(book, read)
        addon, _ = Addon.objects.get_or_create(
            book=book, key=read["key"], defaults={"created_at": at}
        )
        if addon.versions.exists():
            raise AlreadyExistsError(addon=addon.key)
        draft = AddonVersion(addon=addon, version=1, created_at=at)
        writing.save_addon(draft, read, found, at)
    return draft


def replace(*, addon: Addon, document: object, at: datetime) -> AddonVersion:
    """Replace an add-on's draft by a document; its key stays. Errors as ``drafting.replace``."""
    read = documents.read_addon(document)
    check_key(addon.key, read["key"])
    with transaction.atomic(), frozen():
        found = references.find(addon.book, read)
        draft = draft_of(AddonVersion.objects.filter(addon=addon), addon=addon.key)
        draft.rate_cards.all().delete()
        writing.save_addon(draft, read, found, at)
    return draft


def next_version(
    *,
    addon: Addon,
    at: datetime,
    copy: int | None = None,
    document: object = None,
) -> AddonVersion:
    """Draft the next version of an add-on. Errors as ``drafting.next_version``."""
    with transaction.atomic(), taken(draft=addon.key):
        own = versions.addons(addon.book).filter(addon=addon)
        source, number = source_of(list(own), copy, addon=addon.key)
        read = (
            documents.read_addon(document)
            if document is not None
            else versions.addon_document(source)
        )
        check_key(addon.key, read["key"])
        draft = AddonVersion(addon=addon, version=number, created_at=at)
        writing.save_addon(draft, read, references.find(addon.book, read), at)
    return draft


def discard(*, addon: Addon) -> None:
    """
    Throw an add-on's draft away; published versions stay.

    Raises:
        NoDraftError: there is none.
    """
    with transaction.atomic(), frozen():
        draft_of(AddonVersion.objects.filter(addon=addon), addon=addon.key).delete()


def attach(
    *,
    plan_version: PlanVersion,
    addon_version: AddonVersion,
    from_plan_phase: str,
    at: datetime,
    max_quantity: int | None = None,
    name: str = "",
    description: str = "",
    metadata: Mapping[str, object] | None = None,
    may_be_archived: bool = False,
) -> PlanAddon:
    """
    Let an add-on be bought with a plan, from one of its phases on.

    A published plan may gain add-ons, as that takes nothing from anybody; to a draft may be
    attached what does not fit it yet, which keeps it from publication. The name is the
    add-on's unless one is given. Archived add-ons are for those who write down the past.

    Raises:
        InvalidInputError: another book's add-on, one not published or archived; a maximum for an
            add-on that is single.
        UnpublishableError: the plan is published, and has no such phase, another currency, or a
            cadence that the add-on's does not fit.
        AlreadyExistsError: it is attached already.
    """
    _check_addon(plan_version, addon_version, at, may_be_archived=may_be_archived)
    attached = PlanAddon(
        plan_version=plan_version,
        addon_version=addon_version,
        name=inputs.name("name", name or addon_version.name, longest=LONGEST_NAME),
        description=description,
        from_plan_phase=from_plan_phase,
        max_quantity=_quantity(addon_version, max_quantity),
        metadata=dict(metadata or {}),
        created_at=at,
    )
    with transaction.atomic(), taken(addon=addon_version.addon.key):
        PlanVersion.objects.select_for_update().get(pk=plan_version.pk)
        problems = validation.attachment_problems(
            versions.addon_document(addon_version),
            versions.plan_document(plan_version),
            from_phase=from_plan_phase,
            path="",
        )
        if problems and plan_version.effective_from is not None:
            raise UnpublishableError(problems=problems)
        attached.save(force_insert=True)
    return attached


def detach(*, attached: PlanAddon) -> None:
    """
    Take an add-on from a plan's draft.

    Raises:
        PublishedError: the plan is published: its buyers may have the add-on. Archive it instead.
    """
    with transaction.atomic():
        version = PlanVersion.objects.select_for_update().get(pk=attached.plan_version_id)
        if version.effective_from is not None:
            raise PublishedError(plan=str(version))
        attached.delete()


def _check_addon(
    plan: PlanVersion, addon: AddonVersion, at: datetime, *, may_be_archived: bool
) -> None:
    if addon.addon.book_id != plan.plan.book_id:
        remedy = "name an add-on of the plan's book"
        raise InvalidInputError(field="addon", value=str(addon), remedy=remedy)
    status = versions.status_of(addon, at)
    is_archived = status == AddonVersion.Status.ARCHIVED and not may_be_archived
    if is_archived or status == AddonVersion.Status.DRAFT:
        remedy = f"it is {status}: name a version that is published"
        raise InvalidInputError(field="addon", value=str(addon), remedy=remedy)


def _quantity(addon: AddonVersion, most: int | None) -> int | None:
    if most is None:
        return None
    if addon.instance_type == AddonVersion.Instances.SINGLE:
        remedy = "leave it out: a single add-on is bought once"
        raise InvalidInputError(field="max_quantity", value=most, remedy=remedy)
    if most < 1:
        raise InvalidInputError(field="max_quantity", value=most, remedy="send 1 or more")
    return most
