"""Take credit back that is unused, and give the money for it back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.db import transaction

from ledger import bulk, inputs
from ledger.money import WIDE, ZERO, floor_to
from wallets import adjustments, summary
from wallets.errors import GrantClosedError, NothingUnusedError, TopUpStateError
from wallets.holds import parts
from wallets.issuing import TOP_UP
from wallets.models import CreditGrant, TopUp, Wallet
from wallets.topups import booking
from wallets.topups.history import note
from wallets.topups.pricing import places_of
from wallets.topups.standing import lock

State = TopUp.State


def refund(*, top_up: TopUp, reason: str, at: datetime, cause: str = "") -> TopUp:
    """
    Take back what is unused of a top-up's credit, and give back its part of the money.

    ``taken_back`` and ``money_back`` say how much that is; what was used or is held stays bought.
    Again changes nothing. The money stands on ``rail_clearing`` until the rail has sent it.

    Raises:
        InvalidInputError: no reason.
        TopUpStateError: it has not been settled.
        NothingUnusedError: all of it has been used, is held, or has been taken back.
        GrantClosedError: the credit has expired: what was left is breakage.
    """
    reason = inputs.name("reason", reason, longest=500)
    with transaction.atomic():
        top_up = lock(top_up)
        if top_up.state == State.REFUNDED:
            return top_up
        if top_up.state != State.SETTLED:
            raise TopUpStateError(top_up=top_up.key, state=top_up.state)
        take_back(top_up, reason=reason, at=at, is_paid=True)
        if not top_up.taken_back:
            raise NothingUnusedError(top_up=top_up.key, amount=top_up.amount)
        top_up.state, top_up.reason, top_up.closed_at = State.REFUNDED, reason, at
        top_up.save(update_fields=["state", "reason", "closed_at", "taken_back", "money_back"])
        note(top_up, at=at, reason=reason, cause=cause)
    return top_up


def take_back(top_up: TopUp, *, reason: str, at: datetime, is_paid: bool) -> None:
    """
    Take back what is unused of the grant, and say so on the top-up, for the caller to save.

    Of credit that is money and was paid, only what can be paid back: whole cents. What was voided
    before it was paid is not owed either.
    """
    grant = top_up.grant
    assert grant is not None, "its credit has been issued"
    unused = _unused(grant, at=at, is_paid=is_paid)
    is_money = top_up.wallet.asset_id == top_up.currency_id
    if is_money and is_paid:
        unused = floor_to(unused, places_of(top_up.currency))
    if unused:
        adjustments.adjust(
            grant=grant,
            key=f"{TOP_UP}:{top_up.pk}",
            amount=unused.copy_negate(),
            reason=reason,
            at=at,
            is_of_top_up=True,
        )
    elif not is_paid and grant.voided_at is not None:
        unused = summary.of_grants([grant.pk], at=at)[grant.pk].voided
    if not unused:
        return
    top_up.taken_back = unused
    top_up.money_back = unused if is_money else _share(top_up, unused)
    booking.undo(top_up, at=at, is_paid=is_paid)


def _unused(grant: CreditGrant, *, at: datetime, is_paid: bool) -> Decimal:
    """Return what can be taken, in the order of locks: wallet, grant, balance."""
    Wallet.objects.select_for_update(no_key=True).get(pk=grant.wallet_id)
    grant = CreditGrant.objects.select_for_update(no_key=True).get(pk=grant.pk)
    is_over = grant.expires_at is not None and grant.expires_at <= at
    if is_over and is_paid:
        raise GrantClosedError(grant=grant.key, expires_at=grant.expires_at)
    if is_over or grant.voided_at is not None:
        return ZERO
    funds = parts.give_back_expired(bulk.lock([grant.account_id]), at=at)
    return funds[grant.account_id].available or ZERO


def _share(top_up: TopUp, unused: Decimal) -> Decimal:
    """Return the money for a part of the credit, rounded to what can be paid."""
    places = places_of(top_up.currency)
    share = Fraction(top_up.price) * Fraction(unused) / Fraction(top_up.amount)
    return Decimal(round(share * 10**places)).scaleb(-places, WIDE)
