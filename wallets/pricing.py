"""
What a credit costs: custom credits have a price in money per currency, dated.

A price is never changed: a later one takes its place from its instant on. What is bought takes
the price in force then, and keeps what was paid as the cost basis of the grant.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from ledger.errors import AlreadyExistsError, InvalidInputError
from ledger.models import Asset, Book
from ledger.money import SCALE, ZERO, exact
from wallets.models import CreditPrice


def set_price(
    *,
    book: Book,
    asset: Asset,
    currency: Asset,
    amount: Decimal,
    at: datetime,
    effective_from: datetime | None = None,
) -> CreditPrice:
    """
    Say what one credit costs in a currency from an instant on (now), and return the price.

    Setting the same again changes nothing.

    Raises:
        InvalidInputError: not credits, no currency, a negative amount, or an instant that has
            passed: what was bought since has its price.
        PrecisionError: the amount is finer than is kept.
        AlreadyExistsError: it costs something else from that very instant on.
    """
    if asset.kind != Asset.Kind.CREDIT:
        raise _refused("asset", asset.code, "name an asset of kind credit")
    if currency.kind != Asset.Kind.CURRENCY:
        raise _refused("currency", currency.code, "name a currency, like USD")
    if exact(amount, SCALE) < ZERO:
        raise _refused("amount", amount, "use zero or more")
    since = effective_from or at
    with transaction.atomic():
        # One at a time per book, so that the second of two equal calls finds the first one's.
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        where = {"book": book, "asset": asset, "currency": currency, "effective_from": since}
        if first := CreditPrice.objects.filter(**where).first():
            if first.amount != amount:
                raise AlreadyExistsError(effective_from=since.isoformat(), amount=first.amount)
            return first
        if since < at:
            raise _refused("effective_from", since.isoformat(), "name an instant from now on")
        return CreditPrice.objects.create(**where, amount=amount, created_at=at)


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)
