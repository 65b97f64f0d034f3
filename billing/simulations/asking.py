"""What is asked for, as people and machines write it, checked and found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from billing.models import Feature, Meter
from billing.simulations import offers
from billing.simulations.offers import Offer
from ledger.errors import InvalidInputError
from ledger.models import Asset, Book
from ledger.periods import Period

WAYS: Final = ("plan", "price_list", "price")
_SOLD: Final = ("feature", "meter")


def span_of(starts_at: datetime, ends_at: datetime) -> Period:
    """
    Return the time that is asked about.

    Raises:
        InvalidInputError: it ends before it starts, or at once.
    """
    if starts_at >= ends_at:
        remedy = f"name a time after {starts_at.isoformat()}, where it starts"
        raise InvalidInputError(field="to", value=ends_at.isoformat(), remedy=remedy)
    return Period(starts_at, ends_at)


def offer_of(*, book: Book, span: Period, asked: Mapping[str, Any]) -> Offer:
    """
    Return what usage is to be priced by.

    ``asked`` has one of: ``plan`` (key, version, phase), ``price_list`` (a key), or ``price``
    with the terms around it, a ``currency``, and the ``feature`` or ``meter`` it is for.

    Raises:
        InvalidInputError: not exactly one of them, or something that the book does not have.
        InvalidTermsError: a price that cannot be, with all that is wrong.
    """
    named = [way for way in WAYS if asked.get(way) is not None]
    if len(named) != 1:
        remedy = f"name one of {', '.join(WAYS)}"
        raise InvalidInputError(field="plan", value=" and ".join(named) or None, remedy=remedy)
    if named == ["plan"]:
        return offers.of_plan(book=book, span=span, **asked["plan"])
    if named == ["price_list"]:
        return offers.of_price_list(book=book, span=span, key=asked["price_list"])
    return offers.of_price(
        book=book, document=asked, sold=_sold(book, asked), asset=_asset(asked), span=span
    )


def _sold(book: Book, asked: Mapping[str, Any]) -> Feature | Meter:
    named = [name for name in _SOLD if asked.get(name)]
    if len(named) != 1:
        remedy = "name the feature, or the meter, whose usage it prices"
        raise InvalidInputError(field="feature", value=None, remedy=remedy)
    key = asked[named[0]]
    found: Feature | Meter | None
    if named == ["feature"]:
        features = Feature.objects.filter(book=book, key=key)
        found = features.select_related("meter__unit", "meter__book").first()
    else:
        found = Meter.objects.filter(book=book, key=key).select_related("unit", "book").first()
    if found is None:
        remedy = f"name a {named[0]} of the book, by its key"
        raise InvalidInputError(field=named[0], value=key, remedy=remedy)
    return found


def _asset(asked: Mapping[str, Any]) -> Asset:
    code = asked.get("currency") or ""
    found = Asset.objects.filter(code=code).exclude(kind=Asset.Kind.UNIT).first()
    if found is None:
        remedy = "name the currency or credit that the price is in"
        raise InvalidInputError(field="currency", value=code, remedy=remedy)
    return found
