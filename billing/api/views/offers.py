"""What the views of plans and of add-ons share: finding a version, writing it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F, Q, QuerySet

from billing.models import AddonVersion, PlanVersion
from billing.models.plans import Version
from billing.plans import versions
from billing.plans.errors import PublishedError
from ledger.api import lookups
from ledger.errors import NotFoundError

V = TypeVar("V", PlanVersion, AddonVersion)
Status = Version.Status


def find(rows: QuerySet[V], text: str, kind: str, *, at: datetime, number: int | None = None) -> V:
    """
    Return a version by its id, or by a key: the one of that number, the active, else the newest.

    ``rows`` have versions by ``kind``.

    Raises:
        NotFoundError: there is none.
    """
    return _chosen(_named(rows, text, kind), text, kind, at=at, number=number)


def find_draft(rows: QuerySet[V], text: str, kind: str) -> V:
    """
    Return a draft by its id or key.

    Raises:
        NotFoundError: there is nothing of that name.
        PublishedError: what there is is published.
    """
    found = list(_named(rows, text, kind))
    if not found:
        raise NotFoundError(**{kind: text})
    draft = next((version for version in found if version.effective_from is None), None)
    if draft is None:
        raise PublishedError(**{kind: str(found[-1])})
    return draft


def find_open(rows: QuerySet[V], text: str, kind: str, *, at: datetime) -> V:
    """Return the draft, else what ``find`` does; errors as ``find``."""
    drafts = _named(rows, text, kind).filter(effective_from=None)
    return drafts.first() or find(rows, text, kind, at=at)


def with_status(rows: QuerySet[V], status: str, at: datetime) -> QuerySet[V]:
    """Return the versions that are of a status at an instant; as ``versions.status_of``."""
    ended = Q(effective_to__lte=at) | Q(effective_to__lte=F("effective_from"))
    published = Q(effective_from__isnull=False)
    conditions = {
        Status.DRAFT: Q(effective_from=None),
        Status.SCHEDULED: published & ~_known(ended) & Q(effective_from__gt=at),
        Status.ACTIVE: published & ~_known(ended) & Q(effective_from__lte=at),
        Status.ARCHIVED: published & _known(ended),
    }
    return rows.filter(conditions[Status(status)])


def _known(ended: Q) -> Q:
    return Q(effective_to__isnull=False) & ended


def _named(rows: QuerySet[V], text: str, kind: str) -> QuerySet[V]:
    """Return the one version with an id, or all those with a key, in order."""
    if text.isdigit():
        return rows.filter(pk=lookups.by_id(rows, text, kind).pk)
    key = text.removeprefix("key:")
    if "\0" in key:
        raise NotFoundError(**{kind: text})
    return rows.filter(**{f"{kind}__key": key}).order_by("version")


def _chosen(rows: Iterable[V], text: str, kind: str, *, at: datetime, number: int | None) -> V:
    found = [version for version in rows if number in {None, version.version}]
    if not found:
        raise NotFoundError(**{kind: text})
    active = (v for v in found if versions.status_of(v, at) == Status.ACTIVE)
    return next(active, found[-1])


def plan_out(version: PlanVersion, at: datetime) -> dict[str, Any]:
    """Return a plan's version as JSON, with what keeps a draft from publication."""
    return {
        **_head(version, at),
        "customer_id": version.plan.customer_id and str(version.plan.customer_id),
        **versions.plan_document(version),
        "validation_errors": _errors(version, at, versions.plan_problems),
    }


def addon_out(version: AddonVersion, at: datetime) -> dict[str, Any]:
    """Return an add-on's version as JSON, with what keeps a draft from publication."""
    return {
        **_head(version, at),
        **versions.addon_document(version),
        "validation_errors": _errors(version, at, versions.addon_problems),
    }


def _head(version: Version, at: datetime) -> dict[str, Any]:
    return {
        "id": version.pk,
        "version": version.version,
        "status": versions.status_of(version, at),
        "effective_from": version.effective_from,
        "effective_to": version.effective_to,
        "created_at": version.created_at,
        "updated_at": version.updated_at,
    }


def _errors(version: Version, at: datetime, problems: Any) -> list[Any]:
    if versions.status_of(version, at) != Status.DRAFT:
        return []
    return versions.problem_documents(problems(version))
