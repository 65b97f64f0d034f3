"""The list of checks, run in its order, with what somebody answers for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import transaction

from billing.closing import of_books, of_work
from billing.closing.findings import BLOCKS, WAIVED, Finding
from billing.models import Closing, ClosingCheck
from ledger.models import Period

CHECKS: Final[Mapping[str, Callable[[Period, datetime], Finding]]] = {
    "usage_posted": of_work.usage_posted,
    "due_work_done": of_work.due_work_done,
    "drafts_settled": of_work.drafts_settled,
    "sealed": of_books.sealed,
    "verified": of_books.verified,
    "sub_ledgers": of_books.sub_ledgers,
    "clearing": of_books.clearing,
    "overdraft": of_books.overdraft,
    "unapplied_cash": of_books.unapplied_cash,
    "taxes": of_books.taxes,
}
SLOW: Final = frozenset({"verified"})  # reads the whole journal


def check(
    *,
    period: Period,
    at: datetime,
    by: str,
    leaving_out: Collection[str] = (),
    told: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """
    Run the checklist for a period, keep what it found, and return it, in its order.

    Nothing else is changed. ``told`` is called with each check's key before it runs.
    """
    findings = []
    for key, run in CHECKS.items():
        if key not in leaving_out:
            told(key)
            findings.append(run(period, at))
    answered = answers(period)
    findings = [_answered(one, answered) for one in findings]
    with transaction.atomic():
        closing = started(period, by=by, at=at)
        ClosingCheck.objects.bulk_create(
            ClosingCheck(
                closing=closing,
                key=one.key,
                state=BLOCKS if one.state == WAIVED else one.state,
                found=one.found,
                checked_at=at,
            )
            for one in findings
        )
    return findings


def started(period: Period, *, by: str, at: datetime) -> Closing:
    """Return who has been closing a period, noting it if nobody was."""
    closing, _ = Closing.objects.get_or_create(
        period=period, defaults={"started_at": at, "started_by": by}
    )
    return closing


def answers(period: Period) -> dict[str, ClosingCheck]:
    """Return who answers for which check; the last one counts."""
    rows = ClosingCheck.objects.filter(closing=period.pk, state=WAIVED).order_by("pk")
    return {row.key: row for row in rows}


def latest(period: Period) -> list[ClosingCheck]:
    """Return what each check found when it was run last, in the order of the list."""
    rows = ClosingCheck.objects.filter(closing=period.pk).exclude(state=WAIVED).order_by("pk")
    found = {row.key: row for row in rows}
    return [found[key] for key in CHECKS if key in found]


def _answered(finding: Finding, answered: Mapping[str, ClosingCheck]) -> Finding:
    """Let what somebody answers for pass, as long as it is what that person saw."""
    answer = answered.get(finding.key)
    if not finding.blocks or answer is None or answer.found != finding.found:
        return finding
    return replace(finding, state=WAIVED, waived_by=answer.waived_by, reason=answer.reason)
