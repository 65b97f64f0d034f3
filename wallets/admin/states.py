"""How far a grant has come, and how wallets and grants are searched for."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import Q
from django.utils.safestring import SafeString

from ledger.admin.display import badge
from ledger.models import Customer
from wallets.models import CreditGrant

_MOST_OWNERS: Final = 200


def badge_of(grant: CreditGrant, at: datetime) -> SafeString:
    """Show whether a grant pays at an instant, or why not."""
    if grant.voided_at is not None:
        return badge("voided", "bad")
    if grant.expires_at is not None and grant.expires_at <= at:
        return badge("expired", "warn")
    return badge("pending") if grant.effective_at > at else badge("active", "good")


def search(queryset: Any, term: str, *, customer: str) -> Any:
    """Keep what has a key, or belongs to customers whose keys begin so."""
    if not term:
        return queryset
    owners = Customer.objects.filter(key__istartswith=term).values_list("pk", flat=True)
    return queryset.filter(Q(**{f"{customer}__in": list(owners[:_MOST_OWNERS])}) | Q(key=term))
