"""
One owner of a receivable at a time: who collects what a document leaves to be paid.

A rail, a hosted page or a person claims a document before it asks the payer for money, so that two
ways of paying never charge twice. A claim ends with its lease, unless nobody knows whether the
payer was charged: then it stays until that is found out.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from billing.models import Claim, Invoice
from billing.payments import locking
from billing.payments.errors import ClaimedError, DocumentStateError, PaymentStateError
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals

Outcome = Claim.Outcome
_ENDS = (Outcome.PAID, Outcome.FAILED, Outcome.RELEASED)


def claim(*, invoice: Invoice, owner: str, key: str, lease: timedelta, at: datetime) -> Claim:
    """
    Become who alone may collect a document, for the time of the lease; the same key prolongs it.

    Raises:
        InvalidInputError: an owner or key that cannot be read, or a lease that does not last.
        DocumentStateError: nothing of it is to be paid.
        ClaimedError: somebody else collects it, or another attempt of the same owner.
        IdempotencyConflictError: that attempt is over.
    """
    owner = inputs.key("owner", owner, longest=100)
    key = inputs.key("key", key, longest=255)
    if lease <= timedelta(0):
        raise InvalidInputError(field="lease", value=str(lease), remedy="let it last")
    with refusals(), transaction.atomic():
        invoice = locking.documents([invoice.pk])[invoice.pk]
        mine = invoice.claims.filter(owner=owner, key=key).first()
        if mine is not None and mine.released_at is not None:
            raise IdempotencyConflictError(key=mine.key, outcome=mine.outcome)
        locking.check_payable(invoice, payer_id=invoice.payer_id, asset_id=invoice.asset_id)
        if not invoice.open:
            raise DocumentStateError(invoice=invoice.number, state=invoice.state)
        if mine is not None:
            return _prolonged(mine, at + lease)
        _oust(invoice, at)
        return Claim.objects.create(
            invoice=invoice, owner=owner, key=key, claimed_at=at, lease_until=at + lease
        )


def release(*, claim: Claim, outcome: str, at: datetime) -> Claim:
    """
    Say how an attempt ended: paid, failed, or released without one. Again changes nothing.

    Raises:
        InvalidInputError: no such outcome.
        PaymentStateError: it ended otherwise.
    """
    inputs.choice("outcome", outcome, _ENDS)
    with transaction.atomic():
        claim = _lock(claim)
        if claim.released_at is not None:
            if claim.outcome != outcome:
                raise PaymentStateError(claim=claim.key, outcome=claim.outcome)
            return claim
        return _end(claim, outcome, at)


def hold(*, claim: Claim) -> Claim:
    """
    Keep a claim whatever its lease: nobody knows yet whether the payer was charged.

    Raises:
        PaymentStateError: it has ended.
    """
    with transaction.atomic():
        claim = _lock(claim)
        if claim.released_at is not None:
            raise PaymentStateError(claim=claim.key, outcome=claim.outcome)
        claim.outcome = Outcome.UNKNOWN
        claim.save(update_fields=["outcome"])
        return claim


def settle(invoice_ids: Collection[int], *, at: datetime) -> int:
    """End the claims of documents that nothing is to be paid of any more; return how many."""
    rows = Claim.objects.filter(invoice__in=invoice_ids, released_at=None, invoice__open=0)
    return rows.exclude(outcome=Outcome.UNKNOWN).update(released_at=at, outcome=Outcome.SETTLED)


def _lock(claim: Claim) -> Claim:
    """Lock a claim by its document, as whoever else would claim it does."""
    locking.documents([claim.invoice_id])
    return Claim.objects.get(pk=claim.pk)


def _prolonged(mine: Claim, until: datetime) -> Claim:
    mine.lease_until = max(mine.lease_until, until)
    mine.save(update_fields=["lease_until"])
    return mine


def _oust(invoice: Invoice, at: datetime) -> None:
    """End the claim there is if its lease is over; else refuse."""
    other = invoice.claims.filter(released_at=None).first()
    if other is None:
        return
    if other.outcome == Outcome.UNKNOWN or other.lease_until > at:
        raise ClaimedError(
            invoice=invoice.number, owner=other.owner, until=other.lease_until.isoformat()
        )
    _end(other, Outcome.EXPIRED, at)


def _end(claim: Claim, outcome: str, at: datetime) -> Claim:
    claim.outcome, claim.released_at = outcome, at
    claim.save(update_fields=["outcome", "released_at"])
    return claim
