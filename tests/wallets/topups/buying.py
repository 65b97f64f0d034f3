"""What tests of top-ups share: a wallet, its top-ups, and what the books say of them."""

from decimal import Decimal
from typing import Any

from django.db import connection

from ledger.models import Account, Asset, Customer, Outbox
from tests import factories
from tests.factories import NOON
from wallets import funds, topups
from wallets.models import CreditPrice, TopUp, Wallet


def credits_wallet(*, price: str = "0.10", customer: Customer | None = None) -> Wallet:
    """Return a wallet of credits that cost ten cents each, unless told."""
    wallet = factories.wallet(
        customer=customer, asset=factories.asset(code="credit", kind="credit", scale=6)
    )
    CreditPrice.objects.create(
        book=wallet.customer.book,
        asset=wallet.asset,
        currency=factories.asset(),
        amount=Decimal(price),
        effective_from=NOON,
        created_at=NOON,
    )
    return wallet


def ask(wallet: Wallet, amount: Decimal | int | str = 100, **terms: Any) -> TopUp:
    """Ask for a hundred, unless told."""
    return topups.request(
        **{
            "wallet": wallet,
            "key": factories.name("order"),
            "amount": Decimal(amount),
            "at": NOON,
            **terms,
        }
    )


def pay(top_up: TopUp, payment: str = "", **terms: Any) -> TopUp:
    return topups.settle(
        **{"top_up": top_up, "payment_key": payment or factories.name("wire"), "at": NOON, **terms}
    )


def has(wallet: Wallet) -> Decimal:
    """Return what a wallet has to spend."""
    return funds.of(wallet, at=NOON)


def holds(purpose: str, asset: Asset | None = None, customer: Customer | None = None) -> Decimal:
    """Return debits less credits of the accounts of a purpose, from the entries."""
    accounts = Account.objects.filter(purpose=purpose, asset=asset or factories.asset())
    if customer is not None:
        accounts = accounts.filter(customer=customer)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(CASE WHEN debit_account_id = ANY(%s) THEN amount ELSE -amount"
            " END), 0) FROM ledger_entry"
            " WHERE debit_account_id = ANY(%s) OR credit_account_id = ANY(%s)",
            [[account.pk for account in accounts]] * 3,
        )
        return Decimal(cursor.fetchone()[0])


def told(kind: str) -> list[dict[str, Any]]:
    """Return what was told of a kind of event, in order."""
    rows = Outbox.objects.filter(topic="event", payload__type=kind).order_by("pk")
    return [row.payload for row in rows]
