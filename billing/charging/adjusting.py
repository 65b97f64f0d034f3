"""
Adjustments: what is owed more or less by decision, each a charge of its own with its reason.

``adjust`` is by hand. ``reprice`` is for usage that was posted at a wrong price: usage keeps what
it was rated at, and the difference to the right price, by the same rating functions, is posted
beside it. It follows when that usage changes later: recording and correcting it marks the
adjustment (``scheduled_at``), and ``due.run`` looks at it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing.charging import own
from billing.charging.agreement import TICK
from billing.charging.posting import post
from billing.charging.slips import Line, Slip, Sources
from billing.metering import own_items, snapshot
from billing.metering.naming import product_of
from billing.metering.snapshot import Snapshot
from billing.models import Accrual, Charge, Meter, PlanVersion, Rate
from billing.rating import terms as documents
from billing.rating.rated import Rated
from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.metadata import canonical
from ledger.models import Asset, Customer
from ledger.money import SCALE, ZERO, exact, subtract, text, total
from ledger.periods import Period, month_of


def adjust(
    *,
    customer: Customer,
    name: str,
    asset: Asset,
    amount: Decimal,
    reason: str,
    key: str,
    at: datetime,
    product: str = "",
    tax_code: str = "",
    by: str = "",
) -> Charge:
    """
    Have a customer owe more, or less if the amount is below zero, and return the charge.

    Again under the same key changes nothing. What is given back lowers what stands to be invoiced.

    Raises:
        InvalidInputError: an amount of zero or finer than its asset, no reason, a malformed name,
            key or product, an unknown tax code; something given back to a customer who is
            never invoiced.
        IdempotencyConflictError: the key stands for another charge.
    """
    catalogue = snapshot.current(customer.book_id)
    wanted: dict[str, Any] = {
        "customer_id": customer.pk,
        "asset_id": own.priced_in(asset).pk,
        "name": inputs.name("name", name, longest=512),
        "unit_price": _moved(amount, asset),
        "product": inputs.key("product", product) if product else "",
        "tax_code": own.tax_code(customer, tax_code),
        "reason": inputs.name("reason", reason, longest=1000),
    }
    own_key = own.own_key(Charge.Kind.ADJUSTMENT, key)
    with transaction.atomic():
        own.lock(customer.pk)
        if (found := own.known(customer.book_id, own_key, wanted)) is not None:
            return found
        if amount < ZERO and catalogue.terms_of([customer.pk])[customer.pk].is_credit_only:
            remedy = "grant credit instead: this customer is never invoiced"
            raise InvalidInputError(field="amount", value=text(amount), remedy=remedy)
        charge = own.blank(
            customer=customer,
            asset=asset,
            at=at,
            key=own_key,
            kind=Charge.Kind.ADJUSTMENT,
            starts_at=at,
            ends_at=at,
            due_at=at,
            cause=inputs.name("cause", by, longest=1000, may_be_empty=True),
            **{one: wanted[one] for one in wanted if not one.endswith("_id")},
        )
        line = Line(
            charge=charge,
            amount=wanted["unit_price"],
            effective_at=at,
            label=charge.product,
            explanation={"reason": charge.reason},
        )
        post(owner=own.owner_of(charge, catalogue), slip=Slip(lines=[line]), at=at)
        return charge


def reprice(
    *,
    accrual: Accrual,
    terms: Mapping[str, Any],
    reason: str,
    key: str,
    at: datetime,
    by: str = "",
) -> Charge:
    """
    Post what usage of a period that is over costs more or less at another price.

    What comes back goes where the usage was paid from. Of several corrections of one series the
    last one counts. Again under the same key changes nothing.

    Raises:
        InvalidInputError: malformed terms or key, no reason; usage that has no price, or whose
            period still runs; a price that looks at each event.
        IdempotencyConflictError: the key stands for another charge.
    """
    sold = _sold(accrual)
    rated = _rated(terms, sold)
    if at < sold.period.ends_at:
        remedy = "wait until its period is over, or change the price of what is sold from now on"
        raise InvalidInputError(field="accrual", value=accrual.pk, remedy=remedy)
    wanted: dict[str, Any] = {
        "accrual_id": accrual.pk,
        "terms": json.loads(canonical(terms)),
        "reason": inputs.name("reason", reason, longest=1000),
    }
    own_key = own.own_key(Charge.Kind.ADJUSTMENT, key)
    customer = Customer.objects.get(pk=accrual.customer_id)
    with transaction.atomic():
        own.lock(customer.pk)
        if (found := own.known(customer.book_id, own_key, wanted)) is not None:
            return found
        charge = own.blank(
            customer=customer,
            asset=sold.rate.asset,
            at=at,
            key=own_key,
            kind=Charge.Kind.ADJUSTMENT,
            name=f"Price correction of {sold.name}"[:512],
            starts_at=sold.period.starts_at,
            ends_at=sold.period.ends_at,
            due_at=at,
            product=sold.product,
            cause=inputs.name("cause", by, longest=1000, may_be_empty=True),
            **wanted,
        )
        _follow(charge, sold, rated, catalogue=snapshot.current(customer.book_id), at=at)
        return charge


def series_of(*, customer: Customer, meter: Meter, at: datetime, item: str = "") -> Accrual:
    """
    Return the priced usage of a customer's meter in the period that holds an instant.

    ``item`` is the key of what sold it, where several prices were in force.

    Raises:
        InvalidInputError: there is none, or more than one.
    """
    rows = Accrual.objects.filter(
        customer=customer, meter=meter, rate__isnull=False, period_start__lte=at
    ).filter(period_ends_at__gt=at)
    found = list((rows.filter(rate__item__key=item) if item else rows)[:2])
    if len(found) != 1:
        remedy = (
            "name the item that sold it: several prices were in force"
            if found
            else "name a meter and an instant that the customer has priced usage of"
        )
        raise InvalidInputError(field="item" if found else "meter", value=item, remedy=remedy)
    return found[0]


def follow(charge: Charge, *, catalogue: Snapshot, at: datetime) -> None:
    """
    Post by how much a price correction has changed since its usage has.

    Must run inside a transaction that has locked the customer.
    """
    assert charge.accrual is not None, "only corrections of prices follow something"
    assert charge.terms is not None, "only corrections of prices follow something"
    sold = _sold(charge.accrual)
    _follow(charge, sold, _rated(charge.terms, sold), catalogue=catalogue, at=at)


class _Sold:
    """What a series of usage was sold as."""

    def __init__(self, rate: Rate, period: Period) -> None:
        item = getattr(rate, "item", None)
        self.rate, self.period = rate, period
        self.is_listed = item is None
        self.name = item.name if item is not None else rate.meter.name or rate.meter.key
        self.product = product_of(rate.meter.key, rate.match)
        self.feature = own_items.item_of(item).feature_key if item else rate.meter.feature_key
        self.is_credit_only = (
            None
            if item is None
            else item.subscription.settlement_mode == PlanVersion.Settlement.CREDIT_ONLY
        )


def _sold(accrual: Accrual) -> _Sold:
    rates = Rate.objects.select_related("asset", "meter__unit", "meter__book", "item__subscription")
    rate = rates.select_related("item__feature", "item__rate__asset", "item__rate__meter__unit")
    found = rate.filter(pk=accrual.rate_id).first() if accrual.rate_id else None
    if found is None:
        remedy = "name usage that has a price"
        raise InvalidInputError(field="accrual", value=accrual.pk, remedy=remedy)
    item = getattr(found, "item", None)
    if item is not None:
        ends_at = own_items.item_of(item).end_of(accrual.period_start)
    else:
        zone = ZoneInfo(found.meter.book.time_zone)
        ends_at = month_of(accrual.period_start, zone).ends_at
    return _Sold(found, Period(accrual.period_start, ends_at))


def _rated(terms: Mapping[str, Any], sold: _Sold) -> Rated:
    meter = sold.rate.meter
    rated = documents.parse(
        dict(terms),
        scale=meter.unit.scale,
        dimensions=meter.dimensions,
        aggregation=meter.aggregation,
        kept=sold.rate.asset.scale,
    )
    if rated.basis == "events":
        remedy = "amend the events instead: such a price looks at each of them"
        raise InvalidInputError(field="terms", value=rated.type, remedy=remedy)
    return rated


def _follow(
    charge: Charge, sold: _Sold, rated: Rated, *, catalogue: Snapshot, at: datetime
) -> None:
    quantity, amount, events, taken = _locked(charge.accrual_id or 0)
    others = list(
        Charge.objects.filter(accrual=charge.accrual_id, terms__isnull=False)
        .exclude(pk=charge.pk)
        .order_by("pk")
    )
    charge.scheduled_at = None
    if any(charge.pk and one.pk > charge.pk for one in others):
        charge.save()  # a later correction counts
        return
    due = rated.amount(quantity) if events or not sold.is_listed else ZERO
    posted = total([amount, charge.posted, *(one.posted for one in others)])
    if not (change := subtract(exact(due), posted)):
        charge.save()
        return
    cycle: list[Charge | str] = [taken, *others, charge]
    line = Line(
        charge=charge,
        amount=change,
        effective_at=sold.period.ends_at - TICK,
        label=sold.product,
        feature=sold.feature,
        explanation={
            "quantity": text(quantity),
            "rated": text(amount),
            "right": text(due),
            "reason": charge.reason,
        },
        sources=Sources(mine=[taken], cycle=cycle),
    )
    owner = own.owner_of(charge, catalogue, is_credit_only=sold.is_credit_only)
    post(owner=owner, slip=Slip(lines=[line]), at=at)


def _locked(accrual_id: int) -> tuple[Decimal, Decimal, int, str]:
    """Lock a series; nobody records or corrects its usage until this is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quantity, amount, events, taken FROM billing_accrual"
            " WHERE id = %s FOR NO KEY UPDATE",
            [accrual_id],
        )
        quantity, amount, events, taken = cursor.fetchone()
        return quantity, amount, events, taken


def _moved(amount: Decimal, asset: Asset) -> Decimal:
    if not amount.is_finite() or not amount:
        remedy = "send an amount above zero, or below zero to give something back"
        raise InvalidInputError(field="amount", value=str(amount), remedy=remedy)
    return exact(amount, min(asset.scale, SCALE))
