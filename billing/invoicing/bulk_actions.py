"""The same action for many documents: each by itself, so that one refusal stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from billing.invoicing import advancing, lifecycle
from billing.invoicing.errors import SecondPersonError
from billing.models import Invoice
from ledger.errors import DomainError
from wallets.models import Approval

_Each = Callable[..., Invoice]
_ONE_BY_ONE: Final[Mapping[str, _Each]] = {
    "approve": lambda reason, **terms: lifecycle.approve(**terms),
    "unapprove": lifecycle.unapprove,
    "discard": lifecycle.discard,
    "issue": lambda reason, **terms: lifecycle.issue(**terms),
}
ACTIONS: Final = tuple(_ONE_BY_ONE)


def act(
    *,
    action: str,
    invoices: Sequence[Invoice],
    by: str,
    at: datetime,
    asks: Callable[[Invoice], Approval | None],
    reason: str = "",
) -> dict[int, str]:
    """
    Take an action for each of the documents; return why it failed, by document.

    Documents are issued together; who cannot be issued says why, as if asked alone. ``asks`` for a
    second person where one is needed (``billing.approving``): these wait.
    """
    waiting: dict[int, Approval | None] = {}
    if action == "issue":
        waiting = {one.pk: asks(one) for one in invoices}
        alone = [number for number, approval in waiting.items() if approval is None]
        advancing.issue_all(invoice_ids=alone, by=by, at=at)
    refused: dict[int, str] = {}
    for one in invoices:
        try:
            if approval := waiting.get(one.pk):
                raise SecondPersonError(document=one.pk, approval=approval.pk)
            _ONE_BY_ONE[action](invoice=one, by=by, at=at, reason=reason)
        except DomainError as error:
            refused[one.pk] = str(error)
    return refused
