"""What time brings about: approved documents are issued, unpaid ones fall overdue."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import connection

from billing.invoicing import issuing, lifecycle
from ledger import arrays
from ledger.halving import halved
from ledger.money import text

MOST_ATTEMPTS: Final = 15  # by itself; then a person has to look


@dataclass(slots=True, kw_only=True)
class Advanced:
    """What was done."""

    issued: int = 0
    overdue: int = 0
    failed: int = 0


def advance(*, at: datetime, by: str, payer_ids: Collection[int] = (), most: int = 100) -> Advanced:
    """
    Issue what is approved or may be issued by itself, and note what is overdue by now.

    That of these payers, or of all who live by the real time. What fails for one document is noted
    with it and tried again by the next call, up to ``MOST_ATTEMPTS`` times.
    """
    done = Advanced()
    whose = arrays.whole(payer_ids) if payer_ids else None
    while ready := _numbers(_READY, {"at": at, "payers": whose, "most": most}):
        numbers, errors = issue_all(invoice_ids=ready, by=by, at=at)
        done.issued += len(numbers)
        done.failed += len(errors)
        if len(numbers) < len(ready):
            break  # what is left is the next call's
    if late := _numbers(_LATE, {"at": at, "payers": whose, "most": most * 10}):
        done.overdue = len(lifecycle.refresh_state(invoice_ids=late, at=at, by=by))
    return done


def issue_all(
    *, invoice_ids: Sequence[int], by: str, at: datetime
) -> tuple[dict[int, str], dict[int, Exception]]:
    """
    Issue drafts together, or each half of them if that fails; return numbers and errors.

    What fails alone is noted with its document.
    """
    done = halved(invoice_ids, lambda ids: issuing.issue(invoice_ids=ids, at=at, by=by))
    for number, error in done.errors.items():
        lifecycle.failed(invoice_ids=[number], error=str(error), by=by, at=at)
    return {k: v for one in done.results for k, v in one.numbers.items()}, done.errors


def _numbers(query: str, parameters: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters | {"attempts": MOST_ATTEMPTS, "alone": _alone()})
        return [row[0] for row in cursor.fetchall()]


def _alone() -> str:
    """Return how much may be issued without a second person, by currency."""
    bounds: Mapping[str, Decimal] = settings.METERBOOK_APPROVAL_ABOVE
    return json.dumps({code: text(bound) for code, bound in bounds.items()})


_WHOSE: Final = """
    CASE WHEN %(payers)s::bigint[] IS NULL THEN c.clock_id IS NULL
         ELSE i.payer_id = ANY(%(payers)s::bigint[]) END
"""
_READY: Final = f"""
    SELECT i.id FROM billing_invoice i JOIN ledger_customer c ON c.id = i.payer_id
    JOIN ledger_asset a ON a.id = i.asset_id
    WHERE {_WHOSE} AND i.state IN ('draft', 'approved') AND i.issue_after <= %(at)s
      AND NOT i.is_blocked AND i.attempts < %(attempts)s
      AND NOT i.problems @> '[{{"code": "stale"}}]'
      AND coalesce(abs(i.due) <= coalesce(
          %(alone)s::jsonb ->> a.code, %(alone)s::jsonb ->> '')::numeric, true)
    ORDER BY i.id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
_LATE: Final = f"""
    SELECT i.id FROM billing_invoice i JOIN ledger_customer c ON c.id = i.payer_id
    JOIN ledger_book b ON b.id = i.book_id
    WHERE {_WHOSE} AND i.open > 0 AND i.state IN ('issued', 'partially_paid')
      AND i.due_date < (%(at)s::timestamptz AT TIME ZONE b.time_zone)::date
    ORDER BY i.id LIMIT %(most)s
"""  # noqa: S608 - fixed fragments
