"""
Allowances: what a metered entitlement gives, as credit in the meter's unit.

An allowance is a wallet of its own, shared with all below the customer, restricted to the feature:
one grant per usage period, lapsing at its end. What is added or bought on top is a grant in another
wallet of the same unit.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from billing.budgets.periods import period_of
from billing.entitlements.rights import origin
from billing.models import Entitlement
from ledger.models import Customer
from wallets import grants, schedules
from wallets.models import CreditGrant, GrantSchedule, Wallet

_MOST: Final = 100  # grants that a question waits for
_ALL: Final = "allowance"  # the key of what it gives

# Of one that has ended: it would go on giving, or what it gave would go on being there.
_HAS_SOMETHING: Final = Q(wallet__schedules__due_at__isnull=False) | Q(
    Q(wallet__grants__expires_at=None) | Q(wallet__grants__expires_at__gt=F("ends_at")),
    wallet__grants__voided_at=None,
    wallet__grants__expired_at=None,
    wallet__grants__isnull=False,
)


def keep(*, customer_ids: Collection[int], at: datetime) -> int:
    """
    Open the allowances that have begun and close those that are over; return how many.

    Their grants are due from then on. Safe to run twice, late, or by several at once: customers
    are locked in order.
    """
    found = Entitlement.objects.filter(customer__in=customer_ids, limit__isnull=False)
    to_open = Q(wallet=None, starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))
    to_close = Q(wallet__isnull=False, ends_at__lte=at) & _HAS_SOMETHING
    wanted = found.filter(to_open | to_close).values_list("customer", flat=True)
    owners = sorted(set(wanted.order_by()))
    done = 0
    for owner in owners:
        with transaction.atomic():
            Customer.objects.select_for_update(no_key=True).get(pk=owner)
            mine = found.filter(customer=owner).select_related(
                "feature__meter__unit", "customer__book"
            )
            for entitlement in mine.filter(to_open):
                _open(entitlement, at)
                done += 1
            for entitlement in mine.filter(to_close).distinct():
                _close(entitlement, at)
                done += 1
    return done


def bring_up(*, customer_id: int, at: datetime) -> int:
    """Open a customer's allowances and issue what is due to it by ``at``; return how much was."""
    opened = keep(customer_ids=[customer_id], at=at)
    due_at = schedules.next_due(customer_id=customer_id)
    if due_at is None or due_at > at:
        return opened
    return opened + schedules.issue(at=at, customer_id=customer_id, limit=_MOST)


def features_of(entitlement: Entitlement) -> list[str]:
    """Return what units of an allowance, or on top of it, are restricted to."""
    # Only unrestricted credit covers what was used beyond the allowance before.
    return [] if entitlement.preserves_overage else [entitlement.feature.key]


def _open(entitlement: Entitlement, at: datetime) -> None:
    meter, limit = entitlement.feature.meter, entitlement.limit
    assert meter is not None, "only what a meter counts has a limit"
    assert limit is not None, "it was asked for by it"
    wallet = Wallet.objects.create(
        customer=entitlement.customer,
        asset=meter.unit,
        key=origin(entitlement.pk),
        name=entitlement.feature.name,
        is_shared=True,
        origin=origin(entitlement.pk),
        created_at=at,
    )
    entitlement.wallet = wallet
    entitlement.save(update_fields=["wallet"])
    if not limit > Decimal(0):
        return
    feature, keys = entitlement.feature, features_of(entitlement)
    if not entitlement.usage_period:
        grants.issue(
            wallet=wallet,
            key=_ALL,
            amount=limit,
            at=at,
            effective_at=entitlement.starts_at,
            expires_at=entitlement.ends_at,
            funding=CreditGrant.Funding.PROMOTIONAL,
            feature_keys=keys,
            name=feature.name,
        )
        return
    period = period_of(entitlement.anchor, entitlement.usage_period, entitlement.time_zone, at)
    schedules.create(
        wallet=wallet,
        key=_ALL,
        amount=limit,
        cadence=entitlement.usage_period,
        # Opened late, it gives nothing for periods that are over.
        starts_at=max(entitlement.starts_at, period.starts_at),
        ends_at=entitlement.ends_at if entitlement.item_id is None else None,  # items may go on
        anchor=entitlement.anchor,
        time_zone=entitlement.time_zone,
        funding=CreditGrant.Funding.PROMOTIONAL,
        feature_keys=keys,
        name=feature.name,
        origin=origin(entitlement.pk),
        at=at,
    )


def _close(entitlement: Entitlement, at: datetime) -> None:
    ends_at, wallet = entitlement.ends_at, entitlement.wallet
    assert ends_at is not None, "it has ended"
    assert wallet is not None, "it was asked for by it"
    for schedule in GrantSchedule.objects.filter(wallet=wallet, due_at__isnull=False):
        schedules.end(schedule=schedule, ends_at=max(ends_at, schedule.starts_at))
    living = CreditGrant.objects.filter(wallet=wallet, voided_at=None)
    for grant in living.filter(Q(expires_at=None) | Q(expires_at__gt=at)):
        grants.void(grant=grant, at=max(at, grant.effective_at), reason="The entitlement ended.")
