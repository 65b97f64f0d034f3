"""
One instant of each of several subscriptions: what is owed by then, less what is posted, is posted.

Only what touches the instant is looked at: the cycles that begin, end or run then, and the
charges for them. So an instant costs the same whatever lies before it, and a change costs what
it changes: it moves ``due_at`` back to where it takes effect. Many subscriptions take as many
queries as one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final, NamedTuple

from django.db import connection, transaction

from billing.charging import agreement as plain
from billing.charging import cases, coupons, earning, fees, pauses, reading, starts
from billing.charging.agreement import TICK, Sold, Stretch
from billing.charging.cases import Case
from billing.charging.fees import Standing, Wanted
from billing.charging.posting import post_all
from billing.charging.reading import Item
from billing.charging.running import Place, amounts_of
from billing.charging.slips import Bill, Earning, Line, Owner, is_deferred
from billing.metering.snapshot import Snapshot
from billing.models import Charge, PlanVersion
from ledger.money import ZERO, add, subtract
from ledger.periods import Period


class Step(NamedTuple):
    """What became of one instant of a subscription."""

    instant: datetime
    charges: int  # that were posted, changed or earned
    due_at: datetime | None  # the next instant


def settle_all(
    *,
    subscriptions: Mapping[int, int],
    until: datetime,
    catalogue: Snapshot,
    wait: bool = True,
) -> dict[int, Step]:
    """
    Post what falls due at the next instant of each subscription, as far as that is by ``until``.

    ``subscriptions`` are named with whose they are. All are of one book, and all or none are done.
    Running it again, late, or at once changes nothing: what is posted is compared with what is
    owed. Who is due first is paid for first. A subscription that is missing in what comes back has
    nothing due or, with ``wait`` false, somebody else is at it.
    """
    with transaction.atomic():
        found = cases.read(cases.lock(subscriptions, until=until, wait=wait))
        if not found:
            return {}
        pauses.note(found)
        _compare(found)
        coupons.compare(found)
        starts.note(found)
        for case in found:
            _earn(case)
        post_all(bills=_bills(found, catalogue), at=until)
        following = _following(found)
        posted = {case.subscription.pk for case in found if case.slip}
        due = {case.subscription: following[case.subscription.pk] for case in found}
        cases.move_on(due, posted)
        return {
            case.subscription.pk: Step(case.instant, len(case.slip), due[case.subscription])
            for case in found
        }


def _bills(found: Sequence[Case], catalogue: Snapshot) -> list[Bill]:
    terms = catalogue.terms_of(case.subscription.customer_id for case in found)
    bills = []
    for case in found:
        one = case.subscription
        is_credit_only = one.settlement_mode == PlanVersion.Settlement.CREDIT_ONLY
        owner = Owner(
            catalogue=catalogue,
            customer_id=one.customer_id,
            asset_id=one.asset_id,
            terms=terms[one.customer_id]._replace(is_credit_only=is_credit_only),
            key=f"subscription:{one.pk}:{one.postings}",
        )
        bills.append(Bill(owner, case.slip))
    return bills


# --- What is owed ------------------------------------------------------------------------


def _compare(found: Sequence[Case]) -> None:
    """Note each fee and minimum that differs from what is posted."""
    wanted = [{one.key: one for one in _fees(case)} for case in found]
    minimums = [list(_minimums(case)) for case in found]
    used = amounts_of(
        place for due in minimums for one, stretch in due for place in _place(one, stretch)
    )
    for case, mine, due in zip(found, wanted, minimums, strict=True):
        for sold, stretch in due:
            amounts = [used.get(place, ZERO) for place in _place(sold, stretch)]
            one = fees.minimum(sold, case.agreement, stretch, amounts[0] if amounts else ZERO)
            mine[one.key] = one
    _know(found, wanted)
    for case, mine in zip(found, wanted, strict=True):
        standing = {
            key: charge
            for key, charge in case.charges.items()
            if charge.kind in {Charge.Kind.FLAT, Charge.Kind.MINIMUM}
        }
        for key in sorted(mine.keys() | standing.keys()):
            _compare_one(case, standing.get(key), mine.get(key))


def _know(found: Sequence[Case], wanted: Sequence[Collection[str]]) -> None:
    """Read the charges that are wanted and have been cut to before the instant."""
    unknown = {
        key
        for case, mine in zip(found, wanted, strict=True)
        for key in mine
        if key not in case.charges
    }
    known = cases.charges_named(found[0].subscription.book_id, unknown)
    for case, mine in zip(found, wanted, strict=True):
        case.charges |= {key: known[key] for key in mine if key in known}


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
        line = _change(charge, item, wanted, changes_at)
    case.slip.lines.append(line)


def _item(case: Case, charge: Charge | None, wanted: Wanted | None) -> Item:
    if wanted is not None:
        return case.items[wanted.item_id]
    assert charge is not None, "one of the two is there"
    assert charge.item_id is not None, "fees are of items"
    return case.items[charge.item_id]


def _first(case: Case, item: Item, wanted: Wanted) -> Line:
    charge = Charge(
        book_id=case.subscription.book_id,
        customer_id=case.subscription.customer_id,
        key=wanted.key,
        kind=wanted.kind,
        subscription_id=case.subscription.pk,
        item_id=item.id,
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


def _change(charge: Charge, item: Item, wanted: Wanted | None, at: datetime) -> Line:
    is_early = charge.due_at == charge.starts_at
    ended_at = charge.ends_at
    if wanted is not None:
        charge.ends_at = wanted.ends_at
        is_early = wanted.is_in_advance
    line = _line(charge, item, wanted, at if is_early else at - TICK)
    line.ended_at = ended_at
    return line


def _line(charge: Charge, item: Item, wanted: Wanted | None, at: datetime) -> Line:
    amount = wanted.amount if wanted is not None else ZERO
    return Line(
        charge=charge,
        amount=subtract(amount, charge.posted),
        effective_at=at,
        label=item.key,
        feature=item.feature,
        explanation=wanted.explanation if wanted is not None else {"share": "0/1"},
    )


def _fees(case: Case) -> Iterator[Wanted]:
    for sold in case.sold.values():
        if sold.is_usage:
            continue
        if sold.cadence is None:
            yield fees.one_time(sold, case.agreement)
            continue
        for stretch in _stretches(case, sold):
            yield fees.fee(sold, case.agreement, stretch)


def _minimums(case: Case) -> Iterator[tuple[Sold, Stretch]]:
    """Return the minimums that are due, and what of time they are for."""
    for sold in case.sold.values():
        if sold.minimum is not None:
            for stretch in _stretches(case, sold):
                if stretch.covered.ends_at <= case.instant:
                    yield sold, stretch


def _place(sold: Sold, stretch: Stretch) -> list[Place]:
    return [(sold.rate_id, stretch.covered.starts_at)] if sold.rate_id is not None else []


def _stretches(case: Case, sold: Sold) -> Iterator[Stretch]:
    for cycle in _cycles(case, sold):
        stretch = plain.stretch(sold, case.agreement, cycle)
        if stretch is None:
            continue
        if sold.id in case.paid and sold.starts_at in cycle:
            stretch = stretch._replace(share=Fraction(0))
        yield stretch


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
            assert charge.item_id is not None, "fees are of items"
            case.slip.earnings.append(
                Earning(
                    charge=charge,
                    amount=change,
                    effective_at=until - TICK,
                    label=case.items[charge.item_id].key,
                )
            )


# --- What comes next ---------------------------------------------------------------------


def _following(found: Sequence[Case]) -> dict[int, datetime | None]:
    """Return when something falls due next, by subscription."""
    ahead = _charged_ahead(found)
    return {
        case.subscription.pk: min(
            (at for at in [*_next(case), *ahead.get(case.subscription.pk, ())] if at is not None),
            default=None,
        )
        for case in found
    }


def _next(case: Case) -> Iterator[datetime | None]:
    after, agreement = case.instant, case.agreement
    for sold in case.sold.values():
        yield plain.next_instant(sold, agreement, after)
    for charge in case.charges.values():
        if is_deferred(charge) and (charge.posted or charge.earned):
            covered = Period(charge.starts_at, charge.ends_at)
            yield earning.next_instant(covered, after, agreement.months_zone)
    yield coupons.next_instant(case)


def _charged_ahead(found: Sequence[Case]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """Return when charges end and begin that are on record for the time to come."""
    after = {case.subscription.pk: case.instant for case in found}
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD, reading.instants(after))
        return {number: (ends_at, due_at) for number, ends_at, due_at in cursor.fetchall()}


_AHEAD: Final = """
    SELECT n.id, min(c.ends_at), min(c.due_at) FILTER (WHERE c.due_at > n.after)
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (id, after)
    JOIN billing_charge c ON c.subscription_id = n.id AND c.ends_at > n.after
    WHERE c.posted <> 0 OR c.earned <> 0
    GROUP BY n.id
"""
