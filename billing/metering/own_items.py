"""
What customers' own subscriptions sell of usage: which item prices it, and in which period.

Read once for a customer and remembered until its version moves (``0007_catalogue.sql``): a batch
asks for the versions of its customers, and a change of one subscription costs nothing to others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing.cycles import cycle_of
from billing.metering.compiling import dated_of, dimensions_of
from billing.models import PlanVersion, SubscriptionItem
from billing.rating.filters import Filter, Labels
from billing.rating.match import Dated
from ledger import arrays, durations
from ledger.durations import Duration
from ledger.periods import Period

_REMEMBERED: Final = 200_000  # customers
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True, eq=False)
class OwnItem:
    """An item that prices usage, with what that needs of its subscription."""

    id: int
    subscription_id: int
    rate: Dated
    asset_id: int  # what the price is in
    feature_key: str
    filter: Filter | None
    starts_at: datetime
    ends_at: datetime
    anchor: datetime
    cadence: Duration | None  # none: all its time is one period
    zone: ZoneInfo
    is_credit_only: bool
    _latest: Period | None = field(default=None, init=False)

    @property
    def has_minimum(self) -> bool:
        """Whether something is due at the end of a period if usage costs less."""
        return self.rate.rated is not None and bool(self.rate.rated.minimum)

    def period_of(self, at: datetime) -> Period:
        """Return the part of the item's cycle that holds an instant and that it covers."""
        latest = self._latest
        if latest is None or not latest.starts_at <= at < latest.ends_at:
            latest = self._latest = self._cut(at)
        return latest

    def end_of(self, starts_at: datetime) -> datetime:
        """Return when a period ends that starts at an instant."""
        if self.cadence is None:
            return self.ends_at
        return min(self._cycle(starts_at).ends_at, self.ends_at)

    def _cut(self, at: datetime) -> Period:
        covered = Period(self.starts_at, self.ends_at)
        cut = covered if self.cadence is None else self._cycle(at).overlap(covered)
        assert cut is not None, "the item holds the instant"
        return cut

    def _cycle(self, at: datetime) -> Period:
        assert self.cadence is not None, "it recurs"
        return cycle_of(at, self.anchor, self.cadence, self.zone)


class OwnItems:
    """One customer's items, at one version."""

    __slots__ = ("_ranked", "version")

    def __init__(self, version: int, items: Iterable[OwnItem] = ()) -> None:
        self.version = version
        self._ranked: dict[int, list[OwnItem]] = {}
        for item in sorted(items, key=_rank, reverse=True):
            self._ranked.setdefault(item.rate.meter_id, []).append(item)

    def find(self, meter_id: int, labels: Labels, at: datetime) -> OwnItem | None:
        """Return the item that prices such usage: of most filtered dimensions, then the latest."""
        for item in self._ranked.get(meter_id, ()):
            if item.starts_at <= at < item.ends_at and (
                item.filter is None or item.filter.fits(labels)
            ):
                return item
        return None


_known: dict[int, OwnItems] = {}


class Own(NamedTuple):
    """What a batch must know of its customers' own agreements."""

    items: Mapping[int, OwnItems] = {}  # of those that ever had any, by customer
    has_contracts: bool = True  # whether anybody in the book has one
    has_units: bool = False  # whether anybody may have been granted units of a meter
    has_captures: bool = False  # whether some capture waits for usage
    has_watches: bool = False  # whether somebody wants to know about wallets
    has_shares: bool = False  # whether somebody may use only so much of a shared wallet
    catalogue_version: int = 0  # as it was read with them


def of(*, book_id: int, customer_ids: Collection[int], unit_ids: Collection[int]) -> Own:
    """Return customers' items as they are now; one query unless some changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            _VERSIONS, [arrays.whole(customer_ids), book_id, arrays.whole(unit_ids), book_id]
        )
        versions: dict[int, int] = dict(cursor.fetchall())
    has_contracts = versions.pop(_CONTRACTS, None) is not None
    has_units = versions.pop(_UNITS, None) is not None
    has_captures = versions.pop(_CAPTURES, None) is not None
    catalogue_version = versions.pop(_CATALOGUE)
    has_watches = versions.pop(_WATCHES, None) is not None
    has_shares = versions.pop(_SHARES, None) is not None
    return Own(
        items=at_versions(versions),
        has_contracts=has_contracts,
        has_units=has_units,
        has_captures=has_captures,
        has_watches=has_watches,
        has_shares=has_shares,
        catalogue_version=catalogue_version,
    )


def at_versions(versions: Mapping[int, int]) -> dict[int, OwnItems]:
    """Return customers' items at the versions that were just read; no query if they are known."""
    found = {
        customer_id: known
        for customer_id, version in versions.items()
        if (known := _known.get(customer_id)) is not None and known.version == version
    }
    if len(found) < len(versions):
        # Read after the version was: at least as new as it, never older.
        fresh = _load({one: version for one, version in versions.items() if one not in found})
        transaction.on_commit(lambda: _remember(fresh))  # what is rolled back was never there
        found |= fresh
    return found


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _known.clear()


def item_of(row: SubscriptionItem) -> OwnItem:
    """Return a usage item ready to price; it comes with all that ``ROWS`` joins."""
    subscription, rate, feature = row.subscription, row.rate, row.feature
    assert rate is not None, "it was asked for by its rate"
    filtered = None
    if feature is not None and feature.filters:
        written = json.dumps(feature.filters, sort_keys=True)
        filtered = _filter(written, dimensions_of(rate.meter))
    return OwnItem(
        id=row.pk,
        subscription_id=subscription.pk,
        rate=dated_of(rate),
        asset_id=rate.asset_id,
        feature_key=feature.key if feature else rate.meter.feature_key,
        filter=filtered,
        starts_at=row.starts_at,
        ends_at=row.ends_at or _NEVER,
        anchor=subscription.billing_anchor,
        cadence=durations.parse("cadence", row.billing_cadence) if row.billing_cadence else None,
        zone=ZoneInfo(subscription.time_zone),
        is_credit_only=subscription.settlement_mode == PlanVersion.Settlement.CREDIT_ONLY,
    )


def _load(versions: Mapping[int, int]) -> dict[int, OwnItems]:
    by_customer: dict[int, list[OwnItem]] = {customer_id: [] for customer_id in versions}
    rows = SubscriptionItem.objects.filter(customer_id__in=versions, rate__isnull=False)
    for row in rows.select_related(*JOINED):
        by_customer[row.customer_id].append(item_of(row))
    return {one: OwnItems(versions[one], items) for one, items in by_customer.items()}


def _remember(fresh: Mapping[int, OwnItems]) -> None:
    if len(_known) > _REMEMBERED:
        _known.clear()
    _known.update(fresh)


@lru_cache(maxsize=10_000)
def _filter(document: str, names: tuple[str, ...]) -> Filter:
    """Compile a filter once for all customers' items: what it answered is shared."""
    return Filter(json.loads(document), names)


def _rank(item: OwnItem) -> tuple[int, datetime, int]:
    return (item.filter.dimensions if item.filter else 0), item.starts_at, item.id


JOINED: Final = ("subscription", "feature", "rate__asset", "rate__meter__unit")
_CONTRACTS, _CATALOGUE, _UNITS, _CAPTURES, _WATCHES, _SHARES = range(0, -6, -1)
_VERSIONS: Final = f"""
    SELECT customer_id, version FROM billing_customerversion WHERE customer_id = ANY(%s::bigint[])
    UNION ALL
    SELECT {_CONTRACTS}, 0 WHERE EXISTS (SELECT FROM billing_contract WHERE book_id = %s)
    UNION ALL
    SELECT {_UNITS}, 0 WHERE EXISTS (SELECT FROM wallets_wallet WHERE asset_id = ANY(%s::bigint[]))
    UNION ALL
    SELECT {_CAPTURES}, 0
    WHERE EXISTS (SELECT FROM wallets_capture WHERE book_id = %s AND settled_at IS NULL)
    UNION ALL
    SELECT {_WATCHES}, 0 WHERE EXISTS (SELECT FROM wallets_watch)
    UNION ALL
    SELECT {_SHARES}, 0 WHERE EXISTS (SELECT FROM wallets_walletshare WHERE ended_at IS NULL)
    UNION ALL
    SELECT {_CATALOGUE}, version FROM billing_catalogueversion
"""  # noqa: S608 - numbers
