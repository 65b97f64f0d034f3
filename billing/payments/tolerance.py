"""How much of a difference is not worth asking for (``METERBOOK_PAYMENT_TOLERANCE``)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings

from ledger.models import Asset
from ledger.money import ZERO


def of(asset: Asset) -> Decimal:
    """Return the tolerance in a currency: none unless the setting names one."""
    bounds: Mapping[str, Decimal] = settings.METERBOOK_PAYMENT_TOLERANCE
    return bounds.get(asset.code, bounds.get("", ZERO))
