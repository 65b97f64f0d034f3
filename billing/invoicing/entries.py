"""
What a document posts: which amounts move between which accounts when it is issued.

The receivable belongs to the payer, what stood unbilled or overdrawn to who consumed. Exact
amounts leave those accounts; what printing rounded goes to ``rounding``, once per document. A
credit note moves the same the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from billing.invoicing import labels
from billing.invoicing.errors import InvoiceDiffersError
from billing.models import Invoice
from ledger import arrays, bulk
from ledger.chart import Spec
from ledger.money import ZERO, add, subtract, text, total
from wallets import watches

OVERDRAFT: Final = "overdraft"
MANUAL: Final = "manual"  # names the account of discounts given by hand
_LONGEST: Final = 200  # of the name of an account


class Part(NamedTuple):
    """Lines of a document that move the same accounts, added up."""

    invoice_id: int
    consumer_id: int
    product: str
    is_inclusive: bool
    jurisdiction: str
    category: str
    percentage: Decimal
    taken_from: str  # the account that money left which the payer owes again
    due: Decimal  # printed
    sourced: Decimal  # so much of it is what sources came to
    exact_due: Decimal
    exact_overdraft: Decimal
    tax: Decimal

    @property
    def tax_label(self) -> str:
        """Name the account of tax it goes to."""
        return labels.of_tax(self.jurisdiction, self.category, self.percentage)


@dataclass(slots=True, kw_only=True)
class Flows:
    """What one document moves, by the accounts debited and credited; below zero: mirrored."""

    book_id: int
    payer_id: int
    asset_id: int
    is_credit: bool
    amounts: dict[tuple[Spec, Spec], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def receivable(self) -> Spec:
        """Name the account of what the payer owes."""
        return Spec(self.book_id, self.payer_id, "receivable", self.asset_id)

    def take(self, part: Part) -> None:
        """Add what some lines move."""
        receivable = self.receivable
        self._move(receivable, self._of(part.consumer_id, "unbilled"), part.exact_due)
        self._move(receivable, self._of(part.consumer_id, OVERDRAFT), part.exact_overdraft)
        exact = add(part.exact_due, part.exact_overdraft)
        self._move(receivable, self._house("rounding"), subtract(part.sourced, exact))
        by_hand = subtract(part.due, part.sourced)
        self._move(receivable, self._by_hand(by_hand, part), by_hand)
        tax = self._house("tax_payable", part.tax_label)
        taxed = self._house("included_tax", part.product) if part.is_inclusive else receivable
        self._move(taxed, tax, part.tax)

    def moves(self) -> list[tuple[Spec, Spec, Decimal]]:
        """Return what moves, each above zero, as (debit, credit, amount)."""
        found = []
        for (debit, credit), amount in self.amounts.items():
            if amount == ZERO:
                continue
            if (amount > ZERO) is self.is_credit:
                debit, credit = credit, debit  # noqa: PLW2901 - mirrored
            found.append((debit, credit, amount.copy_abs()))
        return found

    @property
    def specs(self) -> set[Spec]:
        """Name the accounts that it moves."""
        return {spec for debit, credit, _ in self.moves() for spec in (debit, credit)}

    def posted_on(self, accounts: Mapping[Spec, int]) -> list[tuple[int, int, Decimal]]:
        """Return what moves by the numbers of the accounts."""
        return [
            (accounts[debit], accounts[credit], amount) for debit, credit, amount in self.moves()
        ]

    def owed(self) -> Decimal:
        """Return what the payer owes by it (of a credit note: is owed)."""
        receivable = self.receivable
        return total(amount for (debit, _), amount in self.amounts.items() if debit == receivable)

    def _move(self, debit: Spec, credit: Spec, amount: Decimal) -> None:
        if amount:
            self.amounts[debit, credit] = add(self.amounts[debit, credit], amount)

    def _of(self, consumer_id: int, purpose: str) -> Spec:
        return Spec(self.book_id, consumer_id, purpose, self.asset_id)

    def _house(self, purpose: str, label: str = "") -> Spec:
        return Spec(self.book_id, None, purpose, self.asset_id, label[:_LONGEST])

    def _by_hand(self, amount: Decimal, part: Part) -> Spec:
        if part.taken_from:
            purpose, _, label = part.taken_from.partition(":")
            return self._house(purpose, label)
        if self.is_credit:
            return self._house("credit_notes", part.product)
        if amount < ZERO:
            return self._house("discounts", MANUAL)
        return self._house("one_off_revenue", part.product)


def of(invoices: Iterable[Any]) -> dict[int, Flows]:
    """
    Return what each document moves when it is issued; one query.

    Raises:
        InvoiceDiffersError: that is not what it says is due.
    """
    flows = {
        one.id: Flows(
            book_id=one.book_id,
            payer_id=one.payer_id,
            asset_id=one.asset_id,
            is_credit=one.kind == Invoice.Kind.CREDIT_NOTE,
        )
        for one in invoices
    }
    for part in _parts(list(flows)):
        flows[part.invoice_id].take(part)
    for one in invoices:
        if (owed := flows[one.id].owed()) != one.due:
            raise InvoiceDiffersError(document=one.id, due=text(one.due), posted=text(owed))
    return flows


def covered_since(flows: Mapping[int, Flows], accounts: Mapping[Spec, int]) -> set[int]:
    """
    Return the documents for an overdraft that credit has covered since they were drafted.

    Locks all the accounts in their order, if there is an overdraft among them.
    """
    taken: dict[int, Decimal] = defaultdict(Decimal)
    who: dict[int, set[int]] = defaultdict(set)
    for number, flow in flows.items():
        for _, credit, amount in flow.moves():
            if credit.purpose == OVERDRAFT:
                taken[accounts[credit]] = add(taken[accounts[credit]], amount)
                who[accounts[credit]].add(number)
    if not taken:
        return set()
    funds = bulk.lock(number for spec, number in accounts.items() if spec.customer_id is not None)
    owed = {number: subtract(funds[number].debits, funds[number].credits) for number in taken}
    return {one for number in taken if owed[number] < taken[number] for one in who[number]}


def watch(accounts: Mapping[Spec, int]) -> None:
    """Have wallets looked at again whose customers' overdrafts are billed; after all balances."""
    watches.touch([number for spec, number in accounts.items() if spec.purpose == OVERDRAFT])


def _parts(invoice_ids: Sequence[int]) -> list[Part]:
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, [arrays.whole(invoice_ids)])
        return [Part(*row) for row in cursor.fetchall()]


# What a line without a source says is due was decided by hand, unless it takes something off an
# account: what somebody owes beyond credit is a line of its own.
_PARTS: Final = """
    SELECT l.invoice_id, l.consumer_id, l.product, l.is_inclusive, l.jurisdiction, l.category,
           l.percentage, CASE l.kind WHEN 'returned' THEN l.details ->> 'taken_from' ELSE '' END,
           sum(l.due), sum(s.sourced), sum(l.exact_due), sum(l.exact_overdraft),
           sum(l.tax)
    FROM billing_invoiceline l JOIN billing_invoice i ON i.id = l.invoice_id
    CROSS JOIN LATERAL (SELECT CASE
        WHEN l.upto IS NOT NULL
        THEN CASE i.kind WHEN 'credit_note' THEN l.before[10] - l.upto[10]
                         ELSE l.upto[10] - l.before[10] END
        WHEN l.exact_due <> 0 OR l.exact_overdraft <> 0 THEN l.due ELSE 0 END AS sourced) s
    WHERE l.invoice_id = ANY(%s::bigint[])
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, l.due < s.sourced ORDER BY 1, 2
"""
