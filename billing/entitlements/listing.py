"""All that a customer has a right to, each with what is left."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from billing.entitlements import parties
from billing.entitlements.answers import Answer, Ask
from billing.entitlements.check import check
from billing.models import Entitlement
from ledger import clocks
from ledger.models import Customer


def rights_of(*, customer: Customer, at: datetime) -> list[Answer]:
    """Return the answer for each feature that a customer, or one above it, has a right to now."""
    time = clocks.now_of(customer, at)
    found = parties.find(book_id=customer.book_id, asks=[Ask(customer_id=customer.pk)])
    line = [node for party in found.by_name.values() for node in party.line]
    in_force = Entitlement.objects.filter(
        Q(ends_at=None) | Q(ends_at__gt=time),
        customer__in=line,
        starts_at__lte=time,
    )
    keys = sorted(set(in_force.order_by().values_list("feature__key", flat=True)))
    asks = [Ask(customer_id=customer.pk, feature_key=key) for key in keys]
    return check(book_id=customer.book_id, asks=asks, at=at) if asks else []
