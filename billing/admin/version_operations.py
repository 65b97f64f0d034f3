"""What may be done with versions of plans and of add-ons alike: draft, change, publish, archive."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.timezone import now

from billing.admin.drafts import Kind
from billing.admin.versions import (
    ArchiveForm,
    PartForm,
    PublishForm,
    checked,
    is_draft,
    is_published,
)
from ledger.admin.operations import Done, Operation


class Operations(NamedTuple):
    """What every version offers, and the drafting of the next one."""

    draft_next: Operation  # of the plan or add-on
    edit: Operation
    publish: Operation
    archive: Operation
    discard: Operation


def of(kind: Kind, form: type[PartForm], *, noun: str, verb: str, kept: str = "") -> Operations:
    """
    Return the operations of one kind of versions.

    ``form`` asks what the whole of one says, ``verb`` is what customers do with it; ``kept`` says
    what stays for those who have an older version.
    """
    offer, version = f"billing.{{}}_{kind.name}", f"billing.{{}}_{kind.name}version"
    return Operations(
        draft_next=Operation(
            name="next-version",
            label="Draft the next version",
            explanation=f"A copy of the newest version, to be changed and published.{kept}",
            permission=version.format("add"),
            run=partial(_draft_next, kind=kind),
            applies=_has_no_draft,
        ),
        edit=Operation(
            name="edit",
            label="Change",
            explanation=f"What the whole {noun} says; its parts have their own forms.",
            permission=version.format("change"),
            form=form,
            run=partial(_edit, kind=kind),
            applies=is_draft,
        ),
        publish=Operation(
            name="publish",
            label="Publish",
            explanation="Puts it on offer and freezes it: it never changes again. The version "
            "before it is off offer from then on; its customers keep it.",
            permission=offer.format("change"),
            form=PublishForm,
            run=partial(_publish, kind=kind),
            applies=is_draft,
        ),
        archive=Operation(
            name="archive",
            label="Archive",
            explanation=f"Nobody can {verb} it any more. Those who have keep it.",
            permission=offer.format("change"),
            form=ArchiveForm,
            run=partial(_archive, kind=kind),
            applies=is_published,
            is_grave=True,
        ),
        discard=Operation(
            name="discard",
            label="Throw away",
            explanation="Deletes this draft. Published versions stay.",
            permission=version.format("change"),
            run=partial(_discard, kind=kind),
            applies=is_draft,
            is_grave=True,
        ),
    )


def _draft_next(request: HttpRequest, row: Any, given: dict[str, Any], *, kind: Kind) -> Done:
    version = kind.next_version(row)
    return Done(message=f"Drafted {version}, a copy of the newest version.", row=version)


def _edit(request: HttpRequest, row: Any, given: dict[str, Any], *, kind: Kind) -> Done:
    checked(given, row)
    given.pop("seen")
    changed = {**kind.document(kind.whole(row)), **given, "currency": given["currency"].code}
    return Done(message=f"Changed {row}.", row=kind.replace(row, changed))


def _publish(request: HttpRequest, row: Any, given: dict[str, Any], *, kind: Kind) -> Done:
    at = now()
    version = kind.publish(row, given["effective_from"] or at, at)
    return Done(message=f"Published {version}.", row=version)


def _archive(request: HttpRequest, row: Any, given: dict[str, Any], *, kind: Kind) -> Done:
    at = now()
    version = kind.archive(row, given["effective_to"] or at, at)
    return Done(message=f"Archived {version}.", row=version)


def _discard(request: HttpRequest, row: Any, given: dict[str, Any], *, kind: Kind) -> Done:
    kind.discard(row)
    return Done(message=f"Threw the draft {row} away.", row=kind.offer(row))


def _has_no_draft(row: Any) -> bool:
    return not row.versions.filter(effective_from=None).exists()
