"""Plain functions that make what a test is about; name only what matters."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from ledger.models import Asset, Book, Customer
from wallets import grants
from wallets.models import CreditGrant, Wallet

NOON = datetime(2025, 6, 15, 12, tzinfo=UTC)

_numbers = count(1)


def name(kind: str) -> str:
    """Return a name no other test uses."""
    return f"{kind}-{next(_numbers)}"


def book(*, key: str = "", time_zone: str = "UTC", base_currency: str = "USD") -> Book:
    key = key or name("book")
    return Book.objects.create(
        key=key, name=key, base_currency=base_currency, time_zone=time_zone, created_at=NOON
    )


def asset(*, code: str = "USD", kind: str = Asset.Kind.CURRENCY, scale: int = 12) -> Asset:
    """Return the asset of that code, made on first use."""
    found, _ = Asset.objects.get_or_create(
        code=code, defaults={"name": code, "kind": kind, "scale": scale}
    )
    return found


def customer(
    *, book: Book | None = None, parent: Customer | None = None, key: str = "", **others: Any
) -> Customer:
    """Return a new customer, in its parent's book or else in a new one."""
    key = key or name("customer")
    home = book or (parent.book if parent else _a_book())
    return Customer.objects.create(
        book=home, parent=parent, key=key, name=key, created_at=NOON, **others
    )


def wallet(
    *,
    customer: Customer | None = None,
    asset: Asset | None = None,
    key: str = "",
    is_shared: bool = False,
) -> Wallet:
    return grants.open_wallet(
        customer=customer or _a_customer(),
        asset=asset or _dollars(),
        key=key or name("wallet"),
        is_shared=is_shared,
        at=NOON,
    )


def grant(
    *,
    wallet: Wallet | None = None,
    amount: Decimal | int | str = 100,
    key: str = "",
    at: datetime = NOON,
    **terms: Any,
) -> CreditGrant:
    """Return credit in a wallet: 100, paid for, effective at noon and without end unless told."""
    return grants.issue(
        wallet=wallet or _a_wallet(),
        key=key or name("grant"),
        amount=Decimal(amount),
        at=at,
        **terms,
    )


# The functions above cannot call each other by names their parameters have.
def _a_book() -> Book:
    return book()


def _a_customer() -> Customer:
    return customer()


def _dollars() -> Asset:
    return asset()


def _a_wallet() -> Wallet:
    return wallet()
