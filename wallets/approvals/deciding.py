"""Small changes of credit are done at once; large ones wait for somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from ledger import clocks, inputs
from ledger.models import Asset, Book
from wallets.approvals.operations import read
from wallets.approvals.reading import Act, Arguments, Order
from wallets.errors import ApprovalStateError
from wallets.models import Approval

State = Approval.State
Caller = User | str  # a person, or a key by the name it has as a caller


class Submitted(NamedTuple):
    """What became of a change: it was done, or it waits for somebody else."""

    outcome: str
    approval: Approval | None


def most_alone(code: str) -> Decimal | None:
    """Return how much of an asset one person may decide about; None: any amount."""
    bounds: Mapping[str, Decimal] = settings.METERBOOK_APPROVAL_ABOVE
    return bounds.get(code, bounds.get(""))


def is_needed(*, asset: Asset, amount: Decimal) -> bool:
    """Say whether so much of an asset needs a second person."""
    bound = most_alone(asset.code)
    return bound is not None and amount.copy_abs() > bound


def submit(
    *,
    book: Book,
    operation: str,
    arguments: Arguments,
    key: str,
    reason: str,
    by: Caller,
    at: datetime,
) -> Submitted:
    """
    Do a change of credit at once or, if it is large, ask for a second person.

    ``grant``: wallet, amount, and perhaps funding, priority, effective_at, expires_at,
    feature_keys, cost_basis, name; ``schedule``: wallet, amount, cadence, starts_at, and perhaps
    what else ``schedules.create`` takes; ``adjust``: grant, amount; ``void``: grant; ``transfer``:
    source, target, amount and perhaps grant; ``top_up``: wallet, amount, and perhaps currency,
    availability, priority, expires_at, feature_keys; ``confirm``: top_up, payment_key; ``fail``
    and ``refund``: top_up. Rows by id, amounts and instants as text. It is asked for, and done,
    once per ``key``.

    Raises:
        InvalidInputError: an unknown operation, no reason, or arguments that cannot be read.
        NotFoundError: the book has nothing of that id.
        DomainError: what the operation itself raises.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key)
    order = read(book, operation, arguments, at)
    approval = _asked(book, operation, order, {**arguments, "key": key}, reason, by, at)
    if approval is not None:
        return Submitted("", approval)
    return Submitted(order.run(Act(key, reason, _time(order, at), _name(by))), None)


def ask(
    *,
    book: Book,
    operation: str,
    arguments: Arguments,
    key: str,
    reason: str,
    by: Caller,
    at: datetime,
) -> Approval | None:
    """
    Ask for a second person if a change is large; None if the caller may do it by itself.

    That is so when it is small, or somebody approved the same under this key: doing it again is
    harmless. Arguments and errors are those of ``submit``; only what has to wait needs a reason.
    """
    if not settings.METERBOOK_APPROVAL_ABOVE:
        return None
    order = read(book, operation, arguments, at)
    return _asked(book, operation, order, {**arguments, "key": key}, reason, by, at)


def _asked(
    book: Book,
    operation: str,
    order: Order,
    arguments: Arguments,
    reason: str,
    by: Caller,
    at: datetime,
) -> Approval | None:
    if not is_needed(asset=order.asset, amount=order.amount):
        return None
    asked = {"operation": operation, "arguments": dict(arguments)}
    known = Approval.objects.filter(book=book, **asked).exclude(state=State.REFUSED).first()
    if known is not None:
        return known if known.state == State.WAITING else None
    return Approval.objects.create(
        book=book,
        asset=order.asset,
        amount=order.amount.copy_abs(),
        reason=inputs.name("reason", reason, longest=500),
        asked_by=by if isinstance(by, User) else None,
        asker=_caller(by),
        asked_at=at,
        **asked,
    )


def approve(*, approval: Approval, by: Caller, at: datetime) -> Approval:
    """
    Do what was asked for, once; whoever asked cannot approve it. Approving again changes nothing.

    ``by`` is a person, or the name of an API key as a caller: another key is somebody else.

    Raises:
        ApprovalStateError: it was refused, is this person's own, or would come to more by now.
        DomainError: what the operation itself raises; then it still waits.
    """
    with transaction.atomic():
        approval = _lock(approval)
        if approval.state == State.APPROVED:
            return approval
        _check(approval, by)
        order = read(approval.book, approval.operation, approval.arguments, at)
        _check_size(approval, order)
        key = approval.arguments.get("key") or f"approval:{approval.pk}"
        act = Act(key, approval.reason, _time(order, at), _name(by))
        approval.outcome = order.run(act)
        return _decide(approval, State.APPROVED, by, at)


def refuse(*, approval: Approval, by: Caller, reason: str, at: datetime) -> Approval:
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


def _check(approval: Approval, by: Caller) -> None:
    if approval.state != State.WAITING:
        raise ApprovalStateError(approval=approval.pk, state=approval.state)
    is_theirs = isinstance(by, User) and approval.asked_by_id == by.pk
    if is_theirs or approval.asker == _caller(by):
        remedy = "have somebody else decide it"
        raise ApprovalStateError(approval=approval.pk, asked_by=approval.asker, remedy=remedy)


def _check_size(approval: Approval, order: Order) -> None:
    """Nobody approves more than was asked for: what is read by its number may have grown."""
    if order.asset != approval.asset or order.amount.copy_abs() > approval.amount:
        raise ApprovalStateError(
            approval=approval.pk,
            asked_for=approval.amount,
            comes_to=order.amount,
            remedy="refuse it, and have it asked for again",
        )


def _decide(approval: Approval, state: str, by: Caller, at: datetime) -> Approval:
    approval.state, approval.decided_at, approval.decider = state, at, _caller(by)
    approval.decided_by_id = by.pk if isinstance(by, User) else None
    approval.save(update_fields=["state", "decided_by", "decider", "decided_at", "outcome"])
    return approval


def _caller(by: Caller) -> str:
    """Return how the API calls somebody: a person, or a key."""
    return f"user:{by.get_username()}" if isinstance(by, User) else by


def _name(by: Caller) -> str:
    return by.get_username() if isinstance(by, User) else by


def _time(order: Order, at: datetime) -> datetime:
    """Return the time that whoever has the credit lives by."""
    return at if order.customer is None else clocks.now_of(order.customer, at)
