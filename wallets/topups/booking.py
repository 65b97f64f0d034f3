"""
What a top-up posts: credit comes, money comes; what is unused goes back.

Credit is issued from ``rail_clearing`` in its own asset. Where that is not the money it is paid in,
``conversion`` faces both: what credits were sold for on one side, the credits on the other. Until
money has come, the customer owes it: ``receivable``, apart from invoices.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.utils.dateparse import parse_datetime

from ledger import bulk, chart
from ledger.chart import Spec
from ledger.ids import asset_of
from ledger.moves import Move, Posting
from wallets import grants
from wallets.issuing import TOP_UP
from wallets.models import TopUp
from wallets.topups.pricing import Price

_CLEARING: Final = "rail_clearing"
_OWED: Final = "top-ups"  # which of a customer's accounts "receivable"


def issue(top_up: TopUp, *, at: datetime, is_paid: bool) -> None:
    """Put the credit into the wallet, and set the top-up's grant, for the caller to save."""
    wallet, terms = top_up.wallet, top_up.terms
    price = Price(top_up.price, top_up.currency)
    top_up.grant = grants.issue(
        wallet=wallet,
        key=f"{TOP_UP}:{top_up.pk}",
        is_of_top_up=True,
        amount=top_up.amount,
        at=at,
        priority=terms["priority"],
        expires_at=parse_datetime(terms["expires_at"]) if terms["expires_at"] else None,
        feature_keys=terms["feature_keys"],
        cost_basis=price.per_credit(top_up.amount, wallet.customer.book.base_currency),
        name=f"Top-up {top_up.key}"[:200],
    )
    accounts = _Accounts(top_up, at)
    moves = accounts.sale(top_up.amount, top_up.price)
    if not is_paid:
        moves += accounts.move(accounts.owed, accounts.money, top_up.price)
    _post(top_up, "", moves, at)


def pay(top_up: TopUp, *, at: datetime) -> None:
    """Have money that was owed for credit come in."""
    accounts = _Accounts(top_up, at)
    _post(top_up, ":paid", accounts.move(accounts.money, accounts.owed, top_up.price), at)


def undo(top_up: TopUp, *, at: datetime, is_paid: bool) -> None:
    """
    Undo the sale of what was taken back of the credit, for its part of the money.

    Money that was paid is to go back to the customer, from ``rail_clearing``; what was not is no
    longer owed.
    """
    accounts = _Accounts(top_up, at)
    moves = [move.mirror() for move in accounts.sale(top_up.taken_back, top_up.money_back)]
    if not is_paid:
        moves += accounts.move(accounts.money, accounts.owed, top_up.money_back)
    _post(top_up, ":back", moves, at)


class _Accounts:
    """The accounts that a top-up moves beside the lot."""

    def __init__(self, top_up: TopUp, at: datetime) -> None:
        customer, credit, money = top_up.wallet.customer, top_up.wallet.asset, top_up.currency
        book_id = customer.book_id
        specs = [
            Spec(book_id, None, _CLEARING, money.pk),
            Spec(book_id, customer.pk, "receivable", money.pk, _OWED),
            Spec(book_id, None, _CLEARING, credit.pk),
        ]
        if credit != money:
            specs += [
                Spec(book_id, None, "conversion", money.pk, credit.code),
                Spec(book_id, None, "conversion", credit.pk, money.code),
            ]
        found = chart.accounts(specs, at=at)
        self.money, self.owed, self.credit, *self.conversion = (found[spec] for spec in specs)

    def sale(self, credit: Decimal, money: Decimal) -> list[Move]:
        """Return the moves that put money in the place of credit; none if they are the same."""
        if not self.conversion:
            return []
        for_money, for_credit = self.conversion
        assert asset_of(for_money) == asset_of(self.money), "each side in its own asset"
        return [
            *self.move(for_credit, self.credit, credit),
            *self.move(self.money, for_money, money),
        ]

    @staticmethod
    def move(debit: int, credit: int, amount: Decimal) -> list[Move]:
        """Return a move, or none of nothing."""
        return [Move(debit=debit, credit=credit, amount=amount)] if amount else []


def _post(top_up: TopUp, step: str, moves: Sequence[Move], at: datetime) -> None:
    if not moves:
        return
    posting = Posting(
        book_id=top_up.book_id,
        kind="topup",
        key=f"topup:{top_up.pk}{step}",
        effective_at=at,
        moves=moves,
        memo=f"Top-up {top_up.key}",
        cause=top_up.cause,
        metadata={"payment": top_up.payment_key} if top_up.payment_key else None,
    )
    bulk.post(postings=[posting])
