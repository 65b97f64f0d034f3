"""
The decision core: may this customer use so much of a feature now?

Every face of the decision asks here. What may be remembered are definitions, by the versions of
the catalogue and of the customer, which each call reads anew; whether somebody is suspended, and
what is left of credit, allowances and budgets, is read from rows and balances each time.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime

from billing.budgets import uses
from billing.entitlements import allowances, estimates, means, parties, reserving
from billing.entitlements.answers import Answer, Ask, Reason, Remaining, Reserve
from billing.entitlements.cases import Case
from billing.entitlements.defining import Definitions
from billing.entitlements.means import Means
from ledger.money import ONE, ZERO, add

__all__ = ["Answer", "Ask", "Reason", "Remaining", "Reserve", "check"]


def check(
    *, book_id: int, asks: Sequence[Ask], at: datetime, reach: Container[int] | None = None
) -> list[Answer]:
    """
    Answer questions, each by itself, in their order.

    ``reach`` are the customers that exist for the caller; none: all of the book. Two statements
    whatever the number of questions, one more where a price depends on what was used before and
    one more where budgets count it, unless definitions have changed. What is to be reserved is set
    aside in the same step, each in a transaction of its own: under the locks it is decided anew.

    Raises:
        InvalidInputError: to reserve without quantity and cost, an unusable key or time.
        IdempotencyConflictError: a key to reserve under stands for another question.
    """
    cases = look(book_id=book_id, asks=asks, at=at, reach=reach)
    answers = [case.decide() for case in cases]
    return reserving.settle(book_id=book_id, cases=cases, answers=answers)


def look(
    *, book_id: int, asks: Sequence[Ask], at: datetime, reach: Container[int] | None = None
) -> list[Case]:
    """Return questions with all that decides them; as ``check``."""
    found = parties.find(book_id=book_id, asks=asks, reach=reach)
    cases = [_named(ask, found, at) for ask in asks]
    wanted = {one.id: one for case in cases if (one := case.party) and case.refusal is None}
    if not wanted:
        return cases
    definitions = Definitions(book_id, found.version, wanted.values())
    for case in cases:
        if case.refusal is None:
            definitions.apply(case)
    asked = [case for case in cases if case.refusal is None]
    measure(asked)
    if late := [case for case in asked if _may_be_late(case)]:
        _bring_up(late)
    return cases


def measure(cases: Sequence[Case]) -> None:
    """Say what it would cost and what is left, as it is now."""
    _price(cases)
    _fill(cases)
    _count(cases)


def _may_be_late(case: Case) -> bool:
    """Say whether an allowance says no, perhaps for its grant has not been issued yet."""
    return case.is_limited and case.decide().reason is Reason.USAGE_LIMIT_REACHED


def _bring_up(cases: Sequence[Case]) -> None:
    """Issue what is due: a period's allowance is there from its first instant, jobs or not."""
    late = [
        case
        for case in cases
        if any(allowances.bring_up(customer_id=one.customer_id, at=case.at) for one in case.rights)
    ]
    if late:
        measure(late)


def _named(ask: Ask, found: parties.Parties, at: datetime) -> Case:
    name = parties.name_of(ask)
    party = found.by_name.get(name) if name is not None else None
    if party is None:
        return Case(ask=ask, party=None, at=at, refusal=Reason.CUSTOMER_UNKNOWN)
    refusal = None if party.is_active else Reason.CUSTOMER_SUSPENDED
    return Case(ask=ask, party=party, at=party.time(at), refusal=refusal)


def _price(cases: Sequence[Case]) -> None:
    """Estimate costs; of an unknown quantity only whether a unit would cost anything."""
    quotes = {id(case): case.quote for case in cases if case.quote and case.ask.cost is None}
    totals = estimates.totals([one.series for one in quotes.values() if one.needs_total])
    for case in cases:
        quote, quantity = quotes.get(id(case)), case.ask.quantity
        if quote is None or case.money is None:
            continue
        total = totals.get(quote.series, estimates.NOTHING)
        cost = quote.cost_of(ONE if quantity is None else quantity, total)
        if quantity is not None:
            case.money.cost = cost
        elif not cost:
            case.money = None


def _fill(cases: Sequence[Case]) -> None:
    """Read lots and what may be owed, for those whose credit or allowance is asked for."""
    drawn = [case for case in cases if case.money is not None or case.is_limited]
    if not drawn:
        return
    times = [case.at for case in drawn]
    found = means.read(
        lines=[case.party.line for case in drawn if case.party],
        times=times,
        now=max((case.at for case in drawn if case.is_real_time), default=min(times)),
        has_limits=any(case.money is not None and case.money.limit is not None for case in drawn),
    )
    for case in drawn:
        _draw(case, found)


def _draw(case: Case, found: Means) -> None:
    assert case.party is not None, "it is about somebody"
    line = case.party.line
    rights = {right.origin for right in case.rights}
    if case.is_limited and case.meter is not None:
        key, unit = case.ask.feature_key, case.meter.unit_id
        case.allowance = found.available(line, unit, key, case.at, rights)
    money = case.money
    if money is None:
        return
    money.lots = found.available(line, money.asset_id, money.feature_key, case.at, ())
    if not money.may_owe:
        money.room = ZERO
    elif money.limit is not None:
        owed = found.owed.get((case.party.id, money.asset_id))
        room = money.limit if owed is None else owed.amount
        if owed is not None and not owed.has_bound:
            room = add(owed.amount, money.limit)
        money.room = max(room, ZERO)


def _count(cases: Sequence[Case]) -> None:
    """Read what budgets have come to."""
    limits = [(case, limit) for case in cases for limit in case.limits]
    if not limits:
        return
    places = {(limit.budget.id, limit.starts_at) for _, limit in limits}
    found = uses.read(places, at=max(case.at for case, _ in limits))
    for case, limit in limits:
        limit.use = found.get((limit.budget.id, limit.starts_at), uses.NOTHING)
        cost = case.money.cost if case.money else None
        limit.amount = cost if limit.is_money else case.ask.quantity
