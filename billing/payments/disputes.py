"""
Disputes: a payer takes a payment back through a bank or card network, which holds it meanwhile.

    open → won (the money comes back) | lost (what it had paid is open again) | withdrawn (as won)
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from billing.models import Dispute, Payment, Unapplied
from billing.payments import allocating, locking, reversing, writing
from billing.payments.errors import AllocationExceedsError, PaymentStateError
from billing.payments.shortfalls import TakenBack
from billing.payments.telling import of_dispute, tell
from billing.payments.writing import Accounts, Leg
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals
from ledger.models import Customer
from ledger.money import ZERO, add, exact, subtract
from wallets.topups.pricing import places_of

State = Dispute.State
DECISIONS: Final = (State.WON, State.LOST, State.WITHDRAWN)


def open_dispute(
    *,
    payment: Payment,
    amount: Decimal | None = None,
    reason: str,
    by: str,
    key: str,
    at: datetime,
    external_id: str = "",
    fee: Decimal = ZERO,
    answer_by: datetime | None = None,
) -> Dispute:
    """
    Record that a payment, or an amount of it, is disputed; once per key and rail's own name.

    The rail holds the money until it is decided; what it had paid stays paid. ``fee`` is what the
    rail charges for it in any case.

    Raises:
        InvalidInputError: no reason, an amount not above zero, or a fee below it.
        AllocationExceedsError: more than the payment came to, less what was taken back before or
            is disputed; that it was refunded is no reason.
        IdempotencyConflictError: the key, or the rail's name, stands for another dispute.
    """
    reason = inputs.name("reason", reason, longest=500)
    key = inputs.key("key", key, longest=255)
    places = places_of(payment.asset)
    with refusals(), transaction.atomic():
        payer = locking.payer(payment.payer_id)
        amount = payment.amount if amount is None else exact(amount, places)
        first = _first(payment, key, external_id)
        if first is not None:
            if (first.payment_id, first.amount) != (payment.pk, amount):
                raise IdempotencyConflictError(key=key, dispute=first.key)
            return first
        _check(payment, amount, exact(fee, places))
        made = Dispute.objects.create(
            book_id=payment.book_id,
            key=key,
            payment=payment,
            external_id=external_id,
            amount=amount,
            fee=exact(fee, places),
            reason=reason,
            cause=by,
            opened_at=at,
            answer_by=answer_by,
        )
        accounts = Accounts(payer, payment.asset_id, at)
        held, clearing = _accounts(payment)
        legs = [
            accounts.leg(held, clearing, amount),
            accounts.leg("payment_fees", clearing, made.fee),
        ]
        _post(made, legs, payer, "", by=by, at=at)
        _tell("dispute.opened", made, payer, at)
        return made


def decide(*, dispute: Dispute, outcome: str, decision: str, by: str, at: datetime) -> Dispute:
    """
    Record how a dispute ended. The same again changes nothing.

    Lost: its amount leaves the payer's money, and what that had paid is open again, the last
    given first; what had left already the payer owes by a debit note.

    Raises:
        InvalidInputError: no such outcome, or no word about it.
        PaymentStateError: it ended otherwise.
    """
    inputs.choice("outcome", outcome, DECISIONS)
    decision = inputs.name("decision", decision, longest=500)
    with refusals(), transaction.atomic():
        payer = locking.payer(dispute.payment.payer_id)
        dispute = Dispute.objects.select_related("payment__asset").get(pk=dispute.pk)
        if dispute.state == outcome:
            return dispute
        if dispute.state != State.OPEN:
            raise PaymentStateError(dispute=dispute.key, state=dispute.state)
        dispute.state, dispute.decided_at, dispute.decision = outcome, at, decision
        dispute.save(update_fields=["state", "decided_at", "decision"])
        held, clearing = _accounts(dispute.payment)
        if outcome == State.LOST:
            money = locking.source(Unapplied.objects.only("pk").get(payment=dispute.payment).pk)
            told = TakenBack(
                payer=payer, against=held, reason=decision, by=by, at=at, dispute=dispute
            )
            reversing.take_back(money, dispute.amount, told)
        else:
            leg = Accounts(payer, dispute.payment.asset_id, at).leg(clearing, held, dispute.amount)
            _post(dispute, [leg], payer, f":{outcome}", by=by, at=at)
        kind = "dispute.lost" if outcome == State.LOST else "dispute.won"
        _tell(kind, dispute, payer, at)
        return dispute


def _first(payment: Payment, key: str, external_id: str) -> Dispute | None:
    known = Dispute.objects.filter(book=payment.book_id, key=key)
    if external_id:
        known |= Dispute.objects.filter(payment=payment, external_id=external_id)
    return known.first()


def _check(payment: Payment, amount: Decimal, fee: Decimal) -> None:
    if amount <= ZERO or fee < ZERO:
        raise InvalidInputError(field="amount", value=amount, remedy="dispute more than zero")
    money = Unapplied.objects.get(payment=payment)
    left = subtract(payment.amount, add(allocating.held(money), reversing.taken_back(money)))
    if amount > left:
        raise AllocationExceedsError(payment=payment.key, amount=amount, left=left)


def _accounts(payment: Payment) -> tuple[str, str]:
    return f"disputes:{payment.source}", f"rail_clearing:{payment.source}"


def _post(
    dispute: Dispute, legs: list[Leg], payer: Customer, step: str, *, by: str, at: datetime
) -> None:
    writing.post(
        [(leg, None) for leg in legs],
        payer=payer,
        kind="dispute",
        key=f"dispute:{dispute.pk}{step}",
        cause=by,
        at=at,
        memo=dispute.decision or dispute.reason,
    )


def _tell(kind: str, dispute: Dispute, payer: Customer, at: datetime) -> None:
    key = f"dispute:{dispute.pk}:{dispute.state}"
    tell(kind, key=key, payer=payer, data=of_dispute(dispute), at=at)
