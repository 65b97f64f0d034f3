"""Record money that has come, once, and give it to what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from billing.models import Allocation, Invoice, Payment, Unapplied
from billing.payments import allocating, locking, policies, writing
from billing.payments.policies import Proposal, Share
from billing.payments.telling import of_payment, tell
from billing.payments.writing import Accounts
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.integrity import refusals, taken
from ledger.models import Asset, Customer
from ledger.money import ZERO, exact, subtract, total
from wallets.topups.pricing import places_of

REFERENCE_THEN_OLDEST: Final = "reference_then_oldest"
REFERENCE: Final = "reference"
OLDEST: Final = "oldest"
NOTHING: Final = "nothing"  # somebody will say what it is for
LONGEST_BACK: Final = timedelta(days=3653)  # that money came before it is recorded
WAYS: Final = (REFERENCE_THEN_OLDEST, REFERENCE, OLDEST, NOTHING)
_SURE: Final = frozenset({"reference", "amount"})
_SAME: Final = ("payer_id", "asset_id", "amount", "method", "rail", "external_id")


def record(
    *,
    payer: Customer,
    asset: Asset,
    amount: Decimal,
    method: str,
    received_at: datetime,
    key: str,
    at: datetime,
    rail: str = "",
    external_id: str = "",
    reference: str = "",
    fee: Decimal = ZERO,
    note: str = "",
    by: str = "",
    allocate: str = REFERENCE_THEN_OLDEST,
) -> Payment:
    """
    Record a payment once per key, and once per rail and what that calls it.

    It is given to the documents that its reference names, else to the only one of its amount,
    else to the oldest due; what is left stays unapplied. ``allocate`` "reference" gives only what
    is named, "oldest" does not look at the reference, "nothing" leaves all to be allocated by
    hand. Money counts whoever had claimed the documents; ``fee`` is what the rail kept.

    Raises:
        InvalidInputError: an amount not above zero, a method or way there is not, a key that
            cannot be read, or money that comes from the future or more than ten years ago.
        PrecisionError: the amount is finer than the currency is paid.
        IdempotencyConflictError: the key, or the rail's name of it, stands for another payment.
        PeriodClosedError: the books are closed at ``at``.
    """
    draft = Payment(
        book_id=payer.book_id,
        key=inputs.key("key", key, longest=255),
        payer=payer,
        asset=asset,
        amount=exact(amount, places_of(asset)),
        fee=exact(fee, places_of(asset)),
        method=inputs.choice("method", method, Payment.Method.values),
        rail=inputs.slug("rail", rail) if rail else "",
        external_id=inputs.key("external_id", external_id, longest=255) if external_id else "",
        reference=inputs.name("reference", reference, longest=1000, may_be_empty=True),
        note=inputs.name("note", note, longest=1000, may_be_empty=True),
        received_at=received_at,
        recorded_at=at,
        cause=by,
    )
    inputs.choice("allocate", allocate, WAYS)
    _check(draft, at)
    with refusals(), transaction.atomic():
        locked = locking.payer(payer.pk)
        first = _first(draft)
        if first is not None:
            return first
        owed = locking.owed_by(payer.pk, asset.pk)
        money = _write(draft, locked, waits=allocate == NOTHING)
        shares, policy = _choose(draft, owed, allocate)
        allocating.give(
            source=money, shares=shares, owed=owed, payer=locked, policy=policy, by=by, at=at
        )
        money.refresh_from_db()
        data = of_payment(draft, money)
        tell("payment.recorded", key=f"payment:{draft.pk}", payer=locked, data=data, at=at)
        if allocating.left_of(money):
            tell(
                "payment.unapplied", key=f"payment:{draft.pk}:left", payer=locked, data=data, at=at
            )
    return draft


def proposals(*, payer: Customer, asset: Asset, amount: Decimal, reference: str) -> list[Proposal]:
    """Say what money of a payer may be for, the surest first; nothing is recorded."""
    rows = Invoice.objects.filter(payer=payer, asset=asset, open__gt=0)
    rows = rows.exclude(kind=Invoice.Kind.CREDIT_NOTE).exclude(state__in=locking.NOT_PAYABLE)
    documents = [locking.as_open(invoice) for invoice in rows.order_by("pk")]
    return policies.propose(amount=amount, reference=reference, documents=documents)


def _check(draft: Payment, at: datetime) -> None:
    for name, is_right in (("amount", draft.amount > ZERO), ("fee", draft.fee >= ZERO)):
        if not is_right:
            value: Any = getattr(draft, name)
            raise InvalidInputError(field=name, value=value, remedy="write what has come")
    if draft.fee > draft.amount:
        remedy = "a rail keeps no more than came"
        raise InvalidInputError(field="fee", value=draft.fee, remedy=remedy)
    if draft.asset.kind != Asset.Kind.CURRENCY:
        remedy = "name a currency, like USD"
        raise InvalidInputError(field="currency", value=draft.asset.code, remedy=remedy)
    first = at - LONGEST_BACK
    if not first <= draft.received_at <= at:
        remedy = f"money is recorded once it is there, and since {first:%Y-%m-%d}"
        raise InvalidInputError(
            field="received_at", value=draft.received_at.isoformat(), remedy=remedy
        )


def _first(draft: Payment) -> Payment | None:
    """Return the payment if it is known already."""
    known = Payment.objects.filter(book=draft.book_id, key=draft.key)
    if draft.external_id:
        told = Payment.objects.filter(book=draft.book_id, rail=draft.rail)
        known |= told.filter(external_id=draft.external_id)
    found = list(known.select_related("asset"))
    for one in found:
        if any(getattr(one, name) != getattr(draft, name) for name in _SAME) or len(found) > 1:
            raise IdempotencyConflictError(key=draft.key, payment=one.key)
    return found[0] if found else None


def _write(draft: Payment, payer: Customer, *, waits: bool) -> Unapplied:
    accounts = Accounts(payer, draft.asset_id, draft.recorded_at)
    clearing = f"rail_clearing:{draft.source}"
    legs = [accounts.leg(clearing, "unapplied_cash", draft.amount)]
    legs.append(accounts.leg("payment_fees", clearing, draft.fee))
    name = f"{draft.rail}:{draft.external_id}" if draft.external_id else draft.key
    posted = writing.post(
        [(leg, None) for leg in legs],
        payer=payer,
        kind="payment",
        key=f"payment:{'id' if draft.external_id else 'key'}:{name}",
        cause=draft.cause,
        at=draft.recorded_at,
        memo=draft.reference,
    )
    assert posted is not None, "an amount above zero moves"
    draft.transaction_id = posted
    with taken(key=draft.key):
        draft.save(force_insert=True)
    return Unapplied.objects.create(
        book_id=draft.book_id,
        payer=payer,
        asset=draft.asset,
        payment=draft,
        amount=draft.amount,
        waits=waits,
        made_at=draft.recorded_at,
    )


def _choose(draft: Payment, owed: Mapping[int, Invoice], way: str) -> tuple[list[Share], str]:
    """Return what the payment is for, and by what that was found."""
    documents = [locking.as_open(invoice) for invoice in owed.values()]
    if way == NOTHING:
        return [], ""
    if way == OLDEST:
        return policies.oldest_first(draft.amount, documents), Allocation.Policy.OLDEST
    found = policies.propose(amount=draft.amount, reference=draft.reference, documents=documents)
    sure = next((one for one in found if one.why in _SURE), None)
    if way == REFERENCE:
        is_named = sure is not None and sure.why == "reference"
        return (list(sure.shares) if sure and is_named else []), Allocation.Policy.REFERENCE
    if sure is None:
        return policies.oldest_first(draft.amount, documents), Allocation.Policy.OLDEST
    given = {share.invoice_id for share in sure.shares}
    left = subtract(draft.amount, total(share.amount for share in sure.shares))
    rest = [one for one in documents if one.id not in given]
    return [*sure.shares, *policies.oldest_first(left, rest)], Allocation.Policy.REFERENCE
