"""Types of events about invoices, credit and debit notes, and runs of them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.webhooks.event_types import (
    AMOUNT,
    ID,
    INSTANT,
    TEXT,
    WHOLE,
    EventType,
    Schema,
    or_null,
)

_DATE: Final[Schema] = {"type": "string", "format": "date"}
_DOCUMENT: Final[Mapping[str, Schema]] = {
    "invoice": TEXT | {"description": "Its number; empty until it is issued."},
    "invoice_id": ID,
    "payer": TEXT | {"description": "The key of who pays; of drafts, the customer is null."},
    "kind": TEXT,
    "state": TEXT,
    "currency": TEXT,
    "total": AMOUNT,
    "due": AMOUNT,
    "open": AMOUNT,
    "issue_date": or_null(_DATE),
    "due_date": or_null(_DATE),
    "corrects_id": or_null(ID),
    "reason": TEXT,
}
_ISSUED: Final[Mapping[str, Any]] = {
    "invoice": "INV-2026-000041",
    "invoice_id": "41",
    "payer": "acme",
    "kind": "invoice",
    "state": "issued",
    "currency": "EUR",
    "total": "142.8",
    "due": "142.8",
    "open": "142.8",
    "issue_date": "2026-03-01",
    "due_date": "2026-03-31",
    "corrects_id": None,
    "reason": "",
}
_DRAFT: Final[Mapping[str, Any]] = {
    **_ISSUED,
    "invoice": "",
    "state": "draft",
    "open": "0",
    "issue_date": None,
    "due_date": None,
}


def _of(name: str, title: str, when: str, base: Mapping[str, Any], **example: Any) -> EventType:
    return EventType(
        name=name, title=title, when=when, fields=_DOCUMENT, example={**base, **example}
    )


ALL: Final = (
    _of("invoice.drafted", "Invoice drafted", "A draft was composed.", _DRAFT),
    _of("invoice.updated", "Draft changed", "A draft was composed anew, otherwise.", _DRAFT),
    _of(
        "invoice.approved",
        "Invoice approved",
        "A draft was frozen, to be issued as it is.",
        _DRAFT,
        state="approved",
    ),
    _of(
        "invoice.discarded",
        "Draft discarded",
        "A draft was thrown away; what it was about is on the next one.",
        _DRAFT,
        state="discarded",
        reason="nothing of it is left",
    ),
    _of(
        "invoice.issued",
        "Invoice issued",
        "An invoice was numbered and posted; from now on it does not change.",
        _ISSUED,
    ),
    _of(
        "credit_note.issued",
        "Credit note issued",
        "A credit note was numbered and posted; its amounts are what is given back.",
        _ISSUED,
        invoice="CN-2026-000002",
        invoice_id="52",
        kind="credit_note",
        due_date=None,
        corrects_id="41",
    ),
    _of(
        "debit_note.issued",
        "Debit note issued",
        "A debit note was numbered and posted.",
        _ISSUED,
        invoice="DN-2026-000001",
        invoice_id="53",
        kind="debit_note",
        corrects_id="41",
    ),
    _of("invoice.sent", "Invoice sent", "A document was sent to its payer.", _ISSUED),
    _of(
        "invoice.partially_paid",
        "Invoice paid in part",
        "Something of a document is settled, and something is open.",
        _ISSUED,
        state="partially_paid",
        open="42.8",
    ),
    _of(
        "invoice.paid",
        "Invoice paid",
        "Nothing of a document is open any more.",
        _ISSUED,
        state="paid",
        open="0",
    ),
    _of(
        "invoice.overdue",
        "Invoice overdue",
        "The day on which it was due is over, and something is open.",
        _ISSUED,
        state="overdue",
    ),
    _of(
        "invoice.uncollectible",
        "Invoice written off",
        "What was open of an invoice was written off.",
        _ISSUED,
        state="uncollectible",
        open="0",
    ),
    _of(
        "invoice.voided",
        "Invoice voided",
        "An issued document was taken back; what it was about can be billed again.",
        _ISSUED,
        state="void",
        open="0",
        reason="sent to the wrong company",
    ),
    EventType(
        name="run.finished",
        title="Run of invoices finished",
        when="Nothing of a run is left to do; it failed if some payers' documents could not be"
        " made. The customer is null.",
        fields={
            "run": TEXT,
            "run_id": ID,
            "state": TEXT,
            "until": INSTANT,
            "drafted": WHOLE,
            "issued": WHOLE,
            "failed": WHOLE,
        },
        example={
            "run": "february",
            "run_id": "4",
            "state": "done",
            "until": "2026-03-01T00:00:00Z",
            "drafted": 10_000,
            "issued": 10_000,
            "failed": 0,
        },
    ),
)
