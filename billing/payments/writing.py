"""Write what settles documents: the posting and its allocations, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from billing import credit_limits
from billing.invoicing import lifecycle
from billing.models import Allocation, Dispute, Refund
from billing.payments import claims
from ledger import bulk, chart
from ledger.chart import Spec
from ledger.ids import LINES
from ledger.models import Customer, Entry
from ledger.money import ZERO, add
from ledger.moves import Move, Posting

Kind = Allocation.Kind
CUSTOMERS: Final = frozenset({"receivable", "unapplied_cash", "refunds_payable"})
# Debit and credit of the kinds whose two accounts are always the same.
_SIDES: Final[dict[str, tuple[str, str]]] = {
    Kind.PAYMENT: ("unapplied_cash", "receivable"),
    Kind.TOLERANCE: ("rounding", "receivable"),
    Kind.BALANCE: ("receivable", "unapplied_cash"),
    Kind.SURPLUS: ("unapplied_cash", "rounding"),
    Kind.REFUND: ("unapplied_cash", "refunds_payable"),
}


class Leg(NamedTuple):
    """An amount from one account to another; below zero it goes back."""

    debit: int
    credit: int
    amount: Decimal

    def move(self, source_id: int | None) -> Move:
        if self.amount < ZERO:
            return Move(self.credit, self.debit, self.amount.copy_negate(), source_id=source_id)
        return Move(self.debit, self.credit, self.amount, source_id=source_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One allocation to be written; ``legs`` are what it posts if its kind does not say that."""

    kind: str
    amount: Decimal
    source_id: int | None = None
    note_id: int | None = None
    invoice_id: int | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None
    tax: Decimal = ZERO
    reverses: Allocation | None = None
    policy: str = ""
    reason: str = ""
    legs: Sequence[Leg] = field(default_factory=tuple)


class Accounts:
    """The accounts of a payer, and the book's own, in one currency."""

    def __init__(self, payer: Customer, asset_id: int, at: datetime) -> None:
        self.book_id, self.payer_id, self.asset_id, self.at = payer.book_id, payer.pk, asset_id, at

    def of(self, purpose: str, label: str = "") -> int:
        """Return an account's number, opening it if there is none yet."""
        owner = self.payer_id if purpose in CUSTOMERS else None
        spec = Spec(self.book_id, owner, purpose, self.asset_id, label)
        return chart.accounts([spec], at=self.at)[spec]

    def leg(self, debit: str, credit: str, amount: Decimal) -> Leg:
        """Return a leg between accounts named ``purpose`` or ``purpose:label``."""
        sides = [self.of(*name.split(":", 1)) for name in (debit, credit)]
        return Leg(sides[0], sides[1], amount)

    def lock(self) -> None:
        """Lock the payer's balances: whoever takes a number later must hold them before."""
        mine = {self.of(purpose) for purpose in CUSTOMERS}
        bulk.lock({*mine, *credit_limits.accounts_of([self.payer_id])})


def post(
    legs: Sequence[tuple[Leg, int | None]],
    *,
    payer: Customer,
    kind: str,
    key: str,
    cause: str,
    at: datetime,
    memo: str = "",
) -> int | None:
    """Post legs, those between the same accounts for the same document as one; None of nothing."""
    sums: dict[tuple[int, int, int | None], Decimal] = {}
    for leg, source_id in legs:
        if not leg.amount:
            continue
        move = leg.move(source_id)
        pair = (move.debit, move.credit, source_id)
        sums[pair] = add(sums.get(pair, ZERO), move.amount)
    if not sums:
        return None
    posting = Posting(
        book_id=payer.book_id,
        kind=kind,
        key=key,
        effective_at=at,
        moves=[Move(*pair[:2], amount, source_id=pair[2]) for pair, amount in sums.items()],
        memo=memo,
        cause=cause,
    )
    done = bulk.post(postings=[posting])[0].transaction_id
    credit_limits.follow([payer.pk])
    return done


def write(
    parts: Sequence[Part],
    *,
    payer: Customer,
    asset_id: int,
    kind: str,
    posting_key: str,
    key: str = "",
    cause: str,
    at: datetime,
    memo: str = "",
) -> list[Allocation]:
    """
    Post what settles documents, write it down, and bring the documents into their states.

    The caller has locked the payer and the documents. The database refuses what is more than
    there is.
    """
    if not parts:
        return []
    accounts = Accounts(payer, asset_id, at)
    legs = [(leg, part.invoice_id) for part in parts for leg in _legs(part, accounts)]
    transaction_id = post(
        legs, payer=payer, kind=kind, key=posting_key, cause=cause, at=at, memo=memo
    )
    rows = Allocation.objects.bulk_create(
        [_row(part, payer, transaction_id, key, cause, at) for part in parts]
    )
    touched = {number for part in parts for number in (part.invoice_id, part.note_id) if number}
    if touched:
        lifecycle.refresh_state(invoice_ids=touched, at=at, by=cause)
        claims.settle(touched, at=at)
    return rows


def mirror(row: Allocation, *, dispute: Dispute | None = None, reason: str = "") -> Part:
    """Return what undoes an allocation; one whose transaction stands for it alone is mirrored."""
    legs: tuple[Leg, ...] = ()
    if row.kind not in _SIDES and row.transaction_id is not None:
        head = row.transaction_id
        entries = Entry.objects.filter(pk__gt=head, pk__lt=head + LINES).order_by("pk")
        legs = tuple(
            Leg(entry.debit_account_id, entry.credit_account_id, entry.amount.copy_negate())
            for entry in entries
        )
    return Part(
        kind=row.kind,
        amount=row.amount.copy_negate(),
        source_id=row.source_id,
        note_id=row.note_id,
        invoice_id=row.invoice_id,
        refund=row.refund,
        dispute=dispute,
        tax=row.tax.copy_negate(),
        reverses=row,
        reason=reason,
        legs=legs,
    )


def _legs(part: Part, accounts: Accounts) -> Sequence[Leg]:
    if part.kind in _SIDES:
        return [accounts.leg(*_SIDES[part.kind], part.amount)]
    return part.legs


def _row(
    part: Part,
    payer: Customer,
    transaction_id: int | None,
    key: str,
    cause: str,
    at: datetime,
) -> Allocation:
    return Allocation(
        book_id=payer.book_id,
        kind=part.kind,
        key=key,
        source_id=part.source_id,
        note_id=part.note_id,
        invoice_id=part.invoice_id,
        refund=part.refund,
        dispute=part.dispute,
        amount=part.amount,
        tax=part.tax,
        reverses=part.reverses,
        policy=part.policy,
        reason=part.reason,
        cause=cause,
        at=at,
        transaction_id=None if part.kind == Kind.CREDIT_NOTE else transaction_id,
    )
