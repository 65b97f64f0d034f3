"""
Shares of a shared wallet: how much of it one descendant may use per period.

Who has no share may use all of it. What was taken is counted where usage is paid, per period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction

from ledger import durations, inputs
from ledger.errors import InvalidInputError
from ledger.models import Customer
from ledger.money import ZERO, exact, subtract
from ledger.periods import Period
from wallets.models import ShareUse, Wallet, WalletShare


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a customer took of its share in a period, in the wallet's asset."""

    period: Period
    used: Decimal
    held: Decimal
    remaining: Decimal  # never below zero, though the share was lowered meanwhile


def give(
    *,
    wallet: Wallet,
    customer: Customer,
    amount: Decimal,
    cadence: str,
    at: datetime,
    anchor: datetime | None = None,
    time_zone: str = "",
) -> WalletShare:
    """
    Let a descendant use so much of a shared wallet per period, from now on, and return the share.

    Periods are counted from ``anchor`` (the share's beginning) on the wall clock of ``time_zone``
    (the book's). A share with the same periods is changed and what was taken in the present one
    counts; other periods begin a new share. Giving the same again changes nothing.

    Raises:
        InvalidInputError: a wallet that is not shared, nobody below its customer, a negative
            amount, no cadence of an hour or more.
        PrecisionError: the amount is finer than the asset is kept.
    """
    length = durations.parse("cadence", cadence)
    durations.check_shortest("cadence", length)
    with transaction.atomic():
        wallet = (
            Wallet.objects.select_for_update(no_key=True, of=("self",))
            .select_related("asset", "customer__book")
            .get(pk=wallet.pk)
        )
        _check(wallet, customer, amount)
        zone = inputs.time_zone("time_zone", time_zone or wallet.customer.book.time_zone)
        first = WalletShare.objects.filter(wallet=wallet, customer=customer, ended_at=None).first()
        if first is not None:
            if _has_periods(first, length, anchor, zone):
                first.amount = amount
                first.save(update_fields=["amount"])
                return first
            end(share=first, at=at)
        return WalletShare.objects.create(
            wallet=wallet,
            customer=customer,
            amount=amount,
            cadence=str(length),
            anchor=anchor or at,
            time_zone=zone.key,
            created_at=at,
        )


def end(*, share: WalletShare, at: datetime) -> WalletShare:
    """Let a customer use all of the shared wallet again. Again changes nothing."""
    WalletShare.objects.filter(pk=share.pk, ended_at=None).update(ended_at=at)
    share.refresh_from_db(fields=["ended_at"])
    return share


def period_of(share: WalletShare, at: datetime) -> Period:
    """Return the period of a share that holds an instant."""
    cadence = durations.parse("cadence", share.cadence)
    return durations.cycle_of(at, share.anchor, cadence, ZoneInfo(share.time_zone))


def standing(shares: Iterable[WalletShare], *, at: datetime) -> dict[int, Standing]:
    """Return what was taken of shares in the period that holds ``at``, by share."""
    periods = {share.pk: period_of(share, at) for share in shares}
    starts = {period.starts_at for period in periods.values()}
    uses = {
        use.share_id: use
        for use in ShareUse.objects.filter(share__in=periods, starts_at__in=starts)
        if use.starts_at == periods[use.share_id].starts_at
    }
    found = {}
    for share in shares:
        use = uses.get(share.pk)
        used, held = (use.used, use.held) if use else (ZERO, ZERO)
        rest = max(ZERO, subtract(subtract(share.amount, used), held))
        found[share.pk] = Standing(period=periods[share.pk], used=used, held=held, remaining=rest)
    return found


def _check(wallet: Wallet, customer: Customer, amount: Decimal) -> None:
    if exact(amount, wallet.asset.scale) < ZERO:
        raise _refused("amount", amount, "let it use zero or more")
    if not wallet.is_shared:
        raise _refused("wallet", wallet.key, "name a shared wallet")
    if wallet.customer_id not in _ancestors(customer):
        raise _refused("customer", customer.key, f"name one below {wallet.customer.key}")


def _ancestors(customer: Customer) -> set[int]:
    found, parent_id = set[int](), customer.parent_id
    while parent_id is not None:
        found.add(parent_id)
        parent_id = Customer.objects.values_list("parent_id", flat=True).get(pk=parent_id)
    return found


def _has_periods(
    share: WalletShare, length: durations.Duration, anchor: datetime | None, zone: ZoneInfo
) -> bool:
    return (
        share.cadence == str(length)
        and anchor in {None, share.anchor}
        and share.time_zone == zone.key
    )


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)
