"""Small changes of credit are done at once; large ones wait for somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from ledger import inputs
from ledger.models import Asset, Book
from wallets.approvals.operations import Act, Arguments, read
from wallets.errors import ApprovalStateError
from wallets.models import Approval

State = Approval.State


class Submitted(NamedTuple):
    """What became of a change: it was done, or it waits for somebody else."""

    outcome: str
    approval: Approval | None


def is_needed(*, asset: Asset, amount: Decimal) -> bool:
    """Say whether so much of an asset needs a second person."""
    bounds: Mapping[str, Decimal] = settings.METERBOOK_APPROVAL_ABOVE
    bound = bounds.get(asset.code, bounds.get(""))
    return bound is not None and abs(amount) > bound


def submit(
    *,
    book: Book,
    operation: str,
    arguments: Arguments,
    key: str,
    reason: str,
    by: User,
    at: datetime,
) -> Submitted:
    """
    Do a change of credit at once or, if it is large, ask for a second person.

    ``grant``: wallet, amount, and perhaps funding, priority, effective_at, expires_at,
    feature_keys, cost_basis, name; ``schedule``: wallet, amount, cadence, starts_at, and perhaps
    what else ``schedules.create`` takes; ``adjust``: grant, amount; ``void``: grant; ``transfer``:
    source, target, amount and perhaps grant; ``confirm``: top_up, payment_key. Rows by id,
    amounts and instants as text. It is asked for, and done, once per ``key``.

    Raises:
        InvalidInputError: an unknown operation, no reason, or arguments that cannot be read.
        NotFoundError: the book has nothing of that id.
        DomainError: what the operation itself raises.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key)
    order = read(book, operation, arguments, at)
    if not is_needed(asset=order.asset, amount=order.amount):
        return Submitted(order.run(Act(key, reason, at, by.get_username())), None)
    asked = {"operation": operation, "arguments": {**arguments, "key": key}}
    approval = Approval.objects.filter(book=book, state=State.WAITING, **asked).first()
    if approval is None:
        approval = Approval.objects.create(
            book=book,
            asset=order.asset,
            amount=abs(order.amount),
            reason=reason,
            asked_by=by,
            asked_at=at,
            **asked,
        )
    return Submitted("", approval)


def approve(*, approval: Approval, by: User, at: datetime) -> Approval:
    """
    Do what was asked for, once; whoever asked cannot approve it. Approving again changes nothing.

    Raises:
        ApprovalStateError: it was refused, or is this person's own.
        DomainError: what the operation itself raises; then it still waits.
    """
    with transaction.atomic():
        approval = _lock(approval)
        if approval.state == State.APPROVED:
            return approval
        _check(approval, by)
        order = read(approval.book, approval.operation, approval.arguments, at)
        key = approval.arguments.get("key") or f"approval:{approval.pk}"
        act = Act(key, approval.reason, at, by.get_username())
        approval.outcome = order.run(act)
        return _decide(approval, State.APPROVED, by, at)


def refuse(*, approval: Approval, by: User, reason: str, at: datetime) -> Approval:
    """
    Say that what was asked for will not be done. Refusing again changes nothing.

    Raises:
        InvalidInputError: no reason.
        ApprovalStateError: it was approved, or is this person's own.
    """
    reason = inputs.name("reason", reason, longest=500)
    with transaction.atomic():
        approval = _lock(approval)
        if approval.state == State.REFUSED:
            return approval
        _check(approval, by)
        approval.outcome = reason
        return _decide(approval, State.REFUSED, by, at)


def _lock(approval: Approval) -> Approval:
    approvals = Approval.objects.select_for_update(no_key=True, of=("self",))
    return approvals.select_related("book").get(pk=approval.pk)


def _check(approval: Approval, by: User) -> None:
    if approval.state != State.WAITING:
        raise ApprovalStateError(approval=approval.pk, state=approval.state)
    if approval.asked_by_id == by.pk:
        remedy = "have somebody else decide it"
        raise ApprovalStateError(approval=approval.pk, asked_by=by.get_username(), remedy=remedy)


def _decide(approval: Approval, state: str, by: User, at: datetime) -> Approval:
    approval.state, approval.decided_at = state, at
    approval.decided_by_id = by.pk
    approval.save(update_fields=["state", "decided_by", "decided_at", "outcome"])
    return approval
