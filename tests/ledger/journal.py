"""A small book to post into, and a plain-Python answer to what its accounts hold."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count

from ledger import bulk, chart, folding, posting, sealing
from ledger.models import (
    Account,
    Asset,
    Book,
    Customer,
    Entry,
    Receipt,
    Seal,
    Transaction,
    Watermark,
)
from ledger.moves import Move, Posting
from tests import factories
from tests.factories import NOON


@dataclass
class Scene:
    """A book with one customer: a lot of dollars, units, and the book's own accounts."""

    book: Book
    customer: Customer
    dollars: Asset
    tokens: Asset
    _keys: count = field(default_factory=count)

    def account(self, purpose: str, *, asset: Asset | None = None, label: str = "") -> Account:
        owner = self.customer if chart.PURPOSES[purpose].is_customers else None
        return chart.account(
            book=self.book,
            purpose=purpose,
            asset=asset or self.dollars,
            at=NOON,
            customer=owner,
            discriminator=label,
        )

    @property
    def lot(self) -> Account:
        return self.account("credit_lot", label="1")

    @property
    def clearing(self) -> Account:
        return self.account("rail_clearing")

    @property
    def revenue(self) -> Account:
        return self.account("usage_revenue")

    def top_up(self, amount: Decimal | int | str = 1000, at: datetime = NOON) -> Transaction:
        return self.post([Move(self.clearing.pk, self.lot.pk, Decimal(amount))], at=at)

    def use(self, amount: Decimal | int | str, at: datetime = NOON) -> Transaction:
        return self.post([Move(self.lot.pk, self.revenue.pk, Decimal(amount))], at=at)

    def consume(self, units: int, at: datetime = NOON) -> Transaction:
        debit = self.account("consumed_units", asset=self.tokens, label="m").pk
        credit = self.account("metered_units", asset=self.tokens, label="m").pk
        return self.post([Move(debit, credit, Decimal(units))], at=at)

    def post(
        self, moves: Sequence[Move], at: datetime = NOON, *, key: str = "", kind: str = "test"
    ) -> Transaction:
        key = key or f"k{next(self._keys)}"
        return posting.post(book=self.book, kind=kind, key=key, moves=moves, effective_at=at)

    def post_each(self, moves: Iterable[Move], at: datetime = NOON) -> None:
        """Post many transactions of one move each, in one call."""
        bulk.post(
            postings=[
                Posting(
                    book_id=self.book.pk,
                    kind="test",
                    key=f"k{next(self._keys)}",
                    effective_at=move.effective_at or at,
                    moves=[move],
                )
                for move in moves
            ]
        )


def scene(*, time_zone: str = "UTC") -> Scene:
    book = factories.book(time_zone=time_zone)
    return Scene(
        book=book,
        customer=factories.customer(book=book),
        dollars=factories.asset(),
        tokens=factories.asset(code="token", kind=Asset.Kind.UNIT, scale=0),
    )


def eventually(work: Callable[[], int], wanted: int) -> int:
    """
    Repeat work until it has done as much as wanted, or ten seconds have passed; return how much.

    What is final depends on every transaction that runs in the cluster, other tests' too.
    """
    deadline = time.monotonic() + 10
    done = work()
    while done < wanted and time.monotonic() < deadline:
        time.sleep(0.02)
        done += work()
    return done


def fold(**bounds: int) -> int:
    """Fold everything there is; return how many transactions it was."""
    watermark = Watermark.objects.filter(name="fold").first()
    receipts = Receipt.objects.all()
    if watermark is not None:
        receipts = receipts.extra(
            where=["(xid, transaction_id) > (%s::text::xid8, %s)"],
            params=[str(watermark.xid), watermark.position],
        )
    return eventually(lambda: folding.fold(**bounds), receipts.count())


def seal() -> int:
    """Seal everything there is; return how many transactions it was."""
    sealed = sum(Seal.objects.values_list("transactions", flat=True))
    return eventually(lambda: sealing.seal(at=NOON), Receipt.objects.count() - sealed)


def volumes(
    account: Account, *, effective_at: datetime | None = None, posted_at: datetime | None = None
) -> tuple[Decimal, Decimal]:
    """Add up an account's entries one by one: what every faster way must agree with."""
    debits = credits_ = Decimal(0)
    for entry in Entry.objects.select_related("transaction"):
        if effective_at is not None and entry.effective_at >= effective_at:
            continue
        if posted_at is not None and entry.transaction.posted_at >= posted_at:
            continue
        debits += entry.amount if entry.debit_account_id == account.pk else 0
        credits_ += entry.amount if entry.credit_account_id == account.pk else 0
    return debits, credits_
