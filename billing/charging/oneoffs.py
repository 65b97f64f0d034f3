"""
One-off charges: a quantity of something at a price, once.

What is due later waits (``scheduled_at``) and is posted by ``due.run`` when its time has come, so
that nothing is revenue before. What was charged by mistake is taken back by an adjustment.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.charging import own
from billing.charging.posting import post
from billing.charging.reading import exponent_of
from billing.charging.slips import Line, Slip
from billing.metering import snapshot
from billing.metering.snapshot import Snapshot
from billing.models import Charge
from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.models import Asset, Customer
from ledger.money import SCALE, ZERO, exact, multiply, round_half_away, subtract, text


def charge_once(
    *,
    customer: Customer,
    name: str,
    asset: Asset,
    unit_price: Decimal,
    key: str,
    at: datetime,
    quantity: Decimal = Decimal(1),
    product: str = "",
    tax_code: str = "",
    due_at: datetime | None = None,
    by: str = "",
) -> Charge:
    """
    Charge a customer for something once, and return the charge; again under a key changes nothing.

    It is owed at ``due_at`` (at once unless given) and revenue from then on; credit pays first, as
    for usage. The amount is quantity × unit price, rounded half away from zero to the currency.
    ``product`` is what the revenue is reported under.

    Raises:
        InvalidInputError: a malformed name, key or product; a quantity not above zero, a price
            below zero, a unit's asset, an unknown tax code.
        PrecisionError: a quantity or a price is finer than twelve places, or too large.
        IdempotencyConflictError: the key stands for another charge.
    """
    wanted: dict[str, Any] = {
        "customer_id": customer.pk,
        "asset_id": own.priced_in(asset).pk,
        "name": inputs.name("name", name, longest=512),
        "quantity": _above_zero(quantity),
        "unit_price": _at_least_zero(unit_price),
        "product": inputs.key("product", product) if product else "",
        "tax_code": own.tax_code(customer, tax_code),
    }
    if due_at is not None:
        wanted["due_at"] = due_at
    own_key = own.own_key(Charge.Kind.ONE_OFF, key)
    with transaction.atomic():
        own.lock(customer.pk)
        if (found := own.known(customer.book_id, own_key, wanted)) is not None:
            return found
        due_at = wanted.setdefault("due_at", at)
        charge = own.blank(
            customer=customer,
            asset=asset,
            at=at,
            key=own_key,
            kind=Charge.Kind.ONE_OFF,
            starts_at=due_at,
            ends_at=due_at,
            scheduled_at=due_at if due_at > at else None,
            cause=inputs.name("cause", by, longest=1000, may_be_empty=True),
            **{one: wanted[one] for one in wanted if not one.endswith("_id")},
        )
        if charge.scheduled_at is not None:
            charge.save(force_insert=True)
        else:
            settle(charge, catalogue=snapshot.current(customer.book_id), at=at)
        return charge


def settle(charge: Charge, *, catalogue: Snapshot, at: datetime) -> None:
    """
    Post a one-off charge, as far as it is not posted.

    Must run inside a transaction that has locked the customer.
    """
    charge.scheduled_at = None
    slip = Slip()
    if change := subtract(amount_of(charge), charge.posted):
        assert charge.quantity is not None, "the database asks for it"
        assert charge.unit_price is not None, "the database asks for it"
        slip.lines.append(
            Line(
                charge=charge,
                amount=change,
                effective_at=charge.due_at,
                label=charge.product,
                explanation={
                    "price": text(charge.unit_price),
                    "quantity": text(charge.quantity),
                },
            )
        )
        post(owner=own.owner_of(charge, catalogue), slip=slip, at=at)
    else:
        charge.save()


def amount_of(charge: Charge) -> Decimal:
    """Return what a one-off charge comes to."""
    assert charge.quantity is not None, "the database asks for it"
    assert charge.unit_price is not None, "the database asks for it"
    product = multiply(charge.quantity, charge.unit_price)
    return exact(round_half_away(product, exponent_of(charge.asset)))


def _above_zero(quantity: Decimal) -> Decimal:
    if not quantity > ZERO:
        remedy = "charge for more than nothing; what is given back is an adjustment"
        raise InvalidInputError(field="quantity", value=str(quantity), remedy=remedy)
    return exact(quantity, SCALE)


def _at_least_zero(unit_price: Decimal) -> Decimal:
    if not unit_price >= ZERO:
        remedy = "send a price of zero or more; what is given back is an adjustment"
        raise InvalidInputError(field="unit_price", value=str(unit_price), remedy=remedy)
    return exact(unit_price, SCALE)
