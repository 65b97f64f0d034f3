"""Open wallets, put credit into them, take back what is unused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from ledger import bulk, inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Asset, Customer
from ledger.money import ZERO, text
from ledger.moves import Move, Posting
from wallets import issuing, overdraft, watches
from wallets.errors import GrantClosedError
from wallets.holds import parts
from wallets.models import CreditGrant, Wallet
from wallets.telling import tell

Funding = CreditGrant.Funding
_LIMITS: Final = "entitlement:"  # how keys of wallets begin that hold limits


def open_wallet(
    *,
    customer: Customer,
    asset: Asset,
    key: str,
    at: datetime,
    name: str = "",
    is_shared: bool = False,
    after_expiry: str = Wallet.AfterExpiry.BREAKAGE,
    origin: str = "",
) -> Wallet:
    """
    Open a wallet once per customer and key, and return it.

    A shared wallet also pays for what the customer's descendants use. What a correction returns
    to a lot that was closed meanwhile is breakage, or with ``after_expiry`` "reopen" credit again.
    ``origin`` says whose limit it is, if it is no money: "entitlement:<number>".

    Raises:
        InvalidInputError: no such policy, or a key that only wallets of limits have.
        IdempotencyConflictError: the key stands for a wallet in another asset, or shared otherwise.
    """
    inputs.choice("after_expiry", after_expiry, Wallet.AfterExpiry.values)
    if not origin and key.startswith(_LIMITS):
        remedy = f"begin it otherwise than {_LIMITS}"
        raise InvalidInputError(field="key", value=key, remedy=remedy)
    wallet, _ = Wallet.objects.get_or_create(
        customer=customer,
        key=key,
        defaults={
            "asset": asset,
            "name": name,
            "is_shared": is_shared,
            "after_expiry": after_expiry,
            "origin": origin,
            "created_at": at,
        },
    )
    first = (wallet.asset_id, wallet.is_shared, wallet.after_expiry, wallet.origin)
    if first != (asset.pk, is_shared, after_expiry, origin):
        raise IdempotencyConflictError(key=key)
    return wallet


def issue(
    *,
    wallet: Wallet,
    key: str,
    amount: Decimal,
    at: datetime,
    funding: str = Funding.PAID,
    priority: int = 100,
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
    feature_keys: Collection[str] = (),
    cost_basis: Decimal | None = None,
    name: str = "",
    parent: CreditGrant | None = None,
    reason: str = "",
    is_of_top_up: bool = False,
) -> CreditGrant:
    """
    Put a block of credit into a wallet, once per wallet and key, and return it.

    It pays for usage from ``effective_at`` (by default ``at``, when it is issued) until
    ``expires_at``. If nothing restricts it and it is effective by ``at``, it first covers the
    overdraft of the wallet's customer in that asset. ``amount`` is in the wallet's asset. Issuing
    the same again changes nothing, whatever the clock or the name says. What is added to another
    grant names it as ``parent``, and why in ``reason``.

    Raises:
        InvalidInputError: an amount not above zero, a life that ends before it starts, a key
            that only grants made here have, …
        PrecisionError: the amount is finer than the asset is kept.
        IdempotencyConflictError: the key already stands for another grant.
    """
    terms = _Terms(
        amount=amount,
        funding=funding,
        priority=priority,
        effective_at=effective_at,
        expires_at=expires_at,
        feature_keys=sorted(set(feature_keys)),
        cost_basis=cost_basis,
    )
    with transaction.atomic():
        # One at a time per wallet, so that the second of two equal calls finds the first one's.
        wallet = (
            Wallet.objects.select_for_update(no_key=True, of=("self",))
            .select_related("asset", "customer__book")
            .get(pk=wallet.pk)
        )
        first = CreditGrant.objects.filter(wallet=wallet, key=key).first()
        if first is not None:
            if not terms.are_those_of(first):
                raise IdempotencyConflictError(key=key)
            return first
        if not is_of_top_up:
            issuing.check_key(key)
        terms.check(wallet.asset, at)
        draft = terms.draft(wallet, key, at, name=name, parent=parent, reason=reason)
        owing = overdraft.accounts_of([draft.owner.payer]) if draft.may_cover(at) else {}
        debts = overdraft.debts(owing, bulk.lock(owing.values())) if owing else {}
        grant = issuing.issue([draft], at=at, debts=debts)[0]
        if not wallet.origin:
            _tell(grant, wallet, at)
        return grant


def void(*, grant: CreditGrant, at: datetime, key: str = "", reason: str = "") -> CreditGrant:
    """
    Return what is unused of a grant to where it came from, for good; the grant pays no more.

    What is held stays until it is captured or released. Voiding again changes nothing.
    ``key`` is the caller's own, kept with the transaction beside the ``reason``.

    Raises:
        GrantClosedError: it expired by ``at``: what is left is breakage, if or not a job has run.
    """
    with transaction.atomic():
        grant = (
            CreditGrant.objects.select_for_update(no_key=True, of=("self",))
            .select_related("wallet__customer")
            .get(pk=grant.pk)
        )
        if grant.voided_at is not None:
            return grant
        if grant.expires_at is not None and grant.expires_at <= at:
            raise GrantClosedError(grant=grant.key, expires_at=grant.expires_at.isoformat())
        funds = parts.give_back_expired(bulk.lock([grant.account_id]), at=at)
        unused = funds[grant.account_id].available or ZERO
        if unused:
            move = Move(
                debit=grant.account_id,
                credit=issuing.source_of([grant.pk])[grant.pk],
                amount=unused,
                source_id=grant.pk,
            )
            bulk.post(
                postings=[
                    Posting(
                        book_id=grant.wallet.customer.book_id,
                        kind="void",
                        key=f"void:{grant.pk}",
                        effective_at=at,
                        moves=[move],
                        memo=reason,
                        metadata={"key": key} if key else None,
                    )
                ]
            )
        grant.voided_at = at
        grant.save(update_fields=["voided_at"])
        watches.touch([grant.account_id])
    return grant


def _tell(grant: CreditGrant, wallet: Wallet, at: datetime) -> None:
    data = {
        "grant": grant.key,
        "grant_id": str(grant.pk),
        "amount": text(grant.amount),
        "funding": grant.funding,
        "effective_at": grant.effective_at.isoformat(),
        "expires_at": grant.expires_at and grant.expires_at.isoformat(),
    }
    tell("grant.issued", key=f"grant:{grant.pk}:issued", wallet=wallet, data=data, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What a caller asks for; what makes two grants under one key the same."""

    amount: Decimal
    funding: str
    priority: int
    effective_at: datetime | None  # None: when it is issued, whenever that is
    expires_at: datetime | None
    feature_keys: list[str]
    cost_basis: Decimal | None

    def are_those_of(self, grant: CreditGrant) -> bool:
        return (
            self.amount == grant.amount
            and self.funding == grant.funding
            and self.priority == grant.priority
            and self.effective_at in {None, grant.effective_at}
            and self.expires_at == grant.expires_at
            and self.feature_keys == grant.feature_keys
            and self.cost_basis == grant.cost_basis
        )

    def draft(
        self,
        wallet: Wallet,
        key: str,
        at: datetime,
        *,
        name: str,
        parent: CreditGrant | None,
        reason: str,
    ) -> issuing.Draft:
        return issuing.Draft(
            owner=issuing.owner_of(wallet),
            key=key,
            amount=self.amount,
            funding=self.funding,
            priority=self.priority,
            effective_at=self.effective_at or at,
            expires_at=self.expires_at,
            feature_keys=self.feature_keys,
            cost_basis=self.cost_basis,
            name=name,
            parent_id=parent.pk if parent else None,
            reason=reason,
        )

    def check(self, asset: Asset, at: datetime) -> None:
        issuing.check(
            scale=asset.scale,
            amount=self.amount,
            funding=self.funding,
            priority=self.priority,
            cost_basis=self.cost_basis,
        )
        if self.expires_at is not None and self.expires_at <= (self.effective_at or at):
            remedy = "let it end after it starts"
            raise InvalidInputError(field="expires_at", value=self.expires_at, remedy=remedy)
