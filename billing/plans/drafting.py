"""
Drafts of plans: made from documents, replaced, copied from what is published.

A draft may break the rules of the catalogue (``versions.plan_problems`` lists which); it only has
to be readable. A plan has one draft at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from billing.models import AddonVersion, Plan, PlanAddon, PlanVersion
from billing.plans import documents, references, versions, writing
from billing.plans.errors import DraftExistsError, NoDraftError
from billing.plans.freezing import frozen
from ledger.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from ledger.integrity import taken
from ledger.models import Book, Customer

V = TypeVar("V", PlanVersion, AddonVersion)


def create(
    *,
    book: Book,
    document: object,
    at: datetime,
    customer: Customer | None = None,
) -> PlanVersion:
    """
    Draft a new plan from a document; with a customer, it is that customer's own.

    Raises:
        InvalidDraftError: the document cannot be kept, with all that is wrong.
        AlreadyExistsError: the book has a plan with that key.
    """
    read = documents.read_plan(document)
    with transaction.atomic(), taken(plan=read["key"]):
        found = references.find(book, read)
        plan, _ = Plan.objects.get_or_create(
            book=book, key=read["key"], defaults={"customer": customer, "created_at": at}
        )
        if plan.customer_id != (customer and customer.pk) or plan.versions.exists():
            raise AlreadyExistsError(plan=plan.key)
        draft = PlanVersion(plan=plan, version=1, created_at=at)
        writing.save_plan(draft, read, found, at)
    return draft


def replace(*, plan: Plan, document: object, at: datetime) -> PlanVersion:
    """
    Replace a plan's draft by a document; its key and its add-ons stay.

    Raises:
        InvalidDraftError: the document cannot be kept, with all that is wrong.
        InvalidInputError: the document is another plan's.
        NoDraftError: all versions are published.
    """
    read = documents.read_plan(document)
    check_key(plan.key, read["key"])
    with transaction.atomic(), frozen():
        found = references.find(plan.book, read)
        draft = draft_of(PlanVersion.objects.filter(plan=plan), plan=plan.key)
        draft.phases.all().delete()
        writing.save_plan(draft, read, found, at)
    return draft


def next_version(
    *,
    plan: Plan,
    at: datetime,
    copy: int | None = None,
    document: object = None,
    bare: bool = False,
) -> PlanVersion:
    """
    Draft the next version of a plan: from a document, or as a copy of the newest or of ``copy``.

    It can be bought with the add-ons of the version it follows, unless it is to be bare.

    Raises:
        DraftExistsError: there is a draft already.
        NotFoundError: there is no version ``copy``, or none at all.
        InvalidDraftError, InvalidInputError: the document cannot be kept, or is another plan's.
    """
    with transaction.atomic(), taken(draft=plan.key):
        own = versions.plans(plan.book).filter(plan=plan)
        source, number = source_of(list(own), copy, plan=plan.key)
        read = (
            documents.read_plan(document)
            if document is not None
            else versions.plan_document(source)
        )
        check_key(plan.key, read["key"])
        draft = PlanVersion(plan=plan, version=number, created_at=at)
        writing.save_plan(draft, read, references.find(plan.book, read), at)
        attached = () if bare else source.addons.all()
        PlanAddon.objects.bulk_create(_copies(attached, draft, at))
    return draft


def discard(*, plan: Plan) -> None:
    """
    Throw a plan's draft away; published versions stay.

    Raises:
        NoDraftError: there is none.
    """
    with transaction.atomic(), frozen():
        draft_of(PlanVersion.objects.filter(plan=plan), plan=plan.key).delete()


def draft_of(versions: QuerySet[V], **name: str) -> V:
    """
    Return the draft among the versions of one thing, locked.

    Raises:
        NoDraftError: all are published.
    """
    draft = versions.select_for_update(of=("self",)).filter(effective_from=None).first()
    if draft is None:
        raise NoDraftError(**name)
    return draft


def source_of(versions: Sequence[V], copy: int | None, **name: str) -> tuple[V, int]:
    """
    Return which version the next one is a copy of, and the next one's number.

    Raises:
        DraftExistsError: one of them is a draft.
        NotFoundError: there is no version ``copy``, or none at all.
    """
    if any(version.effective_from is None for version in versions):
        raise DraftExistsError(**name)
    numbers = {version.version: version for version in versions}
    newest = max(numbers, default=0)
    if (wanted := copy or newest) not in numbers:
        raise NotFoundError(version=wanted, **name)
    return numbers[wanted], newest + 1


def check_key(own: str, sent: str) -> None:
    """
    Check that a document is that of the thing it is sent for.

    Raises:
        InvalidInputError: it is another's.
    """
    if sent != own:
        raise InvalidInputError(field="key", value=sent, remedy=f"a key stays: send {own}")


def _copies(attached: Iterable[PlanAddon], draft: PlanVersion, at: datetime) -> Iterable[PlanAddon]:
    for addon in attached:
        yield PlanAddon(
            plan_version=draft,
            addon_version=addon.addon_version,
            name=addon.name,
            description=addon.description,
            from_plan_phase=addon.from_plan_phase,
            max_quantity=addon.max_quantity,
            metadata=addon.metadata,
            created_at=at,
        )
