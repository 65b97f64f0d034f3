"""
What customers owe us and what we owe them in service, at the beginning and the end of some time.

Contract assets are usage and charges that are not invoiced yet; receivables are invoiced;
contract liabilities are fees paid in advance, prepaid credit, and money not matched yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.reports import ties
from billing.reports.ties import Place, Tie
from ledger import totals
from ledger.models import Account, Asset, Book, Customer
from ledger.money import ZERO, add, negate, subtract

_ASSETS: Final = {"unbilled": "unbilled", "overdraft": "unbilled", "receivable": "receivable"}
_LIABILITIES: Final = {
    "credit_lot": "credit",
    "captured": "credit",
    "unapplied_cash": "unapplied",
    "refunds_payable": "unapplied",
}
_DEFERRED: Final = "deferred_revenue"
_KINDS: Final = _ASSETS | _LIABILITIES
_REPORT: Final = "contract balances"


@dataclass(slots=True, kw_only=True)
class Amounts:
    """Balances of one customer in one asset; what we owe is above zero, too."""

    unbilled: Decimal = ZERO  # contract asset
    receivable: Decimal = ZERO
    deferred: Decimal = ZERO  # contract liabilities: fees paid in advance,
    credit: Decimal = ZERO  # prepaid credit,
    unapplied: Decimal = ZERO  # money without a purpose yet

    @property
    def is_nothing(self) -> bool:
        """Say whether there is nothing to show."""
        return not any((self.unbilled, self.receivable, self.deferred, self.credit, self.unapplied))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """One customer in one asset."""

    customer: str
    asset: str
    opening: Amounts
    closing: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReport:
    """All customers, and whether they come to what the trial balance says."""

    rows: list[ContractRow]
    ties: list[Tie]


_Key = tuple[int, int]  # customer, asset


def contract_balances(
    *,
    book: Book,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    customer: Customer | None = None,
) -> ContractReport:
    """
    Return what stood before ``starts_at`` and before ``ends_at``, by customer and asset.

    Without a start the opening is nothing, without an end it closes with all there is. Of one
    customer there is nothing to tie out.

    Raises:
        OutOfBalanceError: debits and credits of an asset differ.
    """
    opening, _ = _balances(book, starts_at, customer) if starts_at else ({}, {})
    closing, said = _balances(book, ends_at, customer)
    codes = dict(Asset.objects.filter(kind__in=_MONEY).values_list("pk", "code"))
    names = dict(
        Customer.objects.filter(pk__in={number for number, _ in {*opening, *closing}}).values_list(
            "pk", "key"
        )
    )
    rows = [
        ContractRow(
            customer=names[key[0]],
            asset=codes[key[1]],
            opening=opening.get(key, Amounts()),
            closing=closing.get(key, Amounts()),
        )
        for key in sorted({*opening, *closing}, key=lambda key: (names[key[0]], codes[key[1]]))
    ]
    tied: list[Tie] = []
    if customer is None:
        coded: dict[Place, Decimal] = {(p, codes[asset]): sum_ for (p, asset), sum_ in said.items()}
        held = {
            place: amount
            for place, amount in ties.held(book, ends_at).items()
            if place[1] in codes.values()
        }
        tied = ties.tie(_REPORT, coded, held, (*_KINDS, _DEFERRED))
    return ContractReport(rows=rows, ties=tied)


def _balances(
    book: Book, before: datetime | None, customer: Customer | None
) -> tuple[dict[_Key, Amounts], Mapping[tuple[str, int], Decimal]]:
    accounts = Account.objects.filter(
        book=book, customer__isnull=False, purpose__in=_KINDS, asset__kind__in=_MONEY
    )
    if customer is not None:
        accounts = accounts.filter(customer=customer)
    places = {
        number: (owner, asset, purpose)
        for number, owner, asset, purpose in accounts.values_list(
            "pk", "customer_id", "asset_id", "purpose"
        )
    }
    found: defaultdict[_Key, Amounts] = defaultdict(Amounts)
    said: defaultdict[tuple[str, int], Decimal] = defaultdict(lambda: ZERO)
    for moved in totals.of_accounts(places, effective_at=before):
        owner, asset, purpose = places[moved.account_id]
        amount = subtract(moved.debits, moved.credits)
        said[purpose, asset] = add(said[purpose, asset], amount)
        kind = _KINDS[purpose]
        amounts = found[owner or 0, asset]
        shown = negate(amount) if purpose in _LIABILITIES else amount
        setattr(amounts, kind, add(getattr(amounts, kind), shown))
    for owner, asset, amount in _deferred(book, before, customer):
        found[owner, asset].deferred = amount
        said[_DEFERRED, asset] = subtract(said[_DEFERRED, asset], amount)
    return {key: amounts for key, amounts in found.items() if not amounts.is_nothing}, said


def _deferred(
    book: Book, before: datetime | None, customer: Customer | None
) -> list[tuple[int, int, Decimal]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _UNEARNED,
            {"book": book.pk, "before": before, "customer": customer.pk if customer else None},
        )
        return list(cursor.fetchall())


_MONEY: Final = (Asset.Kind.CURRENCY, Asset.Kind.CREDIT)
_UNEARNED: Final = """
    SELECT c.customer_id, c.asset_id,
           sum(CASE WHEN n.reason = 'earned' THEN -n.amount ELSE n.amount END)
    FROM billing_charge c JOIN billing_chargechange n ON n.charge_id = c.id
    WHERE c.book_id = %(book)s AND c.kind = 'flat'
      AND c.due_at = c.starts_at AND c.starts_at < c.ends_at
      AND (%(before)s::timestamptz IS NULL OR n.effective_at < %(before)s)
      AND (%(customer)s::bigint IS NULL OR c.customer_id = %(customer)s)
    GROUP BY 1, 2
    HAVING sum(CASE WHEN n.reason = 'earned' THEN -n.amount ELSE n.amount END) <> 0
"""
