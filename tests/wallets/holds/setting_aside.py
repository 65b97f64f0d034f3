"""Holds as callers make them, and what accounts then say."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.models import Account, Asset, Balance, Customer
from tests import factories
from tests.factories import NOON
from wallets import holds
from wallets.holds import Claim, Credit, Order, Reserved
from wallets.models import Capture, CreditGrant, Hold, HoldPart

CREDIT_ONLY = Credit(may_owe=False)


def order(customer: Customer, amount: Decimal | int | str, **others: Any) -> Order:
    asset: Asset = others.pop("asset", None) or factories.asset()
    named = {"key": factories.name("hold"), "credit": CREDIT_ONLY, "at": NOON} | others
    return Order(
        book_id=customer.book_id,
        customer_id=customer.pk,
        asset_id=asset.pk,
        scale=asset.scale,
        amount=Decimal(amount),
        **named,
    )


def reserve(customer: Customer, amount: Decimal | int | str, **others: Any) -> Reserved:
    return holds.reserve(order(customer, amount, **others))


def hold(customer: Customer, amount: Decimal | int | str, **others: Any) -> Hold:
    """Return a hold that was not denied."""
    found = reserve(customer, amount, **others).hold
    assert found.state == Hold.State.ACTIVE
    return found


def capture(
    hold: Hold,
    amount: Decimal | int | str,
    *,
    at: datetime = NOON,
    key: str = "",
    arrived: holds.Arrived | None = None,
    **others: Any,
) -> Capture:
    terms = {"credit": CREDIT_ONLY} | others
    claim = Claim(key=key or factories.name("capture"), amount=Decimal(amount), **terms)
    more = {} if arrived is None else {"arrived": arrived}
    return holds.capture(hold=hold, claim=claim, at=at, **more)


def held_on(grant: CreditGrant) -> Decimal:
    return Balance.objects.get(pk=grant.account_id).held


def held_of(hold: Hold) -> Decimal:
    return sum((part.amount for part in HoldPart.objects.filter(hold=hold)), Decimal(0))


def balance_of(customer: Customer, purpose: str, asset: Asset | None = None) -> Balance:
    """Return the balance of a customer's account; an empty one if it has not been opened."""
    asset = asset or factories.asset()
    found = Account.objects.filter(customer=customer, purpose=purpose, asset=asset).first()
    return Balance.objects.get(pk=found.pk) if found else Balance()


def standing_on(customer: Customer, purpose: str, asset: Asset | None = None) -> Decimal:
    """Return what stands on a customer's account, on its credit side."""
    balance = balance_of(customer, purpose, asset)
    return balance.credits - balance.debits
