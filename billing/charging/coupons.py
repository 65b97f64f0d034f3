"""
What coupons take off: at the end of each billing cycle, from all that was charged for it.

One rule for every kind of charge: a fee counts in the cycle in which it is due, usage in the one
in which its period ends. Fees paid in advance are charged in full, and their discount
follows at the end of the cycle. Coupons apply in the order in which they were redeemed, each to
what the ones before it have left, and never below nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.db.models import Q

from billing.charging import agreement as plain
from billing.charging import reading
from billing.charging.agreement import TICK, Agreement, Sold
from billing.charging.posting import Line, Slip, Sources
from billing.charging.running import runs_of
from billing.cycles import cycles_of, round_share
from billing.models import Charge, Coupon, CouponRedemption, PlanRateCard, Subscription
from ledger.money import ZERO, add, negate, subtract, text, total
from ledger.periods import Period

_COUNTED = (Charge.Kind.FLAT, Charge.Kind.MINIMUM)


@dataclass(slots=True)
class Base:
    """What was charged for something in a cycle, and where the money came from."""

    feature: str
    amount: Decimal
    source: Charge | str  # the charge, or the takings of usage


def compare(
    slip: Slip,
    subscription: Subscription,
    agreement: Agreement,
    charges: Mapping[str, Charge],
    instant: datetime,
) -> None:
    """
    Note each coupon that takes more or less off a cycle, at the instant it ends.

    What changes after the cycle in which it counted has that cycle looked at again.
    """
    cycles = _cycles(slip, agreement, instant)
    redeemed = list(_redemptions(subscription)) if cycles else []
    if not redeemed:
        return
    for cycle in cycles:
        known = {**charges, **_known(subscription, redeemed, cycle, instant)}
        _compare(slip, subscription, agreement, known, redeemed, cycle, instant)


def _cycles(slip: Slip, agreement: Agreement, instant: datetime) -> list[Period]:
    """Return the cycles to look at: what ends now, and where what changes has counted."""
    counted = {
        _counted_at(line.charge, line.ended_at or line.charge.ends_at) for line in slip.lines
    }
    found = {agreement.billing_cycle(at) for at in {instant - TICK, *counted}}
    return sorted(cycle for cycle in found if cycle.ends_at <= instant)


def _known(
    subscription: Subscription,
    redeemed: Sequence[CouponRedemption],
    cycle: Period,
    instant: datetime,
) -> dict[str, Charge]:
    """Return what coupons took off a cycle of the past."""
    if cycle.ends_at == instant:
        return {}
    keys = [_key(one, cycle) for one in redeemed]
    return {row.key: row for row in Charge.objects.filter(book=subscription.book_id, key__in=keys)}


def _compare(
    slip: Slip,
    subscription: Subscription,
    agreement: Agreement,
    charges: Mapping[str, Charge],
    redeemed: Sequence[CouponRedemption],
    cycle: Period,
    instant: datetime,
) -> None:
    bases = [*_charged(slip, subscription, cycle), *_used(subscription, agreement, cycle)]
    keys = {one.pk: _key(one, cycle) for one in redeemed}
    paid = [base.source for base in bases] + [charges[k] for k in keys.values() if k in charges]
    for redemption in redeemed:
        mine = [base for base in bases if _is_for(redemption.coupon, base)]
        taken_off = total(_discounts(redemption, subscription, agreement, cycle, mine))
        charge = charges.get(keys[redemption.pk])
        if charge is None and not taken_off:
            continue
        if charge is None:
            charge = _charge(subscription, redemption, cycle, keys[redemption.pk])
            paid.append(charge)
        if change := subtract(negate(taken_off), charge.posted):
            slip.lines.append(
                Line(
                    charge=charge,
                    amount=change,
                    effective_at=instant if cycle.ends_at < instant else instant - TICK,
                    label=redemption.coupon.key,
                    explanation={"coupon": redemption.coupon.key, "discount": text(taken_off)},
                    sources=Sources(mine=[base.source for base in mine], cycle=paid),
                )
            )


def next_instant(
    subscription: Subscription, agreement: Agreement, after: datetime
) -> datetime | None:
    """Return when a cycle ends next that a coupon may take something off."""
    ends_at = agreement.billing_cycle(after).ends_at
    starts_at = agreement.billing_cycle(after).starts_at
    if subscription.ends_at is not None and subscription.ends_at <= starts_at:
        return None
    redeemed = (one for one in _redemptions(subscription) if not _is_over(one, agreement, after))
    return ends_at if any(redeemed) else None


def _redemptions(subscription: Subscription) -> Iterator[CouponRedemption]:
    rows = CouponRedemption.objects.filter(subscription=subscription)
    yield from rows.select_related("coupon").order_by("redeemed_at", "pk")


def _is_over(redemption: CouponRedemption, agreement: Agreement, instant: datetime) -> bool:
    if redemption.removed_at is not None and redemption.removed_at <= instant:
        return True
    cycle = agreement.billing_cycle(instant)
    return not _is_in_time(redemption, agreement, cycle)


def _is_in_time(redemption: CouponRedemption, agreement: Agreement, cycle: Period) -> bool:
    """Say whether a coupon still counts in a cycle, were it not removed."""
    coupon = redemption.coupon
    if coupon.duration == Coupon.Duration.FOREVER:
        return True
    most = 1 if coupon.duration == Coupon.Duration.ONCE else coupon.periods or 1
    first = agreement.billing_cycle(max(redemption.redeemed_at, agreement.starts_at))
    count = 1
    while first.starts_at < cycle.starts_at and count <= most:
        first = agreement.billing_cycle(first.ends_at)
        count += 1
    return count <= most


def _applies(redemption: CouponRedemption, agreement: Agreement, cycle: Period) -> bool:
    if redemption.redeemed_at >= cycle.ends_at:
        return False
    if redemption.removed_at is not None and redemption.removed_at < cycle.ends_at:
        return False
    return _is_in_time(redemption, agreement, cycle)


def _discounts(
    redemption: CouponRedemption,
    subscription: Subscription,
    agreement: Agreement,
    cycle: Period,
    mine: Sequence[Base],
) -> list[Decimal]:
    """Return what a coupon takes off each thing it is for, and take it off."""
    coupon = redemption.coupon
    if not _applies(redemption, agreement, cycle):
        return []
    whole = max(ZERO, total(base.amount for base in mine))
    if coupon.percentage is not None:
        share = Fraction(coupon.percentage) / 100
        off = round_share(whole, share, agreement.exponent)
    elif coupon.asset_id == subscription.asset_id:
        off = coupon.amount or ZERO
    else:
        return []
    return list(_taken_off(mine, min(off, whole)))


def _is_for(coupon: Coupon, base: Base) -> bool:
    return not coupon.feature_keys or base.feature in coupon.feature_keys


def _key(redemption: CouponRedemption, cycle: Period) -> str:
    return f"coupon:{redemption.pk}:{cycle.starts_at:%Y-%m-%dT%H:%M:%S.%f}"


def _taken_off(bases: Iterable[Base], off: Decimal) -> Iterator[Decimal]:
    for base in bases:
        part = min(off, max(base.amount, ZERO))
        base.amount, off = subtract(base.amount, part), subtract(off, part)
        if part:
            yield part


def _charge(
    subscription: Subscription, redemption: CouponRedemption, cycle: Period, key: str
) -> Charge:
    return Charge(
        book_id=subscription.book_id,
        customer_id=subscription.customer_id,
        key=key,
        kind=Charge.Kind.COUPON,
        subscription=subscription,
        asset_id=subscription.asset_id,
        name=redemption.coupon.name,
        starts_at=cycle.starts_at,
        ends_at=cycle.ends_at,
        due_at=cycle.ends_at,
        posted=ZERO,
        earned=ZERO,
        updated_at=cycle.ends_at,
    )


def _charged(slip: Slip, subscription: Subscription, cycle: Period) -> Iterator[Base]:
    """Return fees and minimums that are due in a cycle, with what this instant changes."""
    rows = Charge.objects.filter(
        Q(due_at__gte=cycle.starts_at, due_at__lte=cycle.ends_at) | Q(ends_at__lte=cycle.ends_at),
        subscription=subscription,
        kind__in=_COUNTED,
        ends_at__gte=cycle.starts_at,
    )
    changing = {line.charge.key: line for line in slip.lines}
    found = {row.key: row for row in rows.select_related("item__feature", "item__meter")}
    found |= {key: line.charge for key, line in changing.items()}
    for key in sorted(found):
        charge = found[key]
        if charge.kind in _COUNTED and _counted_at(charge, charge.ends_at) in cycle:
            change = changing[key].amount if key in changing else ZERO
            assert charge.item is not None, "fees are of items"
            feature = reading.feature_of(charge.item)
            yield Base(feature, add(charge.posted, change), charge)


def _counted_at(charge: Charge, ends_at: datetime) -> datetime:
    """
    Return the instant whose cycle a charge counts in.

    What is due at the end of its time belongs to the cycle that ends then; its end may have
    been moved by a cancelation of the past.
    """
    is_early = (
        charge.kind == Charge.Kind.FLAT
        and charge.item is not None
        and charge.item.payment_term == PlanRateCard.Term.IN_ADVANCE
    )
    return charge.due_at if is_early else ends_at - TICK


def _used(subscription: Subscription, agreement: Agreement, cycle: Period) -> Iterator[Base]:
    """Return usage whose periods end in a cycle."""
    items = reading.items_of(subscription, cycle.starts_at)
    places: dict[tuple[int, datetime], str] = {}
    for item in items.values():
        if item.rate_id is None or item.starts_at >= cycle.ends_at:
            continue
        item.subscription = subscription
        sold = reading.sold_of(item, subscription.asset)
        for starts_at in _periods(sold, agreement, cycle):
            places[item.rate_id, starts_at] = reading.feature_of(item)
    runs = runs_of(places)
    for place in sorted(runs):
        yield Base(places[place], runs[place].amount, runs[place].taken)


def _periods(sold: Sold, agreement: Agreement, cycle: Period) -> Iterator[datetime]:
    assert sold.cadence is not None, "usage has a cadence"
    ends_at = cycle.ends_at if sold.ends_at is None else min(cycle.ends_at, sold.ends_at)
    starts_at = max(cycle.starts_at, sold.starts_at)
    if starts_at >= ends_at:
        return
    span = Period(starts_at, ends_at)
    for whole in cycles_of(span, agreement.anchor, sold.cadence, agreement.zone):
        stretch = plain.stretch(sold, agreement, whole)
        if stretch is not None and stretch.covered.ends_at <= cycle.ends_at:
            yield stretch.covered.starts_at
