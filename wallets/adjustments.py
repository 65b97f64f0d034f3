"""
Adjustment of a grant, with a reason: what it was issued for stays, the change is its part.

More is a grant beside it on the same terms. Less is a part that is split off and voided at once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from ledger import bulk, inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.money import ZERO, exact
from wallets import grants, issuing, overdraft
from wallets.errors import CreditExhaustedError, GrantClosedError
from wallets.holds import parts
from wallets.models import CreditGrant, Wallet


def adjust(
    *,
    grant: CreditGrant,
    key: str,
    amount: Decimal,
    reason: str,
    at: datetime,
    is_of_top_up: bool = False,
) -> CreditGrant:
    """
    Give more to a grant or, below zero, take from what is unused of it; once per wallet and key.

    Returns the grant that is the change: with its amount, and voided if it was taken.

    Raises:
        InvalidInputError: no amount, no reason, or a key that only top-ups have.
        GrantClosedError: it was voided, or has expired by ``at``.
        CreditExhaustedError: less is unused than is to be taken; what is held is not.
        IdempotencyConflictError: the key already stands for another adjustment.
    """
    inputs.key("key", key, longest=160)
    reason = inputs.name("reason", reason, longest=500)
    more, less = f"adjust:more:{key}", f"adjust:less:{key}"
    with transaction.atomic():
        wallet = (
            Wallet.objects.select_for_update(no_key=True, of=("self",))
            .select_related("asset", "customer")
            .get(pk=grant.wallet_id)
        )
        grant = CreditGrant.objects.select_for_update(no_key=True).get(pk=grant.pk)
        first = CreditGrant.objects.filter(wallet=wallet, key__in=[more, less]).first()
        if first is not None:
            signed = first.amount if first.key == more else first.amount.copy_negate()
            if (first.parent_id, signed) != (grant.pk, amount):
                raise IdempotencyConflictError(key=key)
            return first
        if not is_of_top_up:
            issuing.check_key(key, [issuing.TOP_UP])
        if not exact(amount, wallet.asset.scale):
            remedy = "give an amount above or below zero"
            raise InvalidInputError(field="amount", value=amount, remedy=remedy)
        _check_open(grant, at)
        part = issuing.part_of(
            grant,
            owner=issuing.owner_of(wallet),
            key=more if amount > 0 else less,
            amount=amount.copy_abs(),
            at=at,
            reason=reason,
        )
        return _give(part, at) if amount > 0 else _take(part, grant, at)


def _check_open(grant: CreditGrant, at: datetime) -> None:
    if grant.voided_at is not None:
        raise GrantClosedError(grant=grant.key, voided_at=grant.voided_at.isoformat())
    if grant.expires_at is not None and grant.expires_at <= at:
        raise GrantClosedError(grant=grant.key, expires_at=grant.expires_at.isoformat())


def _give(part: issuing.Draft, at: datetime) -> CreditGrant:
    draft = replace(part, lot_id=None, moved_at=None)
    owing = overdraft.accounts_of([draft.owner.payer]) if draft.may_cover(at) else {}
    debts = overdraft.debts(owing, bulk.lock(owing.values())) if owing else {}
    return issuing.issue([draft], at=at, debts=debts)[0]


def _take(part: issuing.Draft, grant: CreditGrant, at: datetime) -> CreditGrant:
    locked = bulk.lock([grant.account_id])
    unused = parts.give_back_expired(locked, at=at)[grant.account_id].available or ZERO
    if part.amount > unused:
        remedy = "take no more than is unused"
        raise CreditExhaustedError(amount=part.amount, available=unused, remedy=remedy)
    split = issuing.issue([part], at=at, debts={})[0]
    return grants.void(grant=split, at=at, reason=part.reason)
