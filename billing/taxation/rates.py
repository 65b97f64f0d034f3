"""Rates of tax by place, code and day: entered and ended, never rewritten."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import IntegrityError, transaction

from billing.models import TaxCode, TaxRate
from billing.tax.facts import Category, Rate, Rates
from ledger import inputs
from ledger.errors import AlreadyExistsError, InvalidInputError
from ledger.models import Book
from ledger.money import ZERO

_JURISDICTION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")
_LONGEST: Final = 40
_PLACES: Final = 6
_WHOLE: Final = Decimal(100)


def enter(
    *,
    book: Book,
    jurisdiction: str,
    percentage: Decimal,
    valid_from: date,
    at: datetime,
    category: str = Category.STANDARD,
    tax_code: TaxCode | None = None,
    name: str = "",
    valid_to: date | None = None,
) -> TaxRate:
    """
    Enter what a jurisdiction takes from a day on; without a code, of all that has no own rate.

    A new rate of the same place and code ends the one in force before.

    Raises:
        InvalidInputError: a malformed place, percentage, category or period.
        AlreadyExistsError: another rate holds at that time that does not just give way.
    """
    place = _jurisdiction(jurisdiction)
    kind = inputs.choice("category", category, TaxRate.Category.values)
    if valid_to is not None and valid_to <= valid_from:
        raise InvalidInputError(field="valid_to", value=valid_to, remedy="end it after valid_from")
    rate = TaxRate(
        book=book,
        tax_code=tax_code,
        jurisdiction=place,
        category=kind,
        percentage=_percentage(percentage, kind),
        name=inputs.name("name", name, longest=100, may_be_empty=True),
        valid_from=valid_from,
        valid_to=valid_to,
        created_at=at,
    )
    with transaction.atomic():
        TaxRate.objects.filter(
            book=book,
            tax_code=tax_code,
            jurisdiction=place,
            valid_to=None,
            valid_from__lt=valid_from,
        ).update(valid_to=valid_from)
        try:
            with transaction.atomic():
                rate.save(force_insert=True)
        except IntegrityError as error:
            raise AlreadyExistsError(jurisdiction=place, valid_from=valid_from) from error
    return rate


def end(*, rate: TaxRate, valid_to: date) -> TaxRate:
    """
    Let a rate hold no longer from a day on; documents that were issued keep what they say.

    Raises:
        InvalidInputError: before the rate began, or it has ended already.
    """
    if rate.valid_to is not None:
        raise InvalidInputError(
            field="valid_to", value=valid_to, remedy=f"the rate ended on {rate.valid_to} already"
        )
    if valid_to < rate.valid_from:
        raise InvalidInputError(
            field="valid_to", value=valid_to, remedy=f"end it on {rate.valid_from} or later"
        )
    rate.valid_to = valid_to
    rate.save(update_fields=["valid_to"])
    return rate


def known(*, book: Book) -> Rates:
    """Return all rates of a book."""
    columns = ("id", "tax_code__key", "jurisdiction", "category", "percentage", "name")
    rows = TaxRate.objects.filter(book=book).values_list(*columns, "valid_from", "valid_to")
    return Rates(
        Rate(
            id=row[0],
            tax_code=row[1] or "",
            jurisdiction=row[2],
            category=Category(row[3]),
            percentage=row[4],
            name=row[5],
            valid_from=row[6],
            valid_to=row[7],
        )
        for row in rows
    )


def _jurisdiction(value: str) -> str:
    place = value.strip().upper()
    if not _JURISDICTION.fullmatch(place) or len(place) > _LONGEST:
        remedy = "use a country like DE, or a part of one like US-CA"
        raise InvalidInputError(field="jurisdiction", value=value, remedy=remedy)
    return place


def _percentage(value: Decimal, category: str) -> Decimal:
    is_taxed = category == Category.STANDARD
    if not value.is_finite() or not (ZERO < value <= _WHOLE if is_taxed else value == ZERO):
        remedy = "above 0, at most 100" if is_taxed else f"0, as category {category} bears no tax"
        raise InvalidInputError(field="percentage", value=value, remedy=f"send {remedy}")
    if -int(value.as_tuple().exponent) > _PLACES:
        raise InvalidInputError(
            field="percentage", value=value, remedy=f"use at most {_PLACES} decimal places"
        )
    return value
