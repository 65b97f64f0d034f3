"""Items as a timeline says: the rows that differ are trimmed, added or, if not begun, removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from billing.models import Charge, Meter, Rate, Subscription, SubscriptionItem
from billing.plans.entitlements import check_entitlement
from billing.plans.facts import FeatureFacts, Rules
from billing.plans.versions import meter_facts
from billing.rating import terms
from billing.rating.problems import InvalidTermsError, under
from billing.subscriptions import periods_billed
from billing.subscriptions.errors import BegunError, FeatureTakenError
from billing.subscriptions.timeline import Origin, Span
from ledger import durations
from ledger.errors import InvalidInputError

_COMPARED: Final = (
    "phase_key",
    "rate_card_id",
    "addon_id",
    "feature_id",
    "meter_id",
    "billing_cadence",
    "payment_term",
    "quantity",
    "terms",
    "entitlement",
    "tax_config",
)
_FOLLOWING: Final = ("name", "origin", "ends_at")  # may differ, and the item goes on


def reconcile(
    *,
    subscription: Subscription,
    spans: Sequence[Span],
    meters: Mapping[int, Meter],
    at: datetime,
) -> None:
    """
    Make a subscription's items what ``spans`` say; again changes nothing.

    The caller has locked the customer. The number of statements does not depend on how many
    items, subscriptions or customers there are.

    Raises:
        InvalidTermsError: a price that cannot be read.
        BegunError: an item that has begun would have to be undone.
        FeatureTakenError: two items would sell one feature at one time.
    """
    rows = list(SubscriptionItem.objects.filter(subscription=subscription))
    found = {(row.key, row.starts_at): row for row in rows}
    kept: set[int] = set()
    moved: list[SubscriptionItem] = []
    ends: list[datetime] = []  # before and after, of those that moved
    new: list[Span] = []
    for span in spans:
        row = found.get((span.key, span.starts_at))
        if row is None or not _is_same(row, span):
            new.append(span)
            continue
        kept.add(row.pk)
        ended_at = row.ends_at
        if _follow(row, span):
            moved.append(row)
            ends += [end for end in (ended_at, row.ends_at) if end is not None]
    _remove([row for row in rows if row.pk not in kept], at)
    if moved:
        SubscriptionItem.objects.bulk_update(moved, _FOLLOWING)
        if ends:
            periods_billed.follow(subscription, moved, min(ends))
    _add(subscription, new, meters, at)
    if moved or new:
        _check_features(subscription, spans)


def check_terms(field: str, span: Span, meters: Mapping[int, Meter], kept: int) -> None:
    """
    Check that what a span costs can be priced.

    Raises:
        InvalidTermsError: naming the field below ``field``.
    """
    card = span.sale.card
    try:
        if card.meter_id is not None and card.is_usage:
            meter = meters[card.meter_id]
            terms.parse(
                card.terms,
                scale=meter.unit.scale,
                dimensions=meter.dimensions,
                aggregation=meter.aggregation,
                kept=kept,
            )
        else:
            _check_without_usage(field, span, kept)
    except InvalidTermsError as error:
        raise InvalidTermsError(problems=under(field, error.problems)) from error


def _check_without_usage(field: str, span: Span, kept: int) -> None:
    card = span.sale.card
    terms.parse(card.terms, scale=0, kept=kept)
    if card.model not in {"flat", "free"}:
        remedy = "name a feature with a meter, or use a flat price"
        raise InvalidInputError(field=f"{field}.price.type", value=card.model, remedy=remedy)


def _check_allowance(field: str, span: Span, meters: Mapping[int, Meter]) -> None:
    """Check an entitlement that no published plan has been checked for."""
    card = span.sale.card
    if card.entitlement is None or span.sale.origin not in {Origin.OVERRIDE, Origin.CUSTOM}:
        return
    rules = Rules()
    meter = meters[card.meter_id] if card.meter_id is not None else None
    feature = FeatureFacts(key=card.feature_key, meter=meter_facts(meter) if meter else None)
    cadence = card.billing_cadence and durations.parse("billing_cadence", card.billing_cadence)
    document = {"entitlement": card.entitlement, "feature": card.feature_key or None}
    check_entitlement(rules, document, feature, cadence or None)
    for problem in rules.problems:
        raise InvalidInputError(
            field=f"{field}.{problem.field}",
            value=problem.attributes.get("value", ""),
            remedy=problem.message,
        )


def _is_same(row: SubscriptionItem, span: Span) -> bool:
    wanted = _columns(span)
    return all(getattr(row, name) == wanted[name] for name in _COMPARED)


def _follow(row: SubscriptionItem, span: Span) -> bool:
    """Have an item say what a span says that it goes on with; false: it does already."""
    wanted = _columns(span)
    differs = [name for name in _FOLLOWING if getattr(row, name) != wanted[name]]
    for name in differs:
        setattr(row, name, wanted[name])
    return bool(differs)


def _columns(span: Span) -> dict[str, Any]:
    card, sale = span.sale.card, span.sale
    return {
        "key": span.key,
        "name": card.name,
        "phase_key": sale.phase,
        "origin": sale.origin.value,
        "rate_card_id": card.rate_card_id,
        "addon_id": sale.addon,
        "feature_id": card.feature_id,
        "meter_id": card.meter_id,
        "billing_cadence": card.billing_cadence,
        "payment_term": card.payment_term,
        "quantity": span.quantity,
        "terms": card.terms,
        "entitlement": card.entitlement,
        "tax_config": card.tax_config,
        "starts_at": span.starts_at,
        "ends_at": span.ends_at,
    }


def _remove(rows: Sequence[SubscriptionItem], at: datetime) -> None:
    """Delete items that have not begun; their rates stay, as all rates do."""
    if not rows:
        return
    begun = min((row for row in rows if row.starts_at < at), key=_start, default=None)
    if begun is None:
        charged = Charge.objects.filter(item__in=rows).select_related("item").first()
        begun = charged.item if charged is not None else None
    if begun is not None:
        remedy = (
            f"choose an instant after {begun.starts_at.isoformat()}, when {begun.key} began,"
            " or correct it with a later change"
        )
        raise BegunError(field="timing", value=begun.key, remedy=remedy, item=begun.key)
    SubscriptionItem.objects.filter(pk__in=[row.pk for row in rows]).delete()


def _start(row: SubscriptionItem) -> datetime:
    return row.starts_at


def _add(
    subscription: Subscription, spans: Sequence[Span], meters: Mapping[int, Meter], at: datetime
) -> None:
    if not spans:
        return
    for span in spans:
        check_terms(f"items.{span.key}", span, meters, subscription.asset.scale)
        _check_allowance(f"items.{span.key}", span, meters)
    priced = [span for span in spans if span.sale.card.is_usage]
    rates = Rate.objects.bulk_create(_rate(subscription, span, at) for span in priced)
    rate_of = {(span.key, span.starts_at): rate for span, rate in zip(priced, rates, strict=True)}
    SubscriptionItem.objects.bulk_create(
        SubscriptionItem(
            subscription=subscription,
            customer_id=subscription.customer_id,
            rate=rate_of.get((span.key, span.starts_at)),
            **_columns(span),
        )
        for span in spans
    )


def _rate(subscription: Subscription, span: Span, at: datetime) -> Rate:
    assert span.sale.card.meter_id is not None, "usage has a meter"
    return Rate(
        asset_id=subscription.asset_id,
        meter_id=span.sale.card.meter_id,
        model=Rate.Model.TERMS,
        terms=span.sale.card.terms,
        effective_from=span.starts_at,
        created_at=at,
    )


def _check_features(subscription: Subscription, spans: Iterable[Span]) -> None:
    """Refuse a feature that would be sold twice at one time."""
    sold = [span for span in spans if span.sale.card.feature_id is not None]
    _check_own(subscription, sold)
    if not sold:
        return
    others = (
        SubscriptionItem.objects.filter(
            customer_id=subscription.customer_id,
            feature__in={span.sale.card.feature_id for span in sold},
        )
        .exclude(subscription=subscription)
        .select_related("subscription")
    )
    for other in others:
        for span in sold:
            if span.sale.card.feature_id == other.feature_id and _overlap(
                span.starts_at, span.ends_at, other.starts_at, other.ends_at
            ):
                raise _taken(span, other.subscription.key, other.key)


def _check_own(subscription: Subscription, sold: Sequence[Span]) -> None:
    """Within one subscription fees may name a feature that something else prices."""
    priced = [span for span in sold if span.sale.card.is_usage]
    for place, span in enumerate(priced):
        for other in priced[:place]:
            if (
                span.key != other.key
                and span.sale.card.feature_id == other.sale.card.feature_id
                and _overlap(span.starts_at, span.ends_at, other.starts_at, other.ends_at)
            ):
                raise _taken(span, subscription.key, other.key)


def _taken(span: Span, subscription: str, item: str) -> FeatureTakenError:
    return FeatureTakenError(
        field=f"items.{span.key}.feature",
        value=span.sale.card.feature_key,
        remedy=f"end {item} of subscription {subscription} first, or leave out {span.key}",
        subscription=subscription,
        item=item,
    )


def _overlap(
    starts_at: datetime, ends_at: datetime | None, other_start: datetime, other_end: datetime | None
) -> bool:
    return (ends_at is None or other_start < ends_at) and (
        other_end is None or starts_at < other_end
    )
