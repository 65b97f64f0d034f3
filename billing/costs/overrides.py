"""A book's own prices of models: what it has agreed with a provider, from an instant on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from billing.costs import tokens
from billing.models import CostPrice
from ledger import inputs
from ledger.errors import InvalidInputError, PrecisionError
from ledger.models import Book, Period
from ledger.money import exact


def create(
    *,
    book: Book,
    provider: str,
    model: str,
    prices: Mapping[str, Decimal | None],
    currency: str,
    effective_from: datetime,
    at: datetime,
    effective_to: datetime | None = None,
    model_name: str = "",
    note: str = "",
) -> CostPrice:
    """
    Price a model's tokens for one book, instead of what is published, and return the row.

    ``prices`` is by kind of token; input and output have one. Of overrides that hold at a time,
    the one that began last wins; one that begins when another did takes its place, and the same
    again changes nothing. It prices what is received after ``at``, by the time of usage.

    Raises:
        InvalidInputError: no name, an unknown kind of token, a price below zero or finer than
            twelve places, no price of input or output, another currency than the book's, an end
            before the start, or a start in a closed period.
    """
    if currency != book.base_currency:
        remedy = f"costs are in the base currency of the book, {book.base_currency}"
        raise InvalidInputError(field="currency", value=currency, remedy=remedy)
    row = CostPrice(
        book=book,
        provider=inputs.name("provider", provider, longest=100),
        model=inputs.name("model_id", model),
        model_name=inputs.name("model_name", model_name, longest=256, may_be_empty=True),
        currency=currency,
        source=CostPrice.Source.MANUAL,
        note=inputs.name("note", note, longest=1000, may_be_empty=True),
        effective_from=effective_from,
        effective_to=effective_to,
        created_at=at,
    )
    for kind, price in _checked(prices).items():
        setattr(row, tokens.COLUMNS[kind], price)
    _check_dates(row)
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)  # one after the other
        same = CostPrice.objects.filter(
            book=book,
            provider__iexact=row.provider,
            model__iexact=row.model,
            effective_from=effective_from,
            removed_at=None,
        )
        for before in same:
            if _says_the_same(before, row):
                return before
        same.update(removed_at=at)
        row.save(force_insert=True)
    return row


def remove(*, override: CostPrice, at: datetime) -> CostPrice:
    """
    Withdraw an override: what is received from ``at`` on is not priced by it.

    What it has priced keeps its cost. Again changes nothing.
    """
    assert override.book_id is not None, "published prices are not withdrawn by hand"
    CostPrice.objects.filter(pk=override.pk, removed_at=None).update(removed_at=at)
    override.refresh_from_db()
    return override


def _checked(prices: Mapping[str, Decimal | None]) -> dict[str, Decimal | None]:
    for kind, price in prices.items():
        field = f"pricing.{kind}_per_token"
        inputs.choice("pricing", kind, tokens.TYPES)
        if price is None:
            continue
        if price < 0:
            raise InvalidInputError(field=field, value=price, remedy="send an amount from 0 on")
        try:
            exact(price)
        except PrecisionError:
            remedy = "use at most 12 places after the point: costs are kept to that"
            raise InvalidInputError(field=field, value=price, remedy=remedy) from None
    for kind in (tokens.INPUT, tokens.OUTPUT):
        if prices.get(kind) is None:
            remedy = "say what a token costs; 0 if it is free"
            raise InvalidInputError(field=f"pricing.{kind}_per_token", value=None, remedy=remedy)
    return dict(prices)


def _check_dates(row: CostPrice) -> None:
    if row.effective_to is not None and row.effective_to <= row.effective_from:
        raise InvalidInputError(
            field="effective_to",
            value=row.effective_to.isoformat(),
            remedy="name a time after effective_from, or none",
        )
    closed = Period.objects.filter(book=row.book, state=Period.State.CLOSED)
    closed_to = closed.aggregate(last=Max("ends_at"))["last"]
    if closed_to is not None and row.effective_from < closed_to:
        raise InvalidInputError(
            field="effective_from",
            value=row.effective_from.isoformat(),
            remedy=f"accounting is closed before {closed_to.isoformat()}: name a time from then on",
        )


def _says_the_same(before: CostPrice, row: CostPrice) -> bool:
    return dict(tokens.of_row(before)) == dict(tokens.of_row(row)) and (
        before.effective_to,
        before.model_name,
        before.note,
    ) == (row.effective_to, row.model_name, row.note)
