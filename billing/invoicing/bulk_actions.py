"""The same action for many documents: each by itself, so that one refusal stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from billing.invoicing import advancing, lifecycle
from billing.invoicing.errors import SecondPersonError
from billing.models import Invoice
from ledger.errors import DomainError

_Each = Callable[..., Invoice]
_ONE_BY_ONE: Final[Mapping[str, _Each]] = {
    "approve": lambda reason, **terms: lifecycle.approve(**terms),
    "unapprove": lifecycle.unapprove,
    "discard": lifecycle.discard,
    "issue": lambda reason, **terms: lifecycle.issue(**terms),
}
ACTIONS: Final = tuple(_ONE_BY_ONE)


def act(
    *, action: str, invoices: Sequence[Invoice], by: str, at: datetime, reason: str = ""
) -> dict[int, str]:
    """
    Take an action for each of the documents; return why it failed, by document.

    Documents are issued together; who cannot be issued says why, as if asked alone.
    """
    if action == "issue":
        alone = [one.pk for one in invoices if not lifecycle.needs_another(invoice=one, by=by)]
        advancing.issue_all(invoice_ids=alone, by=by, at=at)
    refused: dict[int, str] = {}
    for one in invoices:
        try:
            if action == "issue" and lifecycle.needs_another(invoice=one, by=by):
                raise SecondPersonError(document=one.pk)
            _ONE_BY_ONE[action](invoice=one, by=by, at=at, reason=reason)
        except DomainError as error:
            refused[one.pk] = str(error)
    return refused
