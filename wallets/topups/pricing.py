"""What credit costs: by the book's price of a credit, rounded once, to what can be paid."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from ledger.errors import InvalidInputError
from ledger.models import Asset
from ledger.money import ONE, WIDE, ZERO, exact, iso_exponent, multiply, round_half_away
from wallets.issuing import COST_SCALE
from wallets.models import CreditPrice, Wallet


class Price(NamedTuple):
    """Money for an amount of credit."""

    amount: Decimal
    currency: Asset

    def per_credit(self, credit: Decimal, base_currency: str) -> Decimal | None:
        """Return what one credit cost in the book's currency; None if it was paid in another."""
        if self.currency.code != base_currency:
            return None
        units = round(Fraction(self.amount) / Fraction(credit) * 10**COST_SCALE)
        return Decimal(units).scaleb(-COST_SCALE, WIDE)


def places_of(asset: Asset) -> int:
    """Return how many places an amount has that can be paid, or sold, in an asset."""
    iso = iso_exponent(asset.code) if asset.kind == Asset.Kind.CURRENCY else None
    return asset.scale if iso is None else min(iso, asset.scale)


def currency_of(wallet: Wallet) -> Asset:
    """Return the currency in which a wallet's credit is paid unless somebody says otherwise."""
    if wallet.asset.kind == Asset.Kind.CURRENCY:
        return wallet.asset
    return Asset.objects.get(code=wallet.customer.book.base_currency)


def price_of(*, wallet: Wallet, amount: Decimal, currency: Asset, at: datetime) -> Price:
    """
    Return what an amount of a wallet's credit costs at an instant.

    Raises:
        InvalidInputError: no amount above zero, a wallet of units, no price in that currency, or
            an amount so small that nothing could be charged for it.
        PrecisionError: the amount is finer than the asset is kept, or than its money is paid.
    """
    _check_sold(wallet, currency)
    if not exact(amount, places_of(wallet.asset)) > ZERO:
        raise InvalidInputError(field="amount", value=amount, remedy="buy more than zero")
    unit = _unit_price(wallet, currency, at)
    price = round_half_away(multiply(amount, unit), places_of(currency))
    if unit and not price:
        remedy = f"buy so much that it costs something in {currency.code}"
        raise InvalidInputError(field="amount", value=amount, remedy=remedy)
    return Price(exact(price, currency.scale), currency)


def _check_sold(wallet: Wallet, currency: Asset) -> None:
    if wallet.asset.kind == Asset.Kind.UNIT or wallet.origin:
        remedy = "name a wallet of money or credits: an allowance is granted, not bought"
        raise InvalidInputError(field="wallet", value=wallet.key, remedy=remedy)
    if currency.kind != Asset.Kind.CURRENCY:
        remedy = "name a currency, like USD"
        raise InvalidInputError(field="currency", value=currency.code, remedy=remedy)


def _unit_price(wallet: Wallet, currency: Asset, at: datetime) -> Decimal:
    if wallet.asset_id == currency.pk:
        return ONE
    prices = CreditPrice.objects.filter(
        book=wallet.customer.book_id,
        asset=wallet.asset_id,
        currency=currency,
        effective_from__lte=at,
    )
    unit = prices.order_by("-effective_from", "-pk").values_list("amount", flat=True).first()
    if unit is None:
        remedy = f"name a currency in which {wallet.asset.code} has a price, or give it one"
        raise InvalidInputError(field="currency", value=currency.code, remedy=remedy)
    return unit
