"""
What recorded usage is priced by, for once: a version of a plan, a price list, or one price.

A plan is taken as if its customers had been in it from the start of the time that is asked about:
its cycles are counted from there. Price lists and single prices go by calendar months of the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.cycles import cycles_of
from billing.models import Feature, Meter, PlanPhase, PlanRateCard, PlanVersion, Rate, RateCard
from billing.rating import filters, terms
from billing.rating.events import RateTable
from billing.rating.filters import Filter, Labels
from billing.rating.rated import Rated
from billing.rating.unit import Unit
from ledger import durations
from ledger.errors import InvalidInputError
from ledger.models import Asset, Book
from ledger.money import iso_exponent
from ledger.periods import Period, month_after, month_of

MOST_CYCLES: Final = 400
# What subscriptions may add to a plan, in the words of an answer.
LEAVES_OUT: Final = ("addons", "coupons", "contracts", "overrides")

_FLAT: Final = "flat"
_TERMS: Final = ("price", "unit_config", "discounts", "commitments")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Card:
    """A price of one meter's usage, or of the part of it that a filter lets pass."""

    feature: str
    meter: Meter
    rated: Rated
    cycles: Sequence[Period]  # in their full length, those that share time with what is asked
    filter: Filter | None = None
    reads: frozenset[str] = frozenset()  # the dimensions that it looks at
    starts_at: datetime | None = None  # usage before is priced by another
    is_due_anyway: bool = False  # what is due without usage, and the minimum, are counted

    @property
    def looks_at_events(self) -> bool:
        """Whether the sums of usage by labels are not enough to price it."""
        model = self.rated.event_price
        return model is not None and (
            not isinstance(model, RateTable) or self.rated.free_events > 0
        )

    def cycle_of(self, at: datetime) -> int:
        """Return the place of the cycle that holds an instant."""
        return next(place for place, cycle in enumerate(self.cycles) if at in cycle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A flat price."""

    feature: str
    amount: Decimal
    cycles: Sequence[Period]  # none: it is due once


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Prices in one currency or credit; ``field`` names it to who asked for it."""

    field: str
    asset: Asset
    exponent: int
    cards: Mapping[int, Sequence[Card]]  # by meter; the one that prices usage comes first
    fees: Sequence[Fee] = ()
    has_fees: bool = False  # it is all that a customer pays: compared with fees that were charged
    only_meter: int | None = None  # other meters are not compared


@dataclass(slots=True)
class _Cards:
    by_meter: dict[int, list[Card]] = field(default_factory=dict)

    def add(self, card: Card) -> None:
        self.by_meter.setdefault(card.meter.pk, []).append(card)


def find(cards: Iterable[Card], labels: Labels, at: datetime) -> Card | None:
    """Return the card that prices usage with these labels at an instant."""
    for card in cards:
        has_begun = card.starts_at is None or card.starts_at <= at
        if has_begun and (card.filter is None or card.filter.fits(labels)):
            return card
    return None


def of_plan(
    *, book: Book, key: str, span: Period, version: int | None = None, phase: str | None = None
) -> Offer:
    """
    Return what a plan sells in one of its phases, the last unless another is named.

    Without a version it is the newest that is published, or else the draft.

    Raises:
        InvalidInputError: no such plan, version or phase, or too many cycles.
        InvalidTermsError: a draft's price that cannot be.
    """
    found = _version(book, key, version)
    stage = _phase(found, phase)
    cards, fees = _Cards(), []
    for sold in _ranked(stage):
        cycles = _cycles(book, span, sold.billing_cadence or found.billing_cadence)
        feature = sold.feature.key if sold.feature else sold.key
        meter = sold.feature.meter if sold.feature else None
        rated = _rated({name: getattr(sold, name) for name in _TERMS}, meter, found.asset)
        if sold.price["type"] == _FLAT:
            recurs = cycles if sold.billing_cadence else ()
            fees.append(Fee(feature=feature, amount=rated.starting, cycles=recurs))
        elif sold.feature and meter:
            cards.add(_card(sold.feature, meter, rated, cycles, is_due_anyway=True))
    return Offer(
        field="plan",
        asset=found.asset,
        exponent=_exponent(found.asset),
        cards=cards.by_meter,
        fees=fees,
        has_fees=True,
    )


def of_price_list(*, book: Book, key: str, span: Period) -> Offer:
    """
    Return what a price list says, each price from its own date on.

    Raises:
        InvalidInputError: no such price list, or too long a time.
    """
    listed = RateCard.objects.filter(book=book, key=key).select_related("asset").first()
    if listed is None:
        known = RateCard.objects.filter(book=book).values_list("key", flat=True)
        raise _unknown("price_list", key, "price list", known)
    cards, months = _Cards(), _months(book, span)
    superseded: set[tuple[int, frozenset[tuple[str, str]]]] = set()
    rates = Rate.objects.filter(rate_card=listed, effective_from__lt=span.ends_at)
    ordered = sorted(
        rates.select_related("meter__unit", "asset"),
        key=lambda rate: (len(rate.match), rate.effective_from, rate.pk),
        reverse=True,
    )
    for rate in ordered:
        named = rate.meter_id, frozenset(rate.match.items())
        if named in superseded:
            continue
        if rate.effective_from <= span.starts_at:
            superseded.add(named)
        cards.add(_listed(rate, months))
    return Offer(
        field="price_list",
        asset=listed.asset,
        exponent=_exponent(listed.asset),
        cards=cards.by_meter,
    )


def of_price(
    *, book: Book, document: Mapping[str, Any], sold: Feature | Meter, asset: Asset, span: Period
) -> Offer:
    """
    Return one price of a meter's or a feature's usage.

    Raises:
        InvalidTermsError: with every problem of the document.
        InvalidInputError: the feature has no meter, or too long a time.
    """
    months = _months(book, span)
    if isinstance(sold, Meter):
        rated = _rated(document, sold, asset)
        card = Card(
            feature=sold.feature_key,
            meter=sold,
            rated=rated,
            cycles=months,
            reads=_looked_at({}, rated),
        )
    elif sold.meter is None:
        remedy = "name a feature that a meter counts"
        raise InvalidInputError(field="feature", value=sold.key, remedy=remedy)
    else:
        card = _card(sold, sold.meter, _rated(document, sold.meter, asset), months)
    return Offer(
        field="price",
        asset=asset,
        exponent=_exponent(asset),
        cards={card.meter.pk: [card]},
        only_meter=card.meter.pk,
    )


def _version(book: Book, key: str, version: int | None) -> PlanVersion:
    versions = list(
        PlanVersion.objects.filter(plan__book=book, plan__key=key)
        .select_related("plan", "asset")
        .order_by("-version")
    )
    if not versions:
        own = PlanVersion.objects.filter(plan__book=book, plan__customer=None)
        raise _unknown("plan", key, "plan", own.values_list("plan__key", flat=True).distinct())
    if version is not None:
        wanted = [found for found in versions if found.version == version]
    else:
        wanted = [found for found in versions if found.effective_from is not None] or versions
    if not wanted:
        known = [str(found.version) for found in versions]
        raise _unknown("plan.version", str(version), "version", known)
    return wanted[0]


def _phase(version: PlanVersion, key: str | None) -> PlanPhase:
    phases = list(version.phases.order_by("position"))
    wanted = phases[-1:] if key is None else [phase for phase in phases if phase.key == key]
    if not wanted:
        raise _unknown("plan.phase", key or "", "phase", [phase.key for phase in phases])
    return wanted[0]


def _ranked(phase: PlanPhase) -> list[PlanRateCard]:
    """Return rate cards, those of most filtered dimensions first, then the later ones."""
    cards = phase.rate_cards.select_related("feature__meter__unit", "feature__meter__book")
    return sorted(
        cards,
        key=lambda card: (len(card.feature.filters) if card.feature else 0, card.position),
        reverse=True,
    )


def _card(
    feature: Feature,
    meter: Meter,
    rated: Rated,
    cycles: Sequence[Period],
    *,
    is_due_anyway: bool = False,
) -> Card:
    return Card(
        feature=feature.key,
        meter=meter,
        rated=rated,
        cycles=cycles,
        filter=filters.compiled(feature.filters, dimensions_of(meter)),
        reads=_looked_at(feature.filters, rated),
        is_due_anyway=is_due_anyway,
    )


def _listed(rate: Rate, months: Sequence[Period]) -> Card:
    meter = rate.meter
    if rate.terms is None:
        rated = Rated(price=Unit(unit_price=rate.unit_price.normalize()))
    else:
        rated = _rated(rate.terms, meter, rate.asset)
    exactly = {name: {"eq": value} for name, value in rate.match.items()}
    return Card(
        feature=meter.feature_key,
        meter=meter,
        rated=rated,
        cycles=months,
        filter=filters.compiled(exactly, dimensions_of(meter)),
        reads=_looked_at(exactly, rated),
        starts_at=rate.effective_from,
    )


def dimensions_of(meter: Meter) -> tuple[str, ...]:
    """Return the names of a meter's dimensions, in the order of its labels."""
    return tuple(sorted(meter.dimensions))


def _looked_at(filtered: Iterable[str], rated: Rated) -> frozenset[str]:
    table = rated.event_price
    return frozenset(filtered) | frozenset(table.dimensions if isinstance(table, RateTable) else ())


def _rated(document: Mapping[str, Any], meter: Meter | None, asset: Asset) -> Rated:
    held = {name: document[name] for name in _TERMS if document.get(name) is not None}
    if meter is None:
        return terms.parse(held, scale=0, kept=asset.scale)
    return terms.parse(
        held,
        scale=meter.unit.scale,
        dimensions=meter.dimensions,
        aggregation=meter.aggregation,
        kept=asset.scale,
    )


def _cycles(book: Book, span: Period, cadence: str) -> list[Period]:
    parsed = durations.parse("billing_cadence", cadence)
    found = cycles_of(span, span.starts_at, parsed, ZoneInfo(book.time_zone))
    return _few(list(islice(found, MOST_CYCLES + 1)), span)


def _months(book: Book, span: Period) -> list[Period]:
    zone = ZoneInfo(book.time_zone)
    months = [month_of(span.starts_at, zone)]
    while months[-1].ends_at < span.ends_at and len(months) <= MOST_CYCLES:
        months.append(month_after(months[-1], zone))
    return _few(months, span)


def _few(cycles: list[Period], span: Period) -> list[Period]:
    if len(cycles) > MOST_CYCLES:
        remedy = f"ask for at most {MOST_CYCLES} billing cycles at a time"
        raise InvalidInputError(field="to", value=span.ends_at.isoformat(), remedy=remedy)
    return cycles


def _exponent(asset: Asset) -> int:
    iso = iso_exponent(asset.code) if asset.kind == Asset.Kind.CURRENCY else None
    return asset.scale if iso is None else iso


def _unknown(name: str, value: str, kind: str, known: Iterable[str]) -> InvalidInputError:
    shown = ", ".join(islice(known, 20)) or "none yet"
    return InvalidInputError(field=name, value=value, remedy=f"name a {kind}; there are: {shown}")
