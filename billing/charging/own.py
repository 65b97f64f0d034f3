"""
Charges of a customer's own: of no subscription and of no contract.

They are locked as charges of subscriptions are: the customer first. So whoever charges a customer
waits for whoever else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from billing.charging.slips import Owner
from billing.metering.snapshot import Snapshot
from billing.models import Charge, TaxCode
from ledger import inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Asset, Customer


def lock(customer_id: int, *, wait: bool = True) -> bool:
    """Lock a customer; false: somebody else is at it."""
    owners = Customer.objects.select_for_update(no_key=True, skip_locked=not wait)
    return owners.filter(pk=customer_id).exists()


def known(book_id: int, key: str, compared: Mapping[str, Any]) -> Charge | None:
    """
    Return the charge that a key stands for.

    Raises:
        IdempotencyConflictError: it stands for another one.
    """
    found = Charge.objects.filter(book=book_id, key=key).select_related("asset").first()
    if found is not None and any(getattr(found, name) != compared[name] for name in compared):
        raise IdempotencyConflictError(key=key.partition(":")[2])
    return found


def owner_of(charge: Charge, catalogue: Snapshot, *, is_credit_only: bool | None = None) -> Owner:
    """Say who pays a charge, and how: as the customer's profile says unless told."""
    terms = catalogue.terms_of([charge.customer_id])[charge.customer_id]
    if is_credit_only is not None:
        terms = terms._replace(is_credit_only=is_credit_only)
    changes = charge.changes.count() if charge.pk else 0
    return Owner(
        catalogue=catalogue,
        customer_id=charge.customer_id,
        asset_id=charge.asset_id,
        terms=terms,
        key=f"{charge.key}:{changes}",
    )


def own_key(kind: str, key: str) -> str:
    """Return the key of a charge that a caller's key stands for."""
    return f"{kind}:{inputs.key('key', key)}"


def priced_in(asset: Asset) -> Asset:
    """
    Return an asset that prices may be in.

    Raises:
        InvalidInputError: it is a unit.
    """
    if asset.kind == Asset.Kind.UNIT:
        remedy = "name a currency or a credit"
        raise InvalidInputError(field="asset", value=asset.code, remedy=remedy)
    return asset


def tax_code(customer: Customer, key: str) -> str:
    """
    Return the key of a tax code of the customer's book; empty stays empty.

    Raises:
        InvalidInputError: the book has none of that name.
    """
    if key and not TaxCode.objects.filter(book=customer.book_id, key=key).exists():
        remedy = "name a tax code of the book, or none"
        raise InvalidInputError(field="tax_code", value=key, remedy=remedy)
    return key


def blank(*, customer: Customer, asset: Asset, at: datetime, **values: Any) -> Charge:
    """Return a charge of which nothing is posted yet."""
    return Charge(
        book_id=customer.book_id,
        customer_id=customer.pk,
        asset=asset,
        posted=0,
        earned=0,
        updated_at=at,
        **values,
    )
