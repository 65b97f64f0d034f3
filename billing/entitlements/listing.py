"""All that a customer has a right to, each with what is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q

from billing.entitlements import parties
from billing.entitlements.answers import Answer, Ask
from billing.entitlements.check import check
from billing.entitlements.parties import Party
from billing.models import Entitlement
from ledger.models import Customer


def rights_of(*, customer: Customer, at: datetime) -> list[Answer]:
    """Return the answer for each feature that a customer, or one above it, has a right to now."""
    ask = Ask(customer_id=customer.pk)
    found = parties.find(book_id=customer.book_id, asks=[ask])
    keys = [key for party in found.by_name.values() for key in in_force(party, at)]
    asks = [Ask(customer_id=customer.pk, feature_key=key) for key in keys]
    return check(book_id=customer.book_id, asks=asks, at=at) if asks else []


def in_force(party: Party, at: datetime) -> Mapping[str, Entitlement]:
    """Return what a customer and those above it have a right to, the nearest of each feature."""
    time = party.time(at)
    is_open = Q(ends_at=None) | Q(ends_at__gt=time)
    rows = Entitlement.objects.filter(is_open, customer__in=party.line, starts_at__lte=time)
    found: dict[str, Entitlement] = {}
    for row in sorted(
        rows.select_related("feature"), key=lambda one: party.line.index(one.customer_id)
    ):
        found.setdefault(row.feature.key, row)
    return dict(sorted(found.items()))
