"""Evidence: what was found out about a customer's taxes, kept as it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.models import TaxEvidence, TaxId
from ledger import inputs, outbox
from ledger.models import Customer

_SETTLED = (TaxId.Status.VALID, TaxId.Status.INVALID)


def record(
    *,
    customer: Customer,
    kind: str,
    answer: Mapping[str, Any],
    at: datetime,
    tax_id: TaxId | None = None,
    status: str = "",
    request_identifier: str = "",
    cause: str = "",
) -> TaxEvidence:
    """
    Keep an answer; with a ``status``, it is what is known of the tax id from now on.

    That an authority is not available takes nothing back that it has said before. Whoever says
    otherwise than before, or the first word, is told on (``tax_id.verified``).

    Raises:
        InvalidInputError: a kind or status of evidence that there is not.
    """
    inputs.choice("kind", kind, TaxEvidence.Kind.values)
    with transaction.atomic():
        found = TaxEvidence.objects.create(
            customer=customer,
            tax_id=tax_id,
            kind=kind,
            answer=dict(answer),
            request_identifier=request_identifier[:100],
            cause=cause[:200],
            recorded_at=at,
        )
        if tax_id is not None and status:
            before = _judge(tax_id, inputs.choice("status", status, TaxId.Status.values), at)
            if status in _SETTLED and status != before:
                _tell(found, tax_id, customer, before)
    return found


def _judge(tax_id: TaxId, status: str, at: datetime) -> str:
    """Say what is known of a tax id from now on; return what was known of it."""
    held = TaxId.objects.select_for_update(no_key=True).get(pk=tax_id.pk)
    before = held.status
    if status != TaxId.Status.UNAVAILABLE or before not in _SETTLED:
        held.status, held.checked_at = status, at
        held.save(update_fields=["status", "checked_at"])
    tax_id.status, tax_id.checked_at = held.status, held.checked_at
    return before


def _tell(found: TaxEvidence, tax_id: TaxId, customer: Customer, before: str) -> None:
    """Tell that an authority has judged a tax id otherwise than it had, or for the first time."""
    payload = {
        "type": "tax_id.verified",
        "book": customer.book_id,
        "customer": customer.key,
        "data": {
            "tax_id": tax_id.number,
            "tax_id_id": str(tax_id.pk),
            "tax_id_type": tax_id.type,
            "status": tax_id.status,
            "before": before,
            "request_identifier": found.request_identifier,
        },
    }
    key = f"tax_id:{tax_id.pk}:{found.pk}"
    outbox.publish(topic="event", key=key, payload=payload, at=found.recorded_at)
