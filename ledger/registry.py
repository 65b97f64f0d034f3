"""
Who and what the ledger knows: books, assets, customers.

What is made here is named once, by a key that its owner chooses, and is never deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import moneyed
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.integrity import taken
from ledger.metadata import canonical
from ledger.models import Asset, Book, Customer
from ledger.money import SCALE

_KEEP: Final = object()


def create_book(
    *,
    key: str,
    name: str,
    base_currency: str,
    at: datetime,
    time_zone: str = "UTC",
    tax_ids: Mapping[str, str] | None = None,
) -> Book:
    """
    Open a set of books for a legal entity, and its base currency if no book has used it yet.

    The time zone cuts the book's periods; neither it nor the currency can be changed later.

    Raises:
        InvalidInputError: a malformed key, or an unknown currency or time zone.
        AlreadyExistsError: another book has the key.
    """
    book = Book(
        key=inputs.slug("key", key),
        name=inputs.name("name", name),
        base_currency=base_currency,
        time_zone=inputs.time_zone("time_zone", time_zone).key,
        tax_ids=_tax_ids(tax_ids or {}),
        created_at=at,
    )
    with transaction.atomic(), taken(key=key):
        currency(code=base_currency, field="base_currency")
        book.save(force_insert=True)
    return book


def update_book(
    *, book: Book, name: str | None = None, tax_ids: Mapping[str, str] | None = None
) -> Book:
    """
    Change what a book is called or its tax ids; what is None stays.

    Raises:
        InvalidInputError: an empty name, or tax ids that are not text.
    """
    with transaction.atomic():
        book = Book.objects.select_for_update().get(pk=book.pk)
        book.name = book.name if name is None else inputs.name("name", name)
        book.tax_ids = book.tax_ids if tax_ids is None else _tax_ids(tax_ids)
        book.save(update_fields=["name", "tax_ids"])
    return book


def create_asset(*, code: str, name: str, kind: str, scale: int = SCALE) -> Asset:
    """
    Name something to be counted: a currency, a credit unit, a meter's unit.

    ``scale`` is how many places after the point are kept; it cannot be changed later.

    Raises:
        InvalidInputError: a malformed code, an unknown kind, a scale that is not 0 … 12, or a
            currency that ISO 4217 does not know.
        AlreadyExistsError: the code stands for another asset.
    """
    if not 0 <= scale <= SCALE:
        raise InvalidInputError(field="scale", value=scale, remedy=f"use 0 to {SCALE}")
    asset = Asset(
        code=inputs.slug("code", code),
        name=inputs.name("name", name),
        kind=inputs.choice("kind", kind, Asset.Kind.values),
        scale=scale,
    )
    if kind == Asset.Kind.CURRENCY:
        _currency_name("code", code)
    with transaction.atomic(), taken(code=code):
        asset.save(force_insert=True)
    return asset


def currency(*, code: str, field: str = "currency") -> Asset:
    """
    Return the asset of an ISO 4217 currency, made at full scale if it is new.

    Raises:
        InvalidInputError: an unknown code, or one that stands for something else.
    """
    name = _currency_name(field, code)
    defaults = {"name": name, "kind": Asset.Kind.CURRENCY, "scale": SCALE}
    asset, _ = Asset.objects.get_or_create(code=code, defaults=defaults)
    if asset.kind != Asset.Kind.CURRENCY:
        raise InvalidInputError(field=field, value=code, remedy=f"{code} names a {asset.kind}")
    return asset


def create_customer(
    *,
    book: Book,
    key: str,
    name: str,
    at: datetime,
    kind: str = Customer.Kind.COMPANY,
    parent: Customer | None = None,
    metadata: Mapping[str, object] | None = None,
) -> Customer:
    """
    Enter a customer into a book, at the top of its tree or below ``parent``.

    Raises:
        InvalidInputError: a malformed key, name, kind or metadata, or a parent in another book.
        AlreadyExistsError: the book has a customer with that key.
    """
    customer = Customer(
        book=book,
        parent=parent,
        key=inputs.key("key", key),
        name=inputs.name("name", name),
        kind=inputs.choice("kind", kind, Customer.Kind.values),
        metadata=_metadata(metadata or {}),
        created_at=at,
    )
    _check_parent(customer, parent)
    with transaction.atomic(), taken(key=key):
        customer.save(force_insert=True)
    return customer


def update_customer(
    *,
    customer: Customer,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    is_active: bool | None = None,
    parent: Customer | object | None = _KEEP,
) -> Customer:
    """
    Change what is said about a customer, or where it stands in the tree; what is not given stays.

    Moving takes its descendants along. What has been posted stays where it was posted; whoever
    counts by the tree is told in the same transaction (``CUSTOMER_MOVED``).

    Raises:
        InvalidInputError: a malformed name or metadata, a parent in another book or below itself.
    """
    with transaction.atomic():
        customer = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        from_id = customer.parent_id
        if name is not None:
            customer.name = inputs.name("name", name)
        if metadata is not None:
            customer.metadata = _metadata(metadata)
        if is_active is not None:
            customer.is_active = is_active
        if parent is not _KEEP:
            assert parent is None or isinstance(parent, Customer)
            _check_parent(customer, parent)
            customer.parent = parent
        customer.save(update_fields=["name", "metadata", "is_active", "parent"])
        if customer.parent_id != from_id:
            for listener in settings.CUSTOMER_MOVED:
                import_string(listener)(customer=customer, from_id=from_id)
    return customer


def subtree(customer_id: int) -> list[int]:
    """Return the ids of a customer and of all below it, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE below AS (
                SELECT id FROM ledger_customer WHERE id = %s
                UNION SELECT c.id FROM ledger_customer c JOIN below b ON c.parent_id = b.id)
            SELECT id FROM below ORDER BY id
            """,
            [customer_id],
        )
        return [int(row[0]) for row in cursor.fetchall()]


def _check_parent(customer: Customer, parent: Customer | None) -> None:
    # A trigger holds the same against every other writer.
    if parent is None:
        return
    if parent.book_id != customer.book_id:
        remedy = "name a customer of the same book"
        raise InvalidInputError(field="parent", value=parent.key, remedy=remedy)
    if customer.pk is not None and parent.pk in subtree(customer.pk):
        remedy = f"name a customer that is not {customer.key} or below it"
        raise InvalidInputError(field="parent", value=parent.key, remedy=remedy)


def _currency_name(field: str, code: str) -> str:
    try:
        return str(moneyed.get_currency(code).name)
    except moneyed.CurrencyDoesNotExist:
        raise InvalidInputError(
            field=field, value=code, remedy="use a code of ISO 4217, like USD"
        ) from None


def _tax_ids(value: Mapping[str, str]) -> dict[str, str]:
    return {
        inputs.name("tax_ids", kind, longest=50): inputs.name("tax_ids", number, longest=50)
        for kind, number in value.items()
    }


def _metadata(value: Mapping[str, object]) -> dict[str, object]:
    written: dict[str, object] = json.loads(
        canonical(value)
    )  # refuses what PostgreSQL could not hold
    return written
