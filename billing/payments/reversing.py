"""
Take a payment back that bounced: what it had paid is open again.

A bank or card network takes the whole of it, whatever became of the money meanwhile: what was
refunded or given otherwise is owed by the payer, by a debit note (``shortfalls``).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from billing.models import Allocation, Dispute, Invoice, Payment, Unapplied
from billing.payments import allocating, locking, shortfalls
from billing.payments.errors import PaymentStateError
from billing.payments.policies import Share
from billing.payments.shortfalls import TakenBack
from billing.payments.telling import of_payment, tell
from billing.payments.writing import Accounts, Part
from ledger import inputs
from ledger.errors import IdempotencyConflictError
from ledger.integrity import refusals
from ledger.money import ZERO, subtract, total

Kind = Allocation.Kind
TAKEN_BACK: Final = (Kind.RETURNED, Kind.SHORTFALL)


def reverse(*, payment: Payment, reason: str, by: str, key: str, at: datetime) -> Allocation:
    """
    Take a whole payment back: returned by the bank, bounced, or entered by mistake.

    What it had paid is open again, the last given first; what had left otherwise the payer owes
    by a debit note. What disputes took before stays with them; its fee stays paid. The same key
    again changes nothing.

    Raises:
        InvalidInputError: no reason.
        PaymentStateError: it was taken back before, or is disputed.
        IdempotencyConflictError: the key stands for something else.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key, longest=255)
    with refusals(), transaction.atomic():
        payer = locking.payer(payment.payer_id)
        first = Allocation.objects.filter(book=payer.book_id, key=key).first()
        if first is not None:
            if first.kind not in TAKEN_BACK or first.source_id != _money(payment).pk:
                raise IdempotencyConflictError(key=key)
            return first
        money = _money(payment)
        if payment.disputes.filter(state=Dispute.State.OPEN).exists():
            raise PaymentStateError(payment=payment.key, remedy="decide its dispute")
        amount = subtract(payment.amount, taken_back(money))
        if amount <= ZERO:
            raise PaymentStateError(payment=payment.key, remedy="it was taken back before")
        told = TakenBack(
            payer=payer,
            against=f"rail_clearing:{payment.source}",
            reason=reason,
            by=by,
            key=key,
            at=at,
        )
        row = take_back(money, amount, told)
        money.refresh_from_db()
        data = of_payment(payment, money) | {"reason": reason}
        tell("payment.reversed", key=f"payment:{payment.pk}:back", payer=payer, data=data, at=at)
        return row


def taken_back(money: Unapplied) -> Decimal:
    """Return how much of a payment banks and card networks have taken back."""
    rows = Allocation.objects.filter(source=money, kind__in=TAKEN_BACK)
    return total(rows.values_list("amount", flat=True))


def take_back(money: Unapplied, amount: Decimal, told: TakenBack) -> Allocation:
    """
    Have an amount of a payment leave, whatever became of it; all is locked.

    What is unapplied goes first, then what documents were given, the last first. What had left
    already is owed by the payer. Returns the first row of the log.
    """
    there = min(amount, subtract(money.amount, _gone(money)))
    rows = []
    if there > ZERO:
        _free(money, there, told)
        rows.append(_give_back(money, there, told))
    if missing := subtract(amount, there):
        rows.append(shortfalls.charge(money, missing, told))
    return rows[0]


def _free(money: Unapplied, amount: Decimal, told: TakenBack) -> None:
    """Take so much money back from documents that an amount is free, the last given first."""
    rows = Allocation.objects.filter(source=money, kind=Kind.PAYMENT, reverses=None, reversal=None)
    for row in rows.order_by("-pk"):
        if allocating.left_of(money) >= amount:
            return
        assert row.invoice_id is not None, "the database asks for one"
        owed = locking.documents([row.invoice_id])
        allocating.undo(
            [row],
            payer=told.payer,
            asset_id=money.asset_id,
            reason=told.reason,
            by=told.by,
            at=told.at,
        )
        money.refresh_from_db()
        too_much = subtract(allocating.left_of(money), amount)
        if too_much > ZERO:
            _again(money, Share(row.invoice_id, too_much), owed, row.policy, told)


def _give_back(money: Unapplied, amount: Decimal, told: TakenBack) -> Allocation:
    """Have money leave that was free."""
    accounts = Accounts(told.payer, money.asset_id, told.at)
    part = Part(
        kind=Kind.RETURNED,
        amount=amount,
        source_id=money.pk,
        dispute=told.dispute,
        reason=told.reason,
        legs=[accounts.leg("unapplied_cash", told.against, amount)],
    )
    disputed = told.dispute.pk if told.dispute else ""
    return shortfalls.write(part, money, told, posting_key=f"returned:{money.pk}:{disputed}")


def _money(payment: Payment) -> Unapplied:
    return locking.source(Unapplied.objects.only("pk").get(payment=payment).pk)


def _gone(money: Unapplied) -> Decimal:
    """Return how much has left for good: not what was merely rounding."""
    rows = Allocation.objects.filter(source=money)
    gone = rows.filter(kind__in=[Kind.REFUND, Kind.WALLET, Kind.RETURNED])
    return total(gone.values_list("amount", flat=True))


def _again(
    money: Unapplied,
    share: Share,
    owed: dict[int, Invoice],
    policy: str,
    told: TakenBack,
) -> None:
    """Give the part back to a document that was taken back from it with the rest."""
    for invoice in owed.values():
        invoice.refresh_from_db()
    allocating.give(
        source=money,
        shares=[share],
        owed=owed,
        payer=told.payer,
        policy=policy,
        by=told.by,
        at=told.at,
        tolerates=False,
    )
    money.refresh_from_db()
