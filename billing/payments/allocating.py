"""Give money, or a credit note, to the documents it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from billing.models import Allocation, Dispute, Invoice, Unapplied
from billing.payments import locking, policies, tolerance, writeoffs, writing
from billing.payments.errors import AllocationExceedsError
from billing.payments.policies import Share
from billing.payments.writing import Part
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.money import ZERO, exact, subtract, total

Kind = Allocation.Kind
Policy = Allocation.Policy
Source = Unapplied | Invoice


def left_of(source: Source) -> Decimal:
    """Return what may still be given of money, or of a credit note."""
    if isinstance(source, Unapplied):
        return subtract(source.amount, total([source.applied, source.returned]))
    left: Decimal = source.open
    return left


def held(money: Unapplied) -> Decimal:
    """Return what open disputes may take of a payment."""
    disputes = Dispute.objects.filter(payment=money.payment_id, state=Dispute.State.OPEN)
    return total(disputes.values_list("amount", flat=True))


def undisputed(money: Unapplied) -> Decimal:
    """Return what of a payment has not gone for good, and no open dispute may take."""
    return subtract(money.amount, total([money.returned, held(money)]))


def allocate(
    *,
    source: Source,
    parts: Sequence[tuple[int, Decimal]] | None = None,
    by: str,
    at: datetime,
    key: str = "",
    policy: str = "",
) -> list[Allocation]:
    """
    Give money, or what a credit note leaves to be given, to documents of its payer.

    ``parts`` are ids of documents and amounts; none: the oldest due first. What was written off
    of a document comes in again first (recovery). What is missing to, or left of, the amount
    within the tolerance is rounding. The same ``key`` again changes nothing.

    Raises:
        InvalidInputError: an amount not above zero, or a document named twice.
        DocumentStateError: a document is not issued, is void, or of another payer or currency.
        AllocationExceedsError: more is given than there is, or more than a document leaves open.
        IdempotencyConflictError: the key stands for another allocation.
    """
    with refusals(), transaction.atomic():
        payer = locking.payer(source.payer_id)
        if key and (done := _done(payer, source, key, parts)):
            return done
        if parts is None:
            owed = locking.owed_by(source.payer_id, source.asset_id)
            documents = [locking.as_open(invoice) for invoice in owed.values()]
            shares = policies.oldest_first(left_of(_again(source)), documents)
            policy = policy or Policy.OLDEST
        else:
            shares = _read(parts)
            owed = locking.documents({share.invoice_id for share in shares})
            policy = policy or Policy.CHOSEN
        return give(
            source=_again(source), shares=shares, owed=owed, payer=payer, policy=policy, by=by,
            at=at, key=key,
        )  # fmt: skip


def give(
    *,
    source: Source,
    shares: Sequence[Share],
    owed: Mapping[int, Invoice],
    payer: Customer,
    policy: str,
    by: str,
    at: datetime,
    key: str = "",
    tolerates: bool = True,
) -> list[Allocation]:
    """
    Write shares whose payer and documents the caller has locked; errors as ``allocate``.

    ``tolerates`` small differences, unless what is left is wanted otherwise.
    """
    _check(source, shares, owed)
    for share in shares:
        writeoffs.recover(
            invoice=owed[share.invoice_id], amount=share.amount, payer=payer, by=by, at=at
        )
    is_note = isinstance(source, Invoice)
    parts = [
        Part(
            kind=Kind.CREDIT_NOTE if is_note else Kind.PAYMENT,
            amount=share.amount,
            source_id=None if is_note else source.pk,
            note_id=source.pk if is_note else None,
            invoice_id=share.invoice_id,
            policy=policy,
        )
        for share in shares
    ]
    if isinstance(source, Unapplied) and shares and tolerates:
        parts += _tolerated(source, shares, owed)
    return writing.write(
        parts,
        payer=payer,
        asset_id=source.asset_id,
        kind="allocation",
        posting_key=_posting_key(source),
        key=key,
        cause=by,
        at=at,
    )


def unallocate(*, allocation: Allocation, reason: str, by: str, at: datetime) -> Allocation:
    """
    Take back what was given to a document: it is open again, the money (or note) free again.

    Again changes nothing.

    Raises:
        InvalidInputError: it is not what gives money or a note to a document.
    """
    if allocation.kind not in {Kind.PAYMENT, Kind.CREDIT_NOTE} or allocation.reverses_id:
        remedy = "name what was given to a document"
        raise InvalidInputError(field="allocation", value=allocation.pk, remedy=remedy)
    invoice = allocation.invoice
    assert invoice is not None, "the database asks for one"
    with refusals(), transaction.atomic():
        payer = locking.payer(invoice.payer_id)
        done = Allocation.objects.filter(reverses=allocation).first()
        if done is not None:
            return done
        locking.documents({number for number in (invoice.pk, allocation.note_id) if number})
        rows = undo(
            [allocation], payer=payer, asset_id=invoice.asset_id, reason=reason, by=by, at=at
        )
        return rows[0]


def undo(
    rows: Sequence[Allocation],
    *,
    payer: Customer,
    asset_id: int,
    reason: str,
    by: str,
    at: datetime,
) -> list[Allocation]:
    """Undo allocations, the last first, and what was tolerated with them; all are locked."""
    numbers = [row.transaction_id for row in rows if row.transaction_id]
    also = Allocation.objects.filter(transaction_id__in=numbers, reversal=None, reverses=None)
    also = also.filter(
        Q(kind=Kind.TOLERANCE, invoice__in=[row.invoice_id for row in rows]) | Q(kind=Kind.SURPLUS)
    )
    wanted = {row.pk: row for row in [*rows, *also]}
    parts = [
        writing.mirror(wanted[number], reason=reason) for number in sorted(wanted, reverse=True)
    ]
    return writing.write(
        parts,
        payer=payer,
        asset_id=asset_id,
        kind="allocation",
        posting_key=f"allocation:{rows[0].pk}:undone",
        cause=by,
        at=at,
        memo=reason,
    )


def _read(parts: Sequence[tuple[int, Decimal]]) -> list[Share]:
    shares = [Share(number, exact(amount)) for number, amount in parts]
    if not shares or any(share.amount <= ZERO for share in shares):
        raise InvalidInputError(
            field="allocations", value=[str(a) for _, a in parts], remedy="give amounts above zero"
        )
    if len({share.invoice_id for share in shares}) < len(shares):
        numbers = [share.invoice_id for share in shares]
        raise InvalidInputError(
            field="allocations", value=numbers, remedy="name each document once"
        )
    return shares


def _check(source: Source, shares: Sequence[Share], owed: Mapping[int, Invoice]) -> None:
    for share in shares:
        invoice = owed[share.invoice_id]
        locking.check_payable(invoice, payer_id=source.payer_id, asset_id=source.asset_id)
        payable = locking.as_open(invoice).payable
        if share.amount > payable:
            raise AllocationExceedsError(invoice=invoice.number, amount=share.amount, open=payable)
    given, left = total(share.amount for share in shares), left_of(source)
    if given > left:
        raise AllocationExceedsError(amount=given, left=left, source=str(source))


def _tolerated(
    source: Unapplied, shares: Sequence[Share], owed: Mapping[int, Invoice]
) -> list[Part]:
    """Return what is so little too little, or too much, that it counts as paid."""
    bound = tolerance.of(source.asset)
    left = subtract(left_of(source), total(share.amount for share in shares))
    if not bound or source.waits:
        return []
    if left > ZERO:
        small = left <= bound
        return [Part(kind=Kind.SURPLUS, amount=left, source_id=source.pk)] if small else []
    share = shares[-1]
    missing = subtract(locking.as_open(owed[share.invoice_id]).open, share.amount)
    if not ZERO < missing <= bound:
        return []
    return [Part(kind=Kind.TOLERANCE, amount=missing, invoice_id=share.invoice_id)]


def _again(source: Source) -> Source:
    if isinstance(source, Invoice):
        return locking.documents([source.pk])[source.pk]
    return locking.source(source.pk)


def _posting_key(source: Source) -> str:
    made = Allocation.objects.filter(source=source.pk) if isinstance(source, Unapplied) else None
    return f"allocation:{source.pk}:{made.count() + 1}" if made is not None else f"note:{source.pk}"


def _done(
    payer: Customer,
    source: Source,
    key: str,
    parts: Sequence[tuple[int, Decimal]] | None,
) -> list[Allocation]:
    rows = list(Allocation.objects.filter(book=payer.book_id, key=key).order_by("pk"))
    if not rows:
        return []
    given = [row for row in rows if row.kind in {Kind.PAYMENT, Kind.CREDIT_NOTE}]
    is_same = all(source.pk in {row.source_id, row.note_id} for row in given)
    if parts is not None:
        is_same &= sorted((row.invoice_id or 0, row.amount) for row in given) == sorted(parts)
    if not is_same:
        raise IdempotencyConflictError(key=key)
    return rows
