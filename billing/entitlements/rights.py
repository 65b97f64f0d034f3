"""
What customers have a right to: definitions, remembered until they change.

They are read again when the customer's version moves, which is asked for with each question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import transaction

from billing.budgets.periods import period_of
from billing.models import Entitlement, SubscriptionItem

Span = tuple[datetime, datetime | None]

_REMEMBERED: Final = 200_000  # customers


class Right(NamedTuple):
    """One entitlement, as a decision sees it."""

    id: int
    customer_id: int
    kind: str
    config: Any
    limit: Decimal | None  # in the meter's unit; none: without end
    is_soft: bool
    starts_at: datetime
    ends_at: datetime | None
    anchor: datetime
    usage_period: str  # empty: its limit is for all its time
    time_zone: str
    is_open: bool  # its allowance has a wallet

    @property
    def is_limited(self) -> bool:
        """Whether there is an end to what may be used."""
        return self.kind == Entitlement.Kind.METERED and self.limit is not None

    @property
    def origin(self) -> str:
        """Return what its allowance's wallet names as where it comes from."""
        return origin(self.id)

    def resets_at(self, at: datetime) -> datetime | None:
        """Return when its allowance starts anew, or it ends if that is earlier."""
        if not self.is_limited or not self.usage_period:
            return self.ends_at
        ends_at = period_of(self.anchor, self.usage_period, self.time_zone, at).ends_at
        return ends_at if self.ends_at is None else min(ends_at, self.ends_at)

    def holds(self, at: datetime) -> bool:
        """Say whether it is in force at an instant."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """One customer's entitlements and what its items sell, by feature, at one version."""

    version: int
    by_feature: Mapping[int, list[Right]]
    sold: Mapping[int, list[Span]]

    def at(self, feature_id: int, at: datetime) -> list[Right]:
        """Return the entitlements to a feature that are in force: those by hand first."""
        return [one for one in self.by_feature.get(feature_id, ()) if one.holds(at)]

    def sells(self, feature_id: int, at: datetime) -> bool:
        """Say whether an item in force sells a feature, with or without an entitlement."""
        return any(
            starts_at <= at and (ends_at is None or at < ends_at)
            for starts_at, ends_at in self.sold.get(feature_id, ())
        )


_known: dict[int, Rights] = {}


def origin(entitlement_id: int) -> str:
    """Return how the wallet of an entitlement's allowance names it."""
    return f"entitlement:{entitlement_id}"


def of(versions: Mapping[int, int]) -> dict[int, Rights]:
    """Return customers' rights at the versions that were just read; two queries if they moved."""
    found = {
        customer_id: known
        for customer_id, version in versions.items()
        if (known := _known.get(customer_id)) is not None and known.version == version
    }
    if len(found) < len(versions):
        fresh = _load({one: version for one, version in versions.items() if one not in found})
        transaction.on_commit(lambda: _remember(fresh))  # what is rolled back was never there
        found |= fresh
    return found


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _known.clear()


def _remember(fresh: Mapping[int, Rights]) -> None:
    if len(_known) > _REMEMBERED:
        _known.clear()
    _known.update(fresh)


def _load(versions: Mapping[int, int]) -> dict[int, Rights]:
    by_feature: dict[int, dict[int, list[Right]]] = {one: {} for one in versions}
    sold: dict[int, dict[int, list[tuple[datetime, datetime | None]]]] = {
        one: {} for one in versions
    }
    for row in Entitlement.objects.filter(customer__in=versions).order_by("-item", "pk"):
        by_feature[row.customer_id].setdefault(row.feature_id, []).append(right_of(row))
    items = SubscriptionItem.objects.filter(customer__in=versions, feature__isnull=False)
    for customer_id, feature_id, starts_at, ends_at in items.order_by().values_list(
        "customer", "feature", "starts_at", "ends_at"
    ):
        sold[customer_id].setdefault(feature_id, []).append((starts_at, ends_at))
    return {
        one: Rights(version=version, by_feature=by_feature[one], sold=sold[one])
        for one, version in versions.items()
    }


def right_of(row: Entitlement) -> Right:
    """Return an entitlement as a decision sees it."""
    return Right(
        id=row.pk,
        customer_id=row.customer_id,
        kind=row.kind,
        config=row.config,
        limit=row.limit,
        is_soft=row.is_soft_limit,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        anchor=row.anchor,
        usage_period=row.usage_period,
        time_zone=row.time_zone,
        is_open=row.wallet_id is not None,
    )
