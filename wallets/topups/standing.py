"""A top-up under lock: whether it is open, and which payment is its own."""

from __future__ import annotations

from typing import Final

from ledger import inputs
from ledger.errors import IdempotencyConflictError, NotFoundError
from wallets.errors import TopUpStateError
from wallets.models import RechargeRule, TopUp

State = TopUp.State
OPEN: Final = (State.REQUESTED, State.AWAITING_PAYMENT, State.AUTHORISED)


def lock(top_up: TopUp) -> TopUp:
    """
    Lock a top-up until the transaction ends, after the rule that asked for it; return it.

    Raises:
        NotFoundError: there is none.
    """
    rule_id = TopUp.objects.filter(pk=top_up.pk).values_list("rule", flat=True).first()
    if rule_id is not None:
        RechargeRule.objects.select_for_update(no_key=True).get(pk=rule_id)
    found = (
        TopUp.objects.select_for_update(no_key=True, of=("self",))
        .select_related("wallet__asset", "wallet__customer__book", "currency", "grant", "rule")
        .filter(pk=top_up.pk)
        .first()
    )
    if found is None:
        raise NotFoundError(top_up=top_up.pk)
    return found


def check_open(top_up: TopUp) -> None:
    """
    Make sure that a top-up may still be paid.

    Raises:
        TopUpStateError: it has been settled, refunded, or has failed.
    """
    if top_up.state not in OPEN:
        raise TopUpStateError(top_up=top_up.key, state=top_up.state)


def tie(top_up: TopUp, payment_key: str) -> None:
    """
    Tie a top-up to a payment, for the caller to save: one to one, for good.

    Raises:
        InvalidInputError: no key that can be seen.
        IdempotencyConflictError: the payment is another top-up's, or the top-up another payment's.
    """
    inputs.key("payment_key", payment_key, longest=255)
    if top_up.payment_key not in {None, payment_key}:
        raise IdempotencyConflictError(top_up=top_up.key, payment=top_up.payment_key)
    others = TopUp.objects.filter(book=top_up.book_id, payment_key=payment_key)
    if other := others.exclude(pk=top_up.pk).first():
        raise IdempotencyConflictError(payment=payment_key, top_up=other.key)
    top_up.payment_key = payment_key
