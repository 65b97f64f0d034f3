"""
A book at a glance: wallets, postpaid accounts, revenue and provider cost.

All of it is read from balances; usage events are not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing.models import BillingProfile
from billing.reports.margins import MarginRow, margins
from ledger import balances
from ledger.models import Account, Book
from ledger.money import ZERO, negate
from wallets import summary
from wallets.models import Wallet
from wallets.summary import Figures

_UNBILLED: Final = "unbilled"
_OVERDRAFT: Final = "overdraft"


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
    terms = BillingProfile.objects.filter(customer__book=book)
    bounds = dict(terms.values_list("customer__key", "credit_limit"))
    rows = [_postpaid(*owner, held, bounds) for owner, held in sorted(parts.items())]
    return [row for row in rows if row.unbilled or row.overdraft]


def _postpaid(
    customer: str,
    asset: str,
    held: dict[str, balances.AccountBalance],
    bounds: Mapping[str, Decimal | None],
) -> PostpaidRow:
    owed = {purpose: negate(balance.settled) for purpose, balance in held.items()}
    return PostpaidRow(
        customer=customer,
        asset=asset,
        unbilled=owed.get(_UNBILLED, ZERO),
        credit_limit=bounds.get(customer),
        overdraft=owed.get(_OVERDRAFT, ZERO),
    )
