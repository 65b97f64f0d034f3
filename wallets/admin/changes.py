"""Changes of credit: asked for with a reason, done at once or, if large, by a second person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.db.models import Model, Q
from django.http import HttpRequest
from django.utils.timezone import now

from ledger.admin.base import cause_of
from ledger.admin.dashboard import Figure
from ledger.admin.display import link
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, OperationForm
from ledger.models import Book
from wallets import approvals
from wallets.admin.fields import new_key
from wallets.models import Approval, CreditGrant, GrantSchedule, TopUp

_LONGEST_REASON: Final = 300  # who gave it stands behind it
_DONE: Final = re.compile(r"(grant|schedule|top-up)s? ([0-9, ]+)")
_KINDS: Final[Mapping[str, Any]] = {
    "grant": CreditGrant.objects,
    "schedule": GrantSchedule.objects,
    "top-up": TopUp.objects,
}


class ReasonedForm(OperationForm):
    """Asks why; ``key`` makes what is sent twice be done once."""

    key = forms.CharField(max_length=160, required=False, initial=new_key, widget=forms.HiddenInput)
    reason = ReasonField(max_length=_LONGEST_REASON)

    def prepare(self) -> None:
        self.order_fields([*(name for name in self.fields if name != "reason"), "reason"])

    def clean_key(self) -> str:
        return self.cleaned_data["key"] or new_key()


def submit(
    request: HttpRequest,
    *,
    book: Book,
    operation: str,
    arguments: Mapping[str, Any],
    given: Mapping[str, Any],
    done: str,
    goes_on: bool = False,
) -> Done:
    """
    Have a change done at once, or ask for a second person, and say which; as ``approvals.submit``.

    ``arguments`` are as the form gives them; those that are empty are left out. ``goes_on`` to
    what was made, or else stays with the row.
    """
    by: Any = request.user  # signed in: the admin lets nobody else here
    submitted = approvals.submit(
        book=book,
        operation=operation,
        arguments=approvals.written(arguments),
        key=given["key"],
        reason=f"{given['reason']} ({cause_of(request)})",
        by=by,
        at=now(),
    )
    if submitted.approval is None:
        made = rows_of(submitted.outcome) if goes_on else []
        return Done(message=done, row=made[0] if made else None)
    return waits(request, submitted.approval)


def waits(request: HttpRequest, approval: Approval) -> Done:
    """Say that something was asked for which somebody else has to approve."""
    may_see = request.user.has_perm("wallets.view_approval")
    return Done(
        message="This is so much that a second person must approve it; it waits until then.",
        row=approval if may_see else None,
        level=messages.WARNING,
    )


def rows_of(outcome: str) -> list[Model]:
    """Return the rows that a change made, by what it said."""
    found = _DONE.fullmatch(outcome)
    if found is None:
        return []
    numbers = [int(number) for number in found[2].split(", ")]
    return list(_KINDS[found[1]].filter(pk__in=numbers).order_by("pk"))


def waiting(book: Book, about: Q) -> Iterator[Figure]:
    """Show what waits for a second person and is about something."""
    for approval in Approval.objects.filter(about, book=book, state=Approval.State.WAITING):
        yield Figure(
            label="Waits for a second person",
            value=link(approval),
            tone="warn",
            note=f"{approval.operation}, asked for by {approval.asker}",
        )
