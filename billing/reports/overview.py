"""
A book at a glance: wallets, postpaid accounts, revenue and provider cost by model.

All of it is read from balances; usage events are not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.metering.naming import product_of, supply_of
from billing.models import Rate
from ledger import balances
from ledger.models import Account, Book
from ledger.money import ZERO, exactly
from wallets import summary
from wallets.models import Wallet
from wallets.summary import Figures

MODEL: Final = "model"  # the dimension that revenue and cost are shown by
_UNBILLED: Final = "unbilled"
_OVERDRAFT: Final = "overdraft"
_REVENUE: Final = "usage_revenue"
_COST: Final = "cost_of_revenue"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRow:
    """What became of a wallet's credit."""

    customer: str
    wallet: str
    asset: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class PostpaidRow:
    """What a customer owes for usage in one asset."""

    customer: str
    asset: str
    unbilled: Decimal
    credit_limit: Decimal | None  # None: without limit
    overdraft: Decimal


@dataclass(slots=True, kw_only=True)
class MarginRow:
    """What one model earned in an asset and what its providers are owed for it."""

    model: str
    asset: str
    revenue: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def margin(self) -> Decimal:
        """What is left of revenue."""
        with exactly():
            return self.revenue - self.cost

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin as a share of revenue; None without revenue."""
        return self.margin / self.revenue * 100 if self.revenue else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A book at a glance."""

    wallets: list[WalletRow]
    postpaid: list[PostpaidRow]
    margins: list[MarginRow]
    trial_balance: list[balances.TrialRow]


def of_book(*, book: Book, at: datetime) -> Overview:
    """
    Return a book at a glance, with the lives of grants judged at ``at``.

    Raises:
        OutOfBalanceError: debits and credits of an asset differ.
    """
    return Overview(
        wallets=wallets(book=book, at=at),
        postpaid=postpaid(book=book),
        margins=margins(book=book),
        trial_balance=balances.trial_balance(book=book),
    )


def wallets(*, book: Book, at: datetime) -> list[WalletRow]:
    """Return what became of the credit in each wallet, by customer."""
    found = list(
        Wallet.objects.filter(customer__book=book)
        .select_related("customer", "asset")
        .order_by("customer__key", "key")
    )
    figures = summary.of_wallets([wallet.pk for wallet in found], at=at)
    return [
        WalletRow(
            customer=wallet.customer.key,
            wallet=wallet.key,
            asset=wallet.asset.code,
            figures=figures[wallet.pk],
        )
        for wallet in found
    ]


def postpaid(*, book: Book) -> list[PostpaidRow]:
    """Return what customers owe, unbilled or beyond their credit; who owes nothing is left out."""
    accounts = Account.objects.filter(
        book=book, customer__isnull=False, purpose__in=[_UNBILLED, _OVERDRAFT]
    ).values_list("customer__key", "asset__code", "purpose", "pk")
    present = balances.now(number for *_, number in accounts)
    parts: dict[tuple[str, str], dict[str, balances.AccountBalance]] = defaultdict(dict)
    for customer, asset, purpose, number in accounts:
        parts[customer, asset][purpose] = present[number]
    rows = [_postpaid(*owner, held) for owner, held in sorted(parts.items())]
    return [row for row in rows if row.unbilled or row.overdraft]


def margins(*, book: Book) -> list[MarginRow]:
    """Return revenue and provider cost by model (by product where a price names none)."""
    models = _models(book)
    rows: dict[tuple[str, str], MarginRow] = {}
    for purpose, asset, named, amount in _house(book, (_REVENUE, _COST)):
        model = models.get(named, named)
        row = rows.setdefault((model, asset), MarginRow(model=model, asset=asset))
        with exactly():
            if purpose == _REVENUE:
                row.revenue += amount
            else:
                row.cost += amount
    return [row for _, row in sorted(rows.items())]


def _postpaid(customer: str, asset: str, held: dict[str, balances.AccountBalance]) -> PostpaidRow:
    owed = {purpose: -balance.settled for purpose, balance in held.items()}
    floor = held[_UNBILLED].floor if _UNBILLED in held else None
    return PostpaidRow(
        customer=customer,
        asset=asset,
        unbilled=owed.get(_UNBILLED, ZERO),
        credit_limit=None if floor is None else -floor,
        overdraft=owed.get(_OVERDRAFT, ZERO),
    )


def _house(book: Book, purposes: Iterable[str]) -> list[tuple[str, str, str, Decimal]]:
    """Return the balances of the book's own accounts: purpose, asset, discriminator, amount."""
    accounts = Account.objects.filter(
        book=book, customer=None, purpose__in=list(purposes)
    ).values_list("purpose", "asset__code", "discriminator", "pk")
    present = balances.now(number for *_, number in accounts)
    return [
        (purpose, asset, named, present[number].settled)
        for purpose, asset, named, number in accounts
    ]


def _models(book: Book) -> dict[str, str]:
    """Map what accounts of revenue and cost are named after to the model that is sold."""
    models = {}
    for rate in Rate.objects.filter(rate_card__book=book).select_related("meter"):
        product = product_of(rate.meter.key, rate.match)
        model = rate.match.get(MODEL, product)
        models[product] = model
        models[supply_of(rate.provider, product)] = model
    return models
