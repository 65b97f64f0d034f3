"""
Books that commands make to show something: customers, meters, prices and credit, idempotently.

Everything is made as far as it is missing, through the operations that the API uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from billing import catalogue
from billing.models import BillingProfile, Meter, Rate, RateCard, Subject
from ledger import registry
from ledger.models import Asset, Book, Customer
from wallets import grants

_MILLION: Final = Decimal(1_000_000)
Settlement = BillingProfile.Settlement


@dataclass(frozen=True, slots=True)
class Party:
    """A customer, and how it pays; credit in the currency of the prices."""

    key: str
    name: str
    kind: str
    parent: str = ""
    uses: bool = True  # whether it has API keys of its own
    credit: str = ""  # bought
    is_shared: bool = False  # the wallet pays for what is below it, too
    promotion: str = ""  # given, and expires
    promoted_features: tuple[str, ...] = ()
    limit: str = ""  # of what may stand unbilled
    is_credit_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """From when on prices and credit are in force, and when promotions end."""

    since: datetime
    promotions_until: datetime


def unit(code: str) -> Asset:
    """Return a meter's unit, counted in whole numbers."""
    return Asset.objects.filter(code=code).first() or registry.create_asset(
        code=code, name=code, kind=Asset.Kind.UNIT, scale=0
    )


def meter(
    *,
    book: Book,
    key: str,
    event_type: str,
    aggregation: str,
    unit: Asset,
    at: datetime,
    path: str = "",
    dimensions: Mapping[str, str] | None = None,
) -> Meter:
    """Return a meter of the book."""
    return Meter.objects.filter(book=book, key=key).first() or catalogue.create_meter(
        book=book,
        key=key,
        event_type=event_type,
        aggregation=aggregation,
        unit=unit,
        value_path=path,
        dimensions=dimensions or {},
        at=at,
    )


def default_card(*, book: Book, asset: Asset, at: datetime) -> RateCard:
    """Return the rate card that prices everybody."""
    return RateCard.objects.filter(book=book, key="list").first() or catalogue.create_rate_card(
        book=book, key="list", asset=asset, is_default=True, at=at
    )


def per_million(
    *,
    card: RateCard,
    meter: Meter,
    match: Mapping[str, str],
    price: str,
    since: datetime,
    at: datetime,
    cost: str = "",
    provider: str = "",
) -> None:
    """Price a meter for some values of its dimensions, in amounts for a million units."""
    if not Rate.objects.filter(rate_card=card, meter=meter, match=dict(match)).exists():
        catalogue.add_rate(
            rate_card=card,
            meter=meter,
            match=match,
            unit_price=Decimal(price) / _MILLION,
            unit_cost=Decimal(cost) / _MILLION if cost else None,
            provider=provider,
            effective_from=since,
            at=at,
        )


def subjects_of(parties: Iterable[Party], *, keys_each: int) -> tuple[str, ...]:
    """Name the API keys of those parties that have some."""
    return tuple(
        f"key-{party.key}-{number}"
        for party in parties
        if party.uses
        for number in range(keys_each)
    )


def settle(
    *, book: Book, parties: Iterable[Party], asset: Asset, lives: Lives, at: datetime
) -> dict[str, Customer]:
    """Make customers with their terms and credit, parents before children; return them by key."""
    customers: dict[str, Customer] = {}
    for party in parties:
        customers[party.key] = _customer(book, party, customers.get(party.parent), at)
        _credit(party, customers[party.key], asset, lives, at)
    return customers


def map_keys(
    *, book: Book, subjects: Iterable[str], customers: Mapping[str, Customer], at: datetime
) -> None:
    """Map API keys (``subjects_of``) to the customers in their names."""
    known = set(Subject.objects.filter(book=book).values_list("key", flat=True))
    for subject in subjects:
        if subject not in known:
            owner = subject.removeprefix("key-").rpartition("-")[0]
            catalogue.map_subject(book=book, key=subject, customer=customers[owner], at=at)


def _customer(book: Book, party: Party, parent: Customer | None, at: datetime) -> Customer:
    if found := Customer.objects.filter(book=book, key=party.key).first():
        return found
    customer = registry.create_customer(
        book=book, key=party.key, name=party.name, kind=party.kind, parent=parent, at=at
    )
    if party.limit or party.is_credit_only:
        catalogue.set_profile(
            customer=customer,
            settlement=Settlement.CREDIT_ONLY
            if party.is_credit_only
            else Settlement.CREDIT_THEN_INVOICE,
            credit_limit=Decimal(party.limit) if party.limit else None,
        )
    return customer


def _credit(party: Party, customer: Customer, asset: Asset, lives: Lives, at: datetime) -> None:
    if not (party.credit or party.promotion):
        return
    wallet = grants.open_wallet(
        customer=customer, asset=asset, key="prepaid", is_shared=party.is_shared, at=at
    )
    if party.credit:
        grants.issue(
            wallet=wallet,
            key="bought",
            amount=Decimal(party.credit),
            effective_at=lives.since,
            at=at,
        )
    if party.promotion:
        grants.issue(
            wallet=wallet,
            key="welcome",
            amount=Decimal(party.promotion),
            funding=grants.Funding.PROMOTIONAL,
            feature_keys=party.promoted_features,
            effective_at=lives.since,
            expires_at=lives.promotions_until,
            at=at,
        )
