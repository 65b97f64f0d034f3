"""
What ingest must know of a book: its meters, rates, subjects and customers' terms.

Read once and remembered until the catalogue's version moves (``0003_catalogue_version.sql``): a
batch asks for the version and, as a rule, for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Final, NamedTuple

from django.conf import settings
from django.db import connection

from billing.budgets import matching
from billing.budgets.matching import Budgets
from billing.costs import costbook
from billing.metering import own_items, pace
from billing.metering.compiling import CompiledMeter, compiled, dated_of, dimensions_of
from billing.metering.costs import LLM, Costs
from billing.models import BillingProfile, Feature, Meter, Rate, RateCard
from billing.rating.match import Dated, Rates
from ledger.errors import TransientError

_REMEMBERED: Final = 500_000  # subjects; they come from outside and have no end


class Terms(NamedTuple):
    """How one customer is priced and pays."""

    rate_card_id: int | None
    is_credit_only: bool
    credit_limit: Decimal | None  # its own, never its parent's


@dataclass(frozen=True, slots=True)
class SeriesAccounts:
    """Account numbers; 0 where nothing is priced."""

    consumed_id: int
    metered_id: int
    revenue_id: int = 0


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """A book's catalogue at one version."""

    version: int
    book_id: int
    zone: str
    base_currency_id: int | None  # none: it is no asset, and no cost is posted
    costs: Costs | None  # of features, in the base currency; none: no feature has any
    meters: dict[str, list[CompiledMeter]]  # by event type
    rates: dict[int, Rates]  # by rate card
    assets: dict[int, int]  # rate card -> the asset its prices are in
    default_card_id: int | None
    latest_clock_at: datetime | None = None  # of the book's test clocks, if they are allowed
    budgets: Budgets = field(default_factory=Budgets)
    unit_ids: frozenset[int] = frozenset()  # what its meters count in, archived ones among them
    moves_on: bool = False  # whether some meter's late usage counts in a later period
    subjects: dict[str, int] = field(default_factory=dict)
    terms: dict[int, Terms] = field(default_factory=dict)
    # By (customer, meter, rate), and by (customer, asset): unbilled and overdraft.
    series_accounts: dict[tuple[int, int, int | None], SeriesAccounts] = field(default_factory=dict)
    owing_accounts: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def customers_of(self, subjects: Iterable[str]) -> dict[str, int]:
        """Return the customers of those subjects that are mapped."""
        wanted = set(subjects)
        if len(self.subjects) > _REMEMBERED:
            self.subjects = {}  # another dictionary: who holds the full one goes on with it
        known = self.subjects
        unknown = [subject for subject in wanted if subject not in known]
        if unknown:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT key, customer_id FROM billing_subject"
                    " WHERE book_id = %s AND key = ANY(%s)",
                    [self.book_id, unknown],
                )
                known.update(cursor.fetchall())
        return known

    def terms_of(self, customers: Iterable[int]) -> dict[int, Terms]:
        """Return the terms of customers: their own, else their parents', else the book's."""
        wanted = set(customers)
        if len(self.terms) > _REMEMBERED:
            self.terms = {}
        known = self.terms
        if unknown := [customer for customer in wanted if customer not in known]:
            found = _terms(unknown, self.default_card_id)
            if any(t.rate_card_id not in self.assets for t in found.values() if t.rate_card_id):
                raise TransientError(catalogue=self.version)  # it has moved since it was read
            known.update(found)
        return known


_snapshots: dict[int, Snapshot] = {}
_loading = Lock()


def current(book_id: int) -> Snapshot:
    """Return the book's catalogue as it is now; one small query unless it has changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM billing_catalogueversion")
        version = cursor.fetchone()[0]
    return at_version(book_id, version)


def at_version(book_id: int, version: int) -> Snapshot:
    """Return the book's catalogue at the version that was just read; no query if it is known."""
    snapshot = _snapshots.get(book_id)
    if snapshot is None or snapshot.version != version:
        # Loaded after the version was read: at least as new as it, never older.
        snapshot = _load(book_id, version)
        if not connection.in_atomic_block:  # what is not committed must not be remembered
            with _loading:
                _snapshots[book_id] = snapshot
    return snapshot


def budgets_of(catalogue: Snapshot, version: int) -> Budgets:
    """Return the budgets at a version of the catalogue that was read with no change under way."""
    if version == catalogue.version:
        return catalogue.budgets
    return matching.load(catalogue.book_id)


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _snapshots.clear()
    own_items.forget()
    costbook.forget()
    pace.forget()


def _load(book_id: int, version: int) -> Snapshot:
    meters = list(Meter.objects.filter(book_id=book_id).select_related("unit", "book"))
    cards = list(RateCard.objects.filter(book_id=book_id))
    by_type: dict[str, list[CompiledMeter]] = {}
    for meter in meters:
        if meter.archived_at is None:
            by_type.setdefault(meter.event_type, []).append(compiled(meter))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.time_zone, a.id, a.scale, EXISTS ("
            " SELECT FROM billing_feature f WHERE f.book_id = b.id AND f.unit_cost IS NOT NULL),"
            " (SELECT max(c.now_at) FROM ledger_testclock c WHERE c.book_id = b.id), EXISTS ("
            " SELECT FROM billing_budget u WHERE u.book_id = b.id AND u.ended_at IS NULL)"
            " FROM ledger_book b"
            " LEFT JOIN ledger_asset a ON a.code = b.base_currency WHERE b.id = %s",
            [book_id],
        )
        zone, base_currency_id, scale, has_costs, clock_at, has_budgets = cursor.fetchone()
    is_costed = has_costs and base_currency_id is not None
    return Snapshot(
        version=version,
        book_id=book_id,
        zone=zone,
        base_currency_id=base_currency_id,
        costs=_costs(book_id, meters, scale) if is_costed else None,
        meters=by_type,
        rates=_rates(cards, meters),
        assets={card.pk: card.asset_id for card in cards},
        default_card_id=next((card.pk for card in cards if card.is_default), None),
        latest_clock_at=clock_at if settings.METERBOOK_TEST_CLOCKS else None,
        budgets=matching.load(book_id) if has_budgets else Budgets(),
        unit_ids=frozenset(meter.unit_id for meter in meters),
        moves_on=any(meter.late_usage == Meter.LateUsage.NEXT_PERIOD for meter in meters),
    )


def _rates(cards: list[RateCard], meters: list[Meter]) -> dict[int, Rates]:
    dated: dict[int, list[Dated]] = {card.pk: [] for card in cards}
    rates = Rate.objects.filter(rate_card__in=cards)
    for rate in rates.select_related("asset", "meter__unit"):
        assert rate.rate_card_id is not None, "it was asked for by its card"
        dated[rate.rate_card_id].append(dated_of(rate))
    names = {meter.pk: dimensions_of(meter) for meter in meters}
    return {card_id: Rates(held, names) for card_id, held in dated.items()}


def _costs(book_id: int, meters: list[Meter], scale: int) -> Costs:
    found = Feature.objects.filter(book_id=book_id, meter__in=meters, unit_cost__isnull=False)
    features = list(found)
    has_models = any((feature.unit_cost or {})["type"] == LLM for feature in features)
    by_id = {meter.pk: compiled(meter) for meter in meters}
    book = costbook.load(book_id) if has_models else None
    return Costs(features, by_id, book, scale=scale)


def _terms(customers: list[int], default_card_id: int | None) -> dict[int, Terms]:
    found: dict[int, tuple[int | None, str | None]] = dict.fromkeys(customers, (None, None))
    limits: dict[int, Decimal | None] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TERMS, [customers])
        for customer_id, card_id, settlement, depth, limit in cursor.fetchall():  # nearest first
            card, way = found[customer_id]
            found[customer_id] = (card or card_id, way or settlement)
            if depth == 0:
                limits[customer_id] = limit
    return {
        customer_id: Terms(
            rate_card_id=card or default_card_id,
            is_credit_only=way == BillingProfile.Settlement.CREDIT_ONLY,
            credit_limit=limits.get(customer_id),
        )
        for customer_id, (card, way) in found.items()
    }


_TERMS: Final = """
    WITH RECURSIVE above AS (
        SELECT id AS customer_id, id AS node, parent_id, 0 AS depth
        FROM ledger_customer WHERE id = ANY(%s)
        UNION ALL
        SELECT a.customer_id, p.id, p.parent_id, a.depth + 1
        FROM above a JOIN ledger_customer p ON p.id = a.parent_id
    )
    SELECT a.customer_id, f.rate_card_id, f.settlement, a.depth, f.credit_limit
    FROM above a JOIN billing_billingprofile f ON f.customer_id = a.node
    ORDER BY a.customer_id, a.depth
"""
