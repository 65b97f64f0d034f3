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
from typing import NamedTuple

from billing.charging import agreement as plain
from billing.charging import cases, reading
from billing.charging.agreement import TICK, Agreement, Sold
from billing.charging.cases import Case
from billing.charging.reading import Item
from billing.charging.running import Place, Run, runs_of
from billing.charging.slips import Line, Sources
from billing.cycles import cycles_of, round_share
from billing.models import Charge, Coupon, CouponRedemption
from ledger.money import ZERO, add, negate, subtract, text, total
from ledger.periods import Period

_COUNTED = (Charge.Kind.FLAT, Charge.Kind.MINIMUM)


@dataclass(slots=True)
class Base:
    """What was charged for something in a cycle, and where the money came from."""

    feature: str
    amount: Decimal
    source: Charge | str  # the charge, or the takings of usage


class _Cycle(NamedTuple):
    """A cycle of a subscription to be looked at."""

    case: Case
    period: Period


class _Known(NamedTuple):
    """What is on record of the cycles to be looked at."""

    past: Mapping[str, Charge]  # what coupons took off
    charged: Mapping[int, Sequence[Charge]]  # fees and minimums, by subscription
    items: Mapping[int, Mapping[int, Item]]  # by subscription
    runs: Mapping[Place, Run]


def compare(all_cases: Iterable[Case]) -> None:
    """
    Note each coupon that takes more or less off a cycle, at the instant it ends.

    What changes after the cycle in which it counted has that cycle looked at again.
    """
    cycles = [
        _Cycle(case, period) for case in all_cases if case.redeemed for period in _cycles(case)
    ]
    if not cycles:
        return
    known = _read(cycles)
    for cycle in cycles:
        _compare(cycle, known)


def _cycles(case: Case) -> list[Period]:
    """Return the cycles to look at: what ends now, and where what changes has counted."""
    counted = {
        _counted_at(line.charge, line.ended_at or line.charge.ends_at, case.items)
        for line in case.slip.lines
    }
    found = {case.agreement.billing_cycle(at) for at in {case.instant - TICK, *counted}}
    return sorted(cycle for cycle in found if cycle.ends_at <= case.instant)


def _read(cycles: Sequence[_Cycle]) -> _Known:
    """Read what is on record; the same few queries, whatever the number of cycles."""
    keys = {
        _key(one, period)
        for case, period in cycles
        if period.ends_at != case.instant
        for one in case.redeemed
    }
    charged = cases.charges_within([(case.subscription.pk, period) for case, period in cycles])
    named = {row.item_id for rows in charged.values() for row in rows if row.item_id is not None}
    since = {case.subscription.pk: period.starts_at for case, period in reversed(cycles)}
    items = reading.items_of(since, also=named)
    return _Known(
        past=cases.charges_named(cycles[0].case.subscription.book_id, keys),
        charged=charged,
        items=items,
        runs=runs_of(place for cycle in cycles for place in _used(cycle, items)),
    )


def _compare(cycle: _Cycle, known: _Known) -> None:
    case, period = cycle
    past = known.past if period.ends_at != case.instant else {}
    charges = {**case.charges, **past}
    bases = [*_charged(cycle, known), *_usage(cycle, known)]
    keys = {one.pk: _key(one, period) for one in case.redeemed}
    paid = [base.source for base in bases] + [charges[k] for k in keys.values() if k in charges]
    for redemption in case.redeemed:
        mine = [base for base in bases if _is_for(redemption.coupon, base)]
        taken_off = total(_discounts(redemption, cycle, mine))
        charge = charges.get(keys[redemption.pk])
        if charge is None and not taken_off:
            continue
        if charge is None:
            charge = _charge(redemption, cycle, keys[redemption.pk])
            paid.append(charge)
        if change := subtract(negate(taken_off), charge.posted):
            case.slip.lines.append(
                Line(
                    charge=charge,
                    amount=change,
                    effective_at=case.instant
                    if period.ends_at < case.instant
                    else case.instant - TICK,
                    label=redemption.coupon.key,
                    explanation={"coupon": redemption.coupon.key, "discount": text(taken_off)},
                    sources=Sources(mine=[base.source for base in mine], cycle=paid),
                )
            )


def next_instant(case: Case) -> datetime | None:
    """Return when a cycle ends next that a coupon may take something off."""
    if not case.redeemed:
        return None
    cycle, ends_at = case.agreement.billing_cycle(case.instant), case.agreement.ends_at
    if ends_at is not None and ends_at <= cycle.starts_at:
        return None
    redeemed = (one for one in case.redeemed if not _is_over(one, case.agreement, case.instant))
    return cycle.ends_at if any(redeemed) else None


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


def _discounts(redemption: CouponRedemption, cycle: _Cycle, mine: Sequence[Base]) -> list[Decimal]:
    """Return what a coupon takes off each thing it is for, and take it off."""
    coupon, agreement = redemption.coupon, cycle.case.agreement
    if not _applies(redemption, agreement, cycle.period):
        return []
    whole = max(ZERO, total(base.amount for base in mine))
    if coupon.percentage is not None:
        share = Fraction(coupon.percentage) / 100
        off = round_share(whole, share, agreement.exponent)
    elif coupon.asset_id == cycle.case.subscription.asset_id:
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


def _charge(redemption: CouponRedemption, cycle: _Cycle, key: str) -> Charge:
    subscription, period = cycle.case.subscription, cycle.period
    return Charge(
        book_id=subscription.book_id,
        customer_id=subscription.customer_id,
        key=key,
        kind=Charge.Kind.COUPON,
        subscription_id=subscription.pk,
        asset_id=subscription.asset_id,
        name=redemption.coupon.name,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        due_at=period.ends_at,
        posted=ZERO,
        earned=ZERO,
        updated_at=period.ends_at,
    )


def _charged(cycle: _Cycle, known: _Known) -> Iterator[Base]:
    """Return fees and minimums that are due in a cycle, with what this instant changes."""
    case, period = cycle
    number = case.subscription.pk
    items = {**known.items.get(number, {}), **case.items}
    changing = {line.charge.key: line for line in case.slip.lines}
    found = {row.key: row for row in known.charged.get(number, ())}
    found |= {key: line.charge for key, line in changing.items()}
    for key in sorted(found):
        charge = found[key]
        if charge.kind in _COUNTED and _counted_at(charge, charge.ends_at, items) in period:
            change = changing[key].amount if key in changing else ZERO
            assert charge.item_id is not None, "fees are of items"
            yield Base(items[charge.item_id].feature, add(charge.posted, change), charge)


def _counted_at(charge: Charge, ends_at: datetime, items: Mapping[int, Item]) -> datetime:
    """
    Return the instant whose cycle a charge counts in.

    What is due at the end of its time belongs to the cycle that ends then; its end may have
    been moved by a cancelation of the past.
    """
    is_early = (
        charge.kind == Charge.Kind.FLAT
        and charge.item_id is not None
        and items[charge.item_id].is_in_advance
    )
    return charge.due_at if is_early else ends_at - TICK


def _usage(cycle: _Cycle, known: _Known) -> Iterator[Base]:
    """Return what usage came to whose periods end in a cycle."""
    places = _used(cycle, known.items)
    for place in sorted(places.keys() & known.runs.keys()):
        yield Base(places[place], known.runs[place].amount, known.runs[place].taken)


def _used(cycle: _Cycle, items: Mapping[int, Mapping[int, Item]]) -> dict[Place, str]:
    """Return the periods of usage that end in a cycle, with the features that they are of."""
    case, period = cycle
    places: dict[Place, str] = {}
    for item in items.get(case.subscription.pk, {}).values():
        ended = item.ends_at is not None and item.ends_at < period.starts_at
        if item.rate_id is None or ended or item.starts_at >= period.ends_at:
            continue
        sold = reading.sold_of(item, case.asset, case.subscription.billing_cadence)
        for starts_at in _periods(sold, case.agreement, period):
            places[item.rate_id, starts_at] = item.feature
    return places


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
