"""
Telling what happened to documents, in the transaction in which it did.

Each thing is a row of the document's history and an event of the outbox, whatever the number of
documents in the same few statements. ``integrations/webhooks/catalogue.py`` says which there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from billing.models import Invoice
from ledger import arrays, outbox
from ledger.metadata import canonical
from ledger.money import text

# Action → what is told of it; the others are history only.
EVENTS: Final[Mapping[str, str]] = {
    "draft": "invoice.drafted",
    "update": "invoice.updated",
    "approve": "invoice.approved",
    "issue": "invoice.issued",
    "send": "invoice.sent",
    "pay_partly": "invoice.partially_paid",
    "pay": "invoice.paid",
    "mark_overdue": "invoice.overdue",
    "write_off": "invoice.uncollectible",
    "void": "invoice.voided",
    "discard": "invoice.discarded",
}
_NOTES: Final = {
    Invoice.Kind.CREDIT_NOTE: "credit_note.issued",
    Invoice.Kind.DEBIT_NOTE: "debit_note.issued",
}


def told(
    *,
    invoice_ids: Sequence[int],
    action: str,
    at: datetime,
    cause: str,
    before: Mapping[int, str] | None = None,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """
    Write down what happened to documents, as they are now, and tell it; two statements.

    ``before`` says the states in which they were, if they were in another. Must run inside the
    transaction in which it happened.
    """
    if not invoice_ids:
        return
    states = [before.get(number, "") if before else "" for number in invoice_ids]
    with connection.cursor() as cursor:
        written = (arrays.whole(invoice_ids), arrays.texts(states))
        cursor.execute(_HISTORY, (at, cause, reason, canonical(facts), action, *written))
        rows = cursor.fetchall()
    kind = EVENTS.get(action)
    if kind is None:
        return
    payloads = dict(_event(kind, row, reason) for row in rows)
    outbox.publish_all(topic="event", payloads=payloads, at=at)


def _event(kind: str, row: tuple[Any, ...], reason: str) -> tuple[str, dict[str, Any]]:
    history, number, book, payer, document, sign, state, asset, total, due, open_, *dates = row
    if kind == "invoice.issued":
        kind = _NOTES.get(document, kind)
    issue_date, due_date, corrects = dates
    data = {
        "invoice": sign,
        "invoice_id": str(number),
        "payer": payer,
        "kind": document,
        "state": state,
        "currency": asset,
        "total": text(total),
        "due": text(due),
        "open": text(open_),
        "issue_date": issue_date.isoformat() if issue_date else None,
        "due_date": due_date.isoformat() if due_date else None,
        "corrects_id": str(corrects) if corrects else None,
        "reason": reason,
    }
    # Payers are not told of what they have not been sent.
    customer = payer if sign else None
    payload = {"type": kind, "book": book, "customer": customer, "data": data}
    return f"{kind}:{history}", payload


_HISTORY: Final = """
    WITH written AS (
        INSERT INTO billing_invoiceevent
            (invoice_id, action, state_before, state_after, at, cause, reason, facts)
        SELECT i.id, a.name, coalesce(nullif(n.state, ''), i.state), i.state, %s, %s, %s,
               %s::jsonb || CASE a.name WHEN 'issue' THEN jsonb_build_object('number', i.number)
                            ELSE '{}' END
        FROM (SELECT %s::text) AS a (name)
        CROSS JOIN unnest(%s::bigint[], %s::text[]) AS n (id, state)
        JOIN billing_invoice i USING (id)
        RETURNING id, invoice_id
    )
    SELECT w.id, i.id, i.book_id, c.key, i.kind, i.number, i.state, a.code, i.total, i.due, i.open,
           i.issue_date, i.due_date, i.corrects_id
    FROM written w JOIN billing_invoice i ON i.id = w.invoice_id
    JOIN ledger_customer c ON c.id = i.payer_id JOIN ledger_asset a ON a.id = i.asset_id
    ORDER BY w.id
"""
