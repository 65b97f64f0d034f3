"""
One instant of one subscription: what is owed by then, less what is posted, is posted.

Only what touches the instant is looked at: the cycles that begin, end or run then, and the
charges for them. So an instant costs the same whatever lies before it, and a change costs what
it changes: it moves ``due_at`` back to where it takes effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from django.db import transaction
from django.db.models import Min

from billing.charging import agreement as plain
from billing.charging import coupons, earning, fees, pauses, reading, starts
from billing.charging.agreement import TICK, Agreement, Sold, Stretch
from billing.charging.fees import Standing, Wanted
from billing.charging.posting import Earning, Line, Owner, Slip, is_deferred, post
from billing.charging.running import amounts_of
from billing.metering.snapshot import Snapshot
from billing.models import Charge, PlanVersion, Subscription, SubscriptionItem
from ledger.models import Customer
from ledger.money import ZERO, add, subtract
from ledger.periods import Period


class Step(NamedTuple):
    """What became of one instant of a subscription."""

    instant: datetime
    charges: int  # that were posted, changed or earned
    due_at: datetime | None  # the next instant


@dataclass(slots=True, kw_only=True)
class Case:
    """A subscription under lock, with all that touches the instant."""

    subscription: Subscription
    agreement: Agreement
    instant: datetime
    items: dict[int, SubscriptionItem]
    sold: dict[int, Sold]
    charges: dict[str, Charge]
    paid: set[int]  # items whose first cycle is paid already
    slip: Slip = field(default_factory=Slip)


def settle(
    *, subscription: Subscription, until: datetime, catalogue: Snapshot, wait: bool = True
) -> Step | None:
    """
    Post what falls due at the subscription's next instant, if that is not after ``until``.

    Running it again, late, or at once changes nothing: what is posted is compared with what is
    owed. None: nothing is due, or with ``wait`` false somebody else is at it.
    """
    with transaction.atomic():
        locked = _lock(subscription, wait=wait)
        if locked is None or locked.due_at is None or locked.due_at > until:
            return None
        case = _open(locked, locked.due_at)
        _compare(case)
        starts.compare(case.slip, case.agreement, case.sold.values(), case.items, case.instant)
        coupons.compare(case.slip, case.subscription, case.agreement, case.charges, case.instant)
        _earn(case)
        post(owner=_owner(locked, catalogue), slip=case.slip, at=until)
        following = _next(case)
        _move_on(locked, following, has_posted=bool(case.slip))
        count = len(case.slip.lines) + len(case.slip.earnings) + len(case.slip.starts)
        return Step(case.instant, count, following)


def _lock(subscription: Subscription, *, wait: bool) -> Subscription | None:
    """Lock the customer, as changes of subscriptions do, then the subscription."""
    owners = Customer.objects.select_for_update(no_key=True, skip_locked=not wait)
    if not owners.filter(pk=subscription.customer_id).exists():
        return None
    rows = Subscription.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("book", "asset").get(pk=subscription.pk)


def _open(subscription: Subscription, instant: datetime) -> Case:
    items = reading.items_of(subscription, instant)
    touching = Charge.objects.filter(
        subscription=subscription, starts_at__lte=instant, ends_at__gte=instant
    )
    charges = {row.key: row for row in touching.select_related("item__feature", "item__meter")}
    # Of items that have ended, what was charged for the time after stands in their charges.
    ended = {c.item_id: c.item for c in charges.values() if c.item_id and c.item_id not in items}
    if ended:
        gone = SubscriptionItem.objects.filter(pk__in=ended)
        items |= {row.pk: row for row in gone.select_related("feature", "meter__unit", "rate")}
    for row in items.values():
        row.subscription = subscription
    agreement = reading.agreement_of(subscription)
    sold = {pk: reading.sold_of(row, subscription.asset) for pk, row in items.items()}
    return Case(
        subscription=subscription,
        agreement=agreement,
        instant=instant,
        items=items,
        sold=sold,
        charges=charges,
        paid=pauses.paid_in_full(agreement, sold.values(), items),
    )


def _owner(subscription: Subscription, catalogue: Snapshot) -> Owner:
    terms = catalogue.terms_of([subscription.customer_id])[subscription.customer_id]
    mode = subscription.settlement_mode
    is_credit_only = mode == PlanVersion.Settlement.CREDIT_ONLY
    return Owner(
        catalogue=catalogue,
        customer_id=subscription.customer_id,
        asset_id=subscription.asset_id,
        terms=terms._replace(is_credit_only=is_credit_only),
        key=f"subscription:{subscription.pk}:{subscription.postings}",
    )


def _move_on(subscription: Subscription, due_at: datetime | None, *, has_posted: bool) -> None:
    subscription.due_at = due_at
    subscription.postings += has_posted
    subscription.save(update_fields=["due_at", "postings"])


# --- What is owed ------------------------------------------------------------------------


def _compare(case: Case) -> None:
    """Note each fee and minimum that differs from what is posted."""
    wanted = {one.key: one for one in _wanted(case)}
    _know(case, wanted)
    mine = {
        key: charge
        for key, charge in case.charges.items()
        if charge.kind in {Charge.Kind.FLAT, Charge.Kind.MINIMUM}
    }
    for key in sorted(wanted.keys() | mine.keys()):
        _compare_one(case, mine.get(key), wanted.get(key))


def _know(case: Case, wanted: Mapping[str, Wanted]) -> None:
    """Read the charges that are wanted and have been cut to before the instant."""
    if unknown := wanted.keys() - case.charges.keys():
        rows = Charge.objects.filter(book=case.subscription.book_id, key__in=unknown)
        case.charges |= {
            row.key: row for row in rows.select_related("item__feature", "item__meter")
        }


def _compare_one(case: Case, charge: Charge | None, wanted: Wanted | None) -> None:
    item = _item(case, charge, wanted)
    if charge is None:
        assert wanted is not None, "one of the two is there"
        if not wanted.amount or wanted.due_at > case.instant:
            return
        line = _first(case, item, wanted)
    else:
        before = Standing(charge.starts_at, charge.ends_at, charge.due_at, charge.posted)
        changes_at = fees.changes_at(before, wanted)
        if changes_at is None or changes_at > case.instant:
            return
        line = _change(case, charge, item, wanted, changes_at)
    case.slip.lines.append(line)


def _item(case: Case, charge: Charge | None, wanted: Wanted | None) -> SubscriptionItem:
    if wanted is not None:
        return case.items[wanted.item_id]
    assert charge is not None, "one of the two is there"
    assert charge.item is not None, "fees are of items"
    return charge.item


def _first(case: Case, item: SubscriptionItem, wanted: Wanted) -> Line:
    charge = Charge(
        book_id=case.subscription.book_id,
        customer_id=case.subscription.customer_id,
        key=wanted.key,
        kind=wanted.kind,
        subscription=case.subscription,
        item=item,
        asset_id=case.subscription.asset_id,
        name=item.name,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        due_at=wanted.due_at,
        posted=ZERO,
        earned=ZERO,
        updated_at=case.instant,
    )
    case.charges[wanted.key] = charge
    return _line(charge, item, wanted, wanted.effective_at)


def _change(
    case: Case, charge: Charge, item: SubscriptionItem, wanted: Wanted | None, at: datetime
) -> Line:
    is_early = charge.due_at == charge.starts_at
    ended_at = charge.ends_at
    if wanted is not None:
        charge.ends_at = wanted.ends_at
        is_early = wanted.is_in_advance
    line = _line(charge, item, wanted, at if is_early else at - TICK)
    line.ended_at = ended_at
    return line


def _line(charge: Charge, item: SubscriptionItem, wanted: Wanted | None, at: datetime) -> Line:
    amount = wanted.amount if wanted is not None else ZERO
    return Line(
        charge=charge,
        amount=subtract(amount, charge.posted),
        effective_at=at,
        label=item.key,
        feature=reading.feature_of(item),
        explanation=wanted.explanation if wanted is not None else {"share": "0/1"},
    )


def _wanted(case: Case) -> Iterator[Wanted]:
    minimums: list[tuple[Sold, Stretch]] = []
    for sold in case.sold.values():
        if sold.is_idle:
            continue
        if sold.cadence is None:
            yield fees.one_time(sold, case.agreement)
            continue
        for cycle in _cycles(case, sold):
            stretch = _stretch(case, sold, cycle)
            if stretch is None:
                continue
            if not sold.is_usage:
                yield fees.fee(sold, case.agreement, stretch)
            elif sold.minimum is not None and stretch.covered.ends_at <= case.instant:
                minimums.append((sold, stretch))
    yield from _minimums(case, minimums)


def _stretch(case: Case, sold: Sold, cycle: Period) -> Stretch | None:
    stretch = plain.stretch(sold, case.agreement, cycle)
    if stretch is not None and sold.id in case.paid and sold.starts_at in cycle:
        return stretch._replace(share=Fraction(0))
    return stretch


def _minimums(case: Case, due: list[tuple[Sold, Stretch]]) -> Iterator[Wanted]:
    used = amounts_of(
        (sold.rate_id, stretch.covered.starts_at) for sold, stretch in due if sold.rate_id
    )
    for sold, stretch in due:
        amount = used.get((sold.rate_id or 0, stretch.covered.starts_at), ZERO)
        yield fees.minimum(sold, case.agreement, stretch, amount)


def _cycles(case: Case, sold: Sold) -> Iterable[Period]:
    """Return an item's cycles that touch the instant, and those that are charged already."""
    instants = {case.instant, case.instant - TICK}
    instants |= {
        charge.starts_at
        for charge in case.charges.values()
        if charge.item_id == sold.id and charge.kind != Charge.Kind.COUPON
    }
    return {plain.cycle(sold, case.agreement, instant) for instant in sorted(instants)}


# --- What is earned ----------------------------------------------------------------------


def _earn(case: Case) -> None:
    """Note what of the fees paid in advance has become revenue."""
    added = {line.charge.key: line.amount for line in case.slip.lines}
    for key in sorted(case.charges):
        charge = case.charges[key]
        if not is_deferred(charge):
            continue
        covered = Period(charge.starts_at, charge.ends_at)
        reached = earning.earned_until(covered, case.instant, case.agreement.months_zone)
        until = max(reached or charge.starts_at, charge.earned_until or charge.starts_at)
        if until == charge.starts_at:
            continue
        posted = add(charge.posted, added.get(key, ZERO))
        due = earning.earned(posted, covered, until, case.agreement.exponent)
        charge.earned_until = until
        if change := subtract(due, charge.earned):
            assert charge.item is not None, "fees are of items"
            case.slip.earnings.append(
                Earning(
                    charge=charge,
                    amount=change,
                    effective_at=until - TICK,
                    label=charge.item.key,
                )
            )


# --- What comes next ---------------------------------------------------------------------


def _next(case: Case) -> datetime | None:
    after, agreement = case.instant, case.agreement
    instants = [plain.next_instant(sold, agreement, after) for sold in case.sold.values()]
    instants += [
        earning.next_instant(Period(charge.starts_at, charge.ends_at), after, agreement.months_zone)
        for charge in case.charges.values()
        if is_deferred(charge) and (charge.posted or charge.earned)
    ]
    instants += [coupons.next_instant(case.subscription, agreement, after)]
    instants += _charged_ahead(case.subscription, after)
    return min((instant for instant in instants if instant is not None), default=None)


def _charged_ahead(subscription: Subscription, after: datetime) -> list[datetime | None]:
    """Return when charges begin and end that are on record for the time to come."""
    rows = Charge.objects.filter(subscription=subscription, ends_at__gt=after)
    rows = rows.exclude(posted=ZERO, earned=ZERO)
    ends = rows.aggregate(ends=Min("ends_at"))["ends"]
    starts_at = rows.filter(due_at__gt=after).aggregate(due=Min("due_at"))["due"]
    return [ends, starts_at]
