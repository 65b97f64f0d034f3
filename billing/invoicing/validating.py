"""What is wrong or odd about drafts: critical problems keep them from being issued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.invoicing import waiting_usage
from billing.invoicing.composing import INVOICE
from billing.invoicing.facts import Draft, Problem
from billing.invoicing.lines import UNEXPLAINED
from billing.invoicing.materials import Currency, Profile
from billing.invoicing.pending import Standing
from ledger import arrays
from ledger.money import ZERO, multiply, text
from wallets import approvals

_UNUSUAL: Final = Decimal(3)
SECOND_PERSON: Final = "second_person_needed"


def check(
    drafts: Iterable[Draft],
    profiles: Mapping[int, Profile],
    currencies: Mapping[int, Currency],
    standing: Standing,
    *,
    until: datetime,
) -> None:
    """Note the problems of drafts, taxed as they are; two statements."""
    found = list(drafts)
    consumers = {line.consumer_id for draft in found for line in draft.lines}
    waiting = _waiting(consumers, until)
    usage = waiting_usage.waiting(consumers, until=until)
    for draft in found:
        profile = profiles.get(draft.payer_id)
        draft.problems += _problems(draft, currencies, waiting)
        draft.problems += _of_amount(draft, profile or Profile(), currencies)
        if draft.kind == INVOICE:
            mine = sorted({line.consumer_id for line in draft.lines} & usage.keys())
            draft.problems += [usage[customer].problem for customer in mine]
        if profile is not None and draft.kind == INVOICE:
            draft.problems += _of_size(draft, profile, standing, until)
        draft.problems.sort(key=lambda one: (not one.is_critical, one.code, one.path))


def waits_for_people(draft: Draft) -> bool:
    """Say whether a draft is so large that it is not issued by itself."""
    return any(problem.code == SECOND_PERSON for problem in draft.problems)


def check_party(draft: Draft, party: Mapping[str, Any]) -> None:
    """Note what documents lack of who buys."""
    if not party.get("address"):
        draft.problems.append(
            Problem(
                code="no_address",
                component="customer",
                path="party.address",
                remedy="enter the payer's address: e-invoices need it",
            )
        )


def _problems(
    draft: Draft, currencies: Mapping[int, Currency], waiting: frozenset[int]
) -> Iterable[Problem]:
    currency = currencies.get(draft.asset_id)
    if currency is not None and not currency.is_currency:
        yield Problem(
            code="asset_is_no_currency",
            component="document",
            remedy=f"{currency.code} is no currency: settle such plans by credit only",
            is_critical=True,
        )
    if waiting.intersection(line.consumer_id for line in draft.lines):
        yield Problem(
            code="due_work_outstanding",
            component="document",
            remedy="fees or minimums that are due are not charged yet: draft it again, which"
            " charges them first, or wait for the schedule, which does both by itself",
            is_critical=True,
        )
    if not draft.lines:
        yield Problem(
            code="empty",
            component="document",
            remedy="nothing is left of it but what was edited: withdraw the edits, or discard it",
            is_critical=True,
        )
    for line in draft.lines:
        if difference := line.details.get(UNEXPLAINED):
            yield Problem(
                code="arithmetic_differs",
                component="price",
                path=line.description,
                remedy=f"the price does not come to the amount, by {difference}: have it looked at",
                is_critical=True,
            )


def _of_amount(
    draft: Draft, profile: Profile, currencies: Mapping[int, Currency]
) -> Iterable[Problem]:
    currency = currencies.get(draft.asset_id)
    most = approvals.most_alone(currency.code) if currency is not None else None
    if currency is None or most is None or draft.totals.due.copy_abs() <= most:
        return
    if profile.approval == "auto":
        yield Problem(
            code=SECOND_PERSON,
            component="document",
            remedy=f"it comes to more than {text(most)} {currency.code}, so it is not issued by"
            " itself: have one person approve it, and another issue it",
        )


def _of_size(
    draft: Draft, profile: Profile, standing: Standing, until: datetime
) -> Iterable[Problem]:
    total = draft.totals.total
    if (
        profile.below_minimum == "carry"
        and ZERO <= draft.totals.due < profile.minimum
        and not _is_carried_enough(draft, profile, until)
    ):
        yield Problem(
            code="below_minimum",
            component="document",
            remedy=f"it is carried forward until it comes to {text(profile.minimum)}",
            is_critical=True,
        )
    previous = standing.previous.get((draft.payer_id, draft.asset_id, draft.group_key))
    if previous is not None and ZERO < multiply(previous.total, _UNUSUAL) < total:
        yield Problem(
            code="unusual",
            component="document",
            remedy=f"it is more than three times {previous.number} ({text(previous.total)}):"
            " compare the two",
        )


def _is_carried_enough(draft: Draft, profile: Profile, until: datetime) -> bool:
    """Say whether the oldest line has waited as long as the profile lets it."""
    ends = [line.period.ends_at for line in draft.lines if line.period is not None]
    if not ends:
        return False
    oldest = min(ends)
    months = (until.year - oldest.year) * 12 + until.month - oldest.month
    return months >= profile.most_carried_months


def _waiting(consumer_ids: Iterable[int], until: datetime) -> frozenset[int]:
    with connection.cursor() as cursor:
        numbers = arrays.whole(consumer_ids)
        cursor.execute(_WAITING, [numbers, until] * 3)
        return frozenset(row[0] for row in cursor.fetchall())


_WAITING: Final = """
    SELECT customer_id FROM billing_subscription
    WHERE customer_id = ANY(%s::bigint[]) AND due_at <= %s
    UNION SELECT customer_id FROM billing_contract
    WHERE customer_id = ANY(%s::bigint[]) AND due_at <= %s
    UNION SELECT customer_id FROM billing_charge
    WHERE customer_id = ANY(%s::bigint[]) AND scheduled_at <= %s
"""
