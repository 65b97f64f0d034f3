"""
Give money back: asked for, sent, and there; or it failed and is the payer's unapplied cash again.

    requested → (sent) → settled
        └─────────┴────→ failed
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from billing.models import Allocation, Refund, Unapplied
from billing.payments import allocating, locking, writing
from billing.payments.errors import AllocationExceedsError, PaymentStateError
from billing.payments.telling import of_refund, tell
from billing.payments.writing import Accounts, Part
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals, taken
from ledger.models import Customer
from ledger.money import ZERO, exact
from wallets.topups.pricing import places_of

State = Refund.State
MANUAL: Final = "manual"
_OPEN: Final = frozenset({State.REQUESTED, State.SENT})


def refund(
    *,
    source: Unapplied,
    amount: Decimal | None = None,
    reason: str,
    by: str,
    key: str,
    at: datetime,
    rail: str = "",
) -> Refund:
    """
    Ask for unapplied money to be given back; none: all that is left. Once per key.

    What a dispute may take stays until that is decided.

    ``rail`` is who is to send it: the one that brought it unless told.

    Raises:
        InvalidInputError: no reason, or an amount not above zero.
        AllocationExceedsError: less is left.
        IdempotencyConflictError: the key stands for another refund.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key, longest=255)
    with refusals(), transaction.atomic():
        payer = locking.payer(source.payer_id)
        first = Refund.objects.filter(book=payer.book_id, key=key).select_related("asset").first()
        if first is not None:
            if first.source_id != source.pk or amount not in {None, first.amount}:
                raise IdempotencyConflictError(key=key)
            return first
        source = locking.source(source.pk)
        left = min(allocating.left_of(source), allocating.undisputed(source))
        amount = left if amount is None else exact(amount, places_of(source.asset))
        if amount <= ZERO:
            raise InvalidInputError(field="amount", value=amount, remedy="refund more than zero")
        if amount > left:
            raise AllocationExceedsError(amount=amount, left=left, source=str(source))
        brought = source.payment.source if source.payment else MANUAL
        made = Refund.objects.create(
            book_id=payer.book_id,
            key=key,
            source=source,
            payer=payer,
            asset=source.asset,
            amount=amount,
            rail=inputs.slug("rail", rail or brought),
            reason=reason,
            cause=by,
            requested_at=at,
        )
        _move(made, amount, payer, by=by, at=at)
        _tell("refund.requested", made, payer, at)
        return made


def send(*, refund: Refund, external_id: str, by: str, at: datetime) -> Refund:
    """
    Note that a rail has taken the order, under its own name. The same again changes nothing.

    Raises:
        PaymentStateError: it has been settled or has failed, or was sent under another name.
        IdempotencyConflictError: the name is another refund's.
    """
    external_id = inputs.key("external_id", external_id, longest=255)
    with transaction.atomic():
        locking.payer(refund.payer_id)
        refund = _again(refund)
        if refund.external_id == external_id and refund.state != State.FAILED:
            return refund
        if refund.state != State.REQUESTED:
            raise PaymentStateError(refund=refund.key, state=refund.state)
        refund.state, refund.external_id, refund.sent_at = State.SENT, external_id, at
        with taken(external_id=external_id):
            refund.save(update_fields=["state", "external_id", "sent_at"])
        return refund


def settle(*, refund: Refund, by: str, at: datetime, external_id: str = "") -> Refund:
    """
    Note that the money is with the payer. Again changes nothing.

    Raises:
        PaymentStateError: it has failed, or was sent under another name.
    """
    with refusals(), transaction.atomic():
        payer = locking.payer(refund.payer_id)
        refund = _again(refund)
        if refund.state == State.SETTLED:
            return refund
        is_other = external_id and refund.external_id not in {"", external_id}
        if refund.state not in _OPEN or is_other:
            raise PaymentStateError(
                refund=refund.key, state=refund.state, external_id=refund.external_id
            )
        refund.state, refund.closed_at = State.SETTLED, at
        refund.external_id = refund.external_id or external_id
        with taken(external_id=external_id):
            refund.save(update_fields=["state", "closed_at", "external_id"])
        accounts = Accounts(payer, refund.asset_id, at)
        leg = accounts.leg("refunds_payable", f"rail_clearing:{refund.rail}", refund.amount)
        writing.post(
            [(leg, None)],
            payer=payer,
            kind="refund",
            key=f"refund:{refund.pk}:settled",
            cause=by,
            at=at,
            memo=refund.reason,
        )
        _tell("refund.settled", refund, payer, at)
        return refund


def fail(*, refund: Refund, reason: str, by: str, at: datetime) -> Refund:
    """
    Note that the money did not reach the payer: it is unapplied again. Again changes nothing.

    Raises:
        InvalidInputError: no reason.
        PaymentStateError: it has been settled.
    """
    reason = inputs.name("reason", reason, longest=500)
    with refusals(), transaction.atomic():
        payer = locking.payer(refund.payer_id)
        refund = _again(refund)
        if refund.state == State.FAILED:
            return refund
        if refund.state not in _OPEN:
            raise PaymentStateError(refund=refund.key, state=refund.state)
        row = Allocation.objects.get(refund=refund, reverses=None)
        writing.write(
            [writing.mirror(row, reason=reason)],
            payer=payer,
            asset_id=refund.asset_id,
            kind="refund",
            posting_key=f"refund:{refund.pk}:failed",
            cause=by,
            at=at,
            memo=reason,
        )
        refund.state, refund.closed_at, refund.failure = State.FAILED, at, reason
        refund.save(update_fields=["state", "closed_at", "failure"])
        _tell("refund.failed", refund, payer, at)
        return refund


def _move(made: Refund, amount: Decimal, payer: Customer, *, by: str, at: datetime) -> None:
    part = Part(
        kind=Allocation.Kind.REFUND, amount=amount, source_id=made.source_id, refund=made,
        reason=made.reason,
    )  # fmt: skip
    writing.write(
        [part],
        payer=payer,
        asset_id=made.asset_id,
        kind="refund",
        posting_key=f"refund:{made.pk}",
        cause=by,
        at=at,
        memo=made.reason,
    )


def _again(refund: Refund) -> Refund:
    return Refund.objects.select_related("asset").get(pk=refund.pk)


def _tell(kind: str, refund: Refund, payer: Customer, at: datetime) -> None:
    key = f"refund:{refund.pk}:{refund.state}"
    tell(kind, key=key, payer=payer, data=of_refund(refund), at=at)
