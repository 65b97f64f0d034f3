"""
How usage is counted, what it costs, whose it is, and how that customer pays.

Meters and rates never change once made, for what they counted and priced has been posted: a new
definition is a new meter, a new price a new rate.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from billing import credit_limits, pricing
from billing.metering import paths
from billing.models import BillingProfile, Meter, Rate, RateCard, Subject
from billing.rating.price import places_of
from ledger import inputs, limits
from ledger.errors import AlreadyExistsError, InvalidInputError, PrecisionError
from ledger.integrity import taken
from ledger.models import Asset, Book, Customer
from ledger.money import ZERO, exact, negate, text

_DIMENSION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MOST_DIMENSIONS: Final = 20
_PRICE_PLACES: Final = 18
_WHOLE_DIGITS: Final = 20


def create_meter(
    *,
    book: Book,
    key: str,
    event_type: str,
    aggregation: str,
    unit: Asset,
    at: datetime,
    value_path: str = "",
    dimensions: Mapping[str, str] | None = None,
    feature_key: str = "",
    late_usage: str = Meter.LateUsage.RERATE,
    name: str = "",
) -> Meter:
    """
    Define how events of a type are counted from ``at`` on.

    ``dimensions`` names what prices and reports may tell apart: name → path into the event's
    data. The feature is the meter's own key unless it is named. ``late_usage`` says where usage
    counts that comes when its period has been invoiced.

    Raises:
        InvalidInputError: a malformed key, path or dimension; an unknown aggregation; a unit
            that is no unit; a value path where none belongs, or none where one is needed.
        AlreadyExistsError: the book has a meter with that key.
    """
    aggregation = inputs.choice("aggregation", aggregation, Meter.Aggregation.values)
    if unit.kind != Asset.Kind.UNIT:
        remedy = f"name an asset of kind unit; {unit.code} is a {unit.kind}"
        raise InvalidInputError(field="unit", value=unit.code, remedy=remedy)
    meter = Meter(
        book=book,
        key=inputs.slug("key", key),
        name=inputs.name("name", name, may_be_empty=True),
        event_type=inputs.key("event_type", event_type),
        aggregation=aggregation,
        value_path=_value_path(aggregation, value_path),
        dimensions=_dimensions(dimensions or {}),
        unit=unit,
        feature_key=inputs.key("feature_key", feature_key or key),
        late_usage=inputs.choice("late_usage", late_usage, Meter.LateUsage.values),
        created_at=at,
    )
    with transaction.atomic(), taken(key=key):
        meter.save(force_insert=True)
    return meter


def change_meter(*, meter: Meter, name: str | None = None, late_usage: str | None = None) -> Meter:
    """
    Give a meter another name for people, or say what becomes of late usage from now on.

    What is not given stays, and so do its key and definition.

    Raises:
        InvalidInputError: the name is too long or cannot be shown; there is no such policy.
    """
    if name is not None:
        meter.name = inputs.name("name", name, may_be_empty=True)
    if late_usage is not None:
        meter.late_usage = inputs.choice("late_usage", late_usage, Meter.LateUsage.values)
    meter.save(update_fields=["name", "late_usage"])
    return meter


def archive_meter(*, meter: Meter, at: datetime) -> Meter:
    """Stop a meter: events received from ``at`` on are not counted by it. Again changes nothing."""
    Meter.objects.filter(pk=meter.pk, archived_at=None).update(archived_at=at)
    meter.refresh_from_db()
    return meter


def create_rate_card(
    *, book: Book, key: str, asset: Asset, at: datetime, name: str = "", is_default: bool = False
) -> RateCard:
    """
    Open a set of prices in one currency or credit.

    The default card prices every customer that has no other; making one the default ends the
    default of the one before.

    Raises:
        InvalidInputError: a malformed key or name, or an asset that nothing is priced in.
        AlreadyExistsError: the book has a rate card with that key.
    """
    if asset.kind == Asset.Kind.UNIT:
        remedy = f"name a currency or a credit; {asset.code} is a unit"
        raise InvalidInputError(field="asset", value=asset.code, remedy=remedy)
    card = RateCard(
        book=book,
        key=inputs.slug("key", key),
        name=inputs.name("name", name, may_be_empty=True),
        asset=asset,
        is_default=is_default,
        created_at=at,
    )
    with transaction.atomic(), taken(key=key):
        if is_default:
            _end_default(book)
        card.save(force_insert=True)
    return card


def make_default(*, rate_card: RateCard) -> RateCard:
    """Make a rate card the one of customers that have no other."""
    with transaction.atomic():
        _end_default(rate_card.book)
        rate_card.is_default = True
        rate_card.save(update_fields=["is_default"])
    return rate_card


def add_rate(
    *,
    rate_card: RateCard,
    meter: Meter,
    effective_from: datetime,
    at: datetime,
    unit_price: Decimal | None = None,
    terms: Mapping[str, Any] | None = None,
    match: Mapping[str, str] | None = None,
    unit_cost: Decimal | None = None,
    provider: str = "",
) -> Rate:
    """
    Price a meter, perhaps for some values of its dimensions only, from an instant on.

    It prices usage that happens from ``effective_from`` on and is received after it was added;
    what has been posted keeps its price. It costs ``unit_price`` per unit, or what ``terms`` say
    (``billing.rating.terms``), for each calendar month. ``unit_cost`` is what the provider charges
    us per unit, in the book's base currency.

    Raises:
        InvalidInputError: another book's meter, a dimension that the meter lacks, a price or
            cost below zero or not a number, both a price and terms or neither.
        InvalidTermsError: with every problem of the terms; a minimum commitment is one, for only
            subscriptions have an end of period at which it could be charged.
        PrecisionError: price and quantity together are finer than the asset keeps.
        AlreadyExistsError: the card has a price for exactly this from that instant on.
    """
    if meter.book_id != rate_card.book_id:
        remedy = "name a meter of the rate card's book"
        raise InvalidInputError(field="meter", value=meter.key, remedy=remedy)
    if (unit_price is None) == (terms is None):
        remedy = "send either a price per unit or terms"
        raise InvalidInputError(field="unit_price", value=unit_price, remedy=remedy)
    if unit_price is not None:
        _check_price("unit_price", unit_price, rate_card.asset.scale, meter)
    if terms is not None:
        terms = pricing.checked(terms, rate_card=rate_card, meter=meter)
    if unit_cost is not None:
        _check_price("unit_cost", unit_cost, _base_scale(rate_card.book), meter)
    rate = Rate(
        rate_card=rate_card,
        meter=meter,
        match=_match(meter, match or {}),
        asset=rate_card.asset,
        model=Rate.Model.UNIT if terms is None else Rate.Model.TERMS,
        unit_price=unit_price or ZERO,
        terms=terms,
        unit_cost=unit_cost,
        provider=inputs.name("provider", provider, may_be_empty=True),
        effective_from=effective_from,
        created_at=at,
    )
    with (
        transaction.atomic(),
        taken(meter=meter.key, match=rate.match, effective_from=effective_from),
    ):
        rate.save(force_insert=True)
    return rate


def map_subject(
    *,
    book: Book,
    key: str,
    customer: Customer,
    at: datetime,
    within: Collection[int] | None = None,
) -> Subject:
    """
    Say whose usage a subject's is, from now on; a subject that is somebody's changes hands.

    What has been posted stays with the customer it was posted to. ``within`` names the customers
    that a subject may be taken from, if not from all.

    Raises:
        InvalidInputError: a malformed key, or another book's customer.
        AlreadyExistsError: the subject is that of a customer it may not be taken from.
    """
    if customer.book_id != book.pk:
        remedy = "name a customer of the same book"
        raise InvalidInputError(field="customer", value=customer.key, remedy=remedy)
    key = inputs.key("key", key, longest=255)
    with transaction.atomic():
        subject, is_new = Subject.objects.select_for_update().get_or_create(
            book=book, key=key, defaults={"customer": customer, "created_at": at}
        )
        if within is not None and subject.customer_id not in within:
            raise AlreadyExistsError(subject=key)
        if not is_new and subject.customer_id != customer.pk:
            subject.customer = customer
            subject.save(update_fields=["customer"])
    return subject


def set_profile(
    *,
    customer: Customer,
    settlement: str = BillingProfile.Settlement.CREDIT_THEN_INVOICE,
    rate_card: RateCard | None = None,
    credit_limit: Decimal | None = None,
    limit_covers: str = BillingProfile.LimitCovers.UNBILLED_AND_RECEIVABLE,
) -> BillingProfile:
    """
    Say how a customer is priced and pays, all of it: what is not given is unset.

    Without a rate card the customer has its parent's, then the book's default. The credit limit
    bounds what may stand unbilled and be owed by documents, in each asset, or the former alone
    (``limit_covers`` "unbilled"); None means without end.

    Raises:
        InvalidInputError: an unknown settlement, nothing that a limit covers, another book's rate
            card, a limit below zero.
        PrecisionError: the limit is finer or larger than the ledger keeps.
    """
    if rate_card is not None and rate_card.book_id != customer.book_id:
        remedy = "name a rate card of the customer's book"
        raise InvalidInputError(field="rate_card", value=rate_card.key, remedy=remedy)
    if credit_limit is not None and not exact(credit_limit) >= 0:
        raise InvalidInputError(
            field="credit_limit", value=text(credit_limit), remedy="send 0 or more"
        )
    with transaction.atomic():
        profile, _ = BillingProfile.objects.update_or_create(
            customer=customer,
            defaults={
                "settlement": inputs.choice(
                    "settlement", settlement, BillingProfile.Settlement.values
                ),
                "rate_card": rate_card,
                "credit_limit": credit_limit,
                "limit_covers": inputs.choice(
                    "limit_covers", limit_covers, BillingProfile.LimitCovers.values
                ),
            },
        )
        floor = None if credit_limit is None else negate(credit_limit)
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)  # as who moves money
        limits.set_floor(customer=customer, purpose="unbilled", floor=floor)
        credit_limits.follow([customer.pk])
    return profile


def _value_path(aggregation: str, path: str) -> str:
    if aggregation == Meter.Aggregation.COUNT:
        if path:
            raise InvalidInputError(
                field="value_path", value=path, remedy="leave it out: a count reads no value"
            )
        return ""
    _check_path("value_path", path)
    return path


def _check_path(field: str, path: str) -> None:
    try:
        paths.parse(path)
    except InvalidInputError as error:
        raise InvalidInputError(field=field, value=path, remedy=error.remedy) from None


def _dimensions(given: Mapping[str, str]) -> dict[str, str]:
    if len(given) > _MOST_DIMENSIONS:
        remedy = f"use at most {_MOST_DIMENSIONS}"
        raise InvalidInputError(field="dimensions", value=len(given), remedy=remedy)
    for dimension, path in given.items():
        if not _DIMENSION.fullmatch(dimension):
            raise InvalidInputError(
                field="dimensions",
                value=dimension,
                remedy="name it with letters, digits and underscores, not a digit first",
            )
        _check_path(f"dimensions.{dimension}", path)
    return dict(given)


def _match(meter: Meter, given: Mapping[str, str]) -> dict[str, str]:
    for dimension, value in given.items():
        if dimension not in meter.dimensions:
            known = ", ".join(meter.dimensions) or "none"
            remedy = f"name dimensions of the meter ({known})"
            raise InvalidInputError(field="match", value=dimension, remedy=remedy)
        inputs.key(f"match.{dimension}", value, longest=1000)
    return dict(given)


def _check_price(field: str, price: Decimal, scale: int, meter: Meter) -> None:
    if not price.is_finite() or price < 0 or price.adjusted() >= _WHOLE_DIGITS:
        raise InvalidInputError(
            field=field, value=str(price), remedy=f"send a number from 0, below 1e{_WHOLE_DIGITS}"
        )
    places = places_of(price)
    if places + meter.unit.scale > scale:
        raise PrecisionError(
            field=field,
            value=text(price),
            price_places=places,
            quantity_places=meter.unit.scale,
            places_kept=scale,
        )


def _base_scale(book: Book) -> int:
    return Asset.objects.get(code=book.base_currency).scale


def _end_default(book: Book) -> None:
    Book.objects.select_for_update().get(pk=book.pk)  # two new defaults come one after the other
    RateCard.objects.filter(book=book, is_default=True).update(is_default=False)
