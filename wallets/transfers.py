"""
Credit that moves from one wallet to another, lot by lot.

What arrives are grants of their own, parts of those they came from: funding, cost basis, expiry,
priority and features stay as they were; they pay for usage from the transfer on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from ledger import bulk, inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.money import ZERO, add, exact, subtract
from wallets import issuing, overdraft
from wallets.burn_order import in_order
from wallets.errors import CreditExhaustedError
from wallets.holds import parts
from wallets.lots import lot_of
from wallets.models import CreditGrant, Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a caller asks for."""

    source_id: int
    target_id: int
    key: str
    amount: Decimal
    grant_id: int | None

    def key_of(self, lot: CreditGrant) -> str:
        return f"transfer:{self.key}:{lot.pk}"

    def done(self) -> list[CreditGrant]:
        """Return what has arrived under the key before."""
        start = f"transfer:{self.key}:"
        arrived = CreditGrant.objects.filter(wallet=self.target_id, key__startswith=start)
        return [
            grant
            for grant in arrived.select_related("parent").order_by("pk")
            if grant.key.removeprefix(start).isdigit()
        ]

    def check_same(self, arrived: Iterable[CreditGrant]) -> None:
        total = ZERO
        for grant in arrived:
            total = add(total, grant.amount)
            assert grant.parent is not None, "a part has a whole"
            if grant.parent.wallet_id != self.source_id or self.grant_id not in {
                None,
                grant.parent_id,
            }:
                raise IdempotencyConflictError(key=self.key)
        if total != self.amount:
            raise IdempotencyConflictError(key=self.key)


def transfer(
    *,
    source: Wallet,
    target: Wallet,
    key: str,
    amount: Decimal,
    at: datetime,
    reason: str = "",
    grant: CreditGrant | None = None,
) -> list[CreditGrant]:
    """
    Move credit from one wallet to another, once per target and key; return the grants it became.

    From the lots that are effective, in burn order, or from one ``grant`` only, effective or not.
    What is held stays. What arrives first covers the overdraft of the target's customer.

    Raises:
        InvalidInputError: wallets that cannot be joined, a grant of another wallet, no amount.
        CreditExhaustedError: less than that is available.
        IdempotencyConflictError: the key already stands for another transfer.
    """
    order = _Order(
        source_id=source.pk,
        target_id=target.pk,
        key=inputs.key("key", key, longest=160),
        amount=amount,
        grant_id=grant.pk if grant else None,
    )
    reason = inputs.name("reason", reason, longest=500, may_be_empty=True)
    with transaction.atomic():
        source, target = _lock(source, target)
        if arrived := order.done():
            order.check_same(arrived)
            return arrived
        _check(source, target, order, grant)
        return _move(order, target, at, reason)


def _lock(source: Wallet, target: Wallet) -> tuple[Wallet, Wallet]:
    locked = {
        wallet.pk: wallet
        for wallet in Wallet.objects.select_for_update(no_key=True, of=("self",))
        .select_related("asset", "customer")
        .filter(pk__in=[source.pk, target.pk])
        .order_by("pk")
    }
    return locked[source.pk], locked[target.pk]


def _check(source: Wallet, target: Wallet, order: _Order, grant: CreditGrant | None) -> None:
    if not exact(order.amount, source.asset.scale) > 0:
        raise _refused("amount", order.amount, "transfer more than zero")
    if source.pk == target.pk:
        raise _refused("target", target.key, "name another wallet than the source")
    if source.asset_id != target.asset_id:
        raise _refused("target", target.asset.code, f"name a wallet in {source.asset.code}")
    if source.customer.book_id != target.customer.book_id:
        raise _refused("target", target.key, "name a wallet of the same book")
    if source.customer.clock_id != target.customer.clock_id:
        raise _refused("target", target.key, "name a customer that lives by the same clock")
    if source.origin or target.origin:
        raise _refused("source", source.key, "an allowance cannot be transferred: grant more")
    if grant is not None and grant.wallet_id != source.pk:
        raise _refused("grant", grant.key, "name a grant of the source wallet")


def _move(order: _Order, target: Wallet, at: datetime, reason: str) -> list[CreditGrant]:
    lots = _lots(order, at)
    owner = issuing.owner_of(target)
    owing = overdraft.accounts_of([owner.payer])
    locked = bulk.lock([*owing.values(), *(lot.account_id for lot in lots)])
    funds = parts.give_back_expired(locked, at=at)
    drafts, rest = [], order.amount
    for lot in lots:
        if part := min(rest, max(funds[lot.account_id].available or ZERO, ZERO)):
            rest = subtract(rest, part)
            drafts.append(
                issuing.part_of(
                    lot, owner=owner, key=order.key_of(lot), amount=part, at=at, reason=reason
                )
            )
    if rest:
        available = subtract(order.amount, rest)
        remedy = "transfer no more than is available"
        raise CreditExhaustedError(amount=order.amount, available=available, remedy=remedy)
    return issuing.issue(drafts, at=at, debts=overdraft.debts(owing, funds))


def _lots(order: _Order, at: datetime) -> list[CreditGrant]:
    """Lock the lots that may be moved, and return them in burn order."""
    alive = CreditGrant.objects.filter(Q(expires_at=None) | Q(expires_at__gt=at), voided_at=None)
    if order.grant_id is None:
        alive = alive.filter(wallet=order.source_id, effective_at__lte=at)
    else:
        alive = alive.filter(pk=order.grant_id)
    grants = {grant.pk: grant for grant in alive.select_for_update(no_key=True).order_by("pk")}
    return [grants[lot.grant_id] for lot in in_order(map(lot_of, grants.values()))]


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)
