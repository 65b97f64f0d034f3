"""Evidence: what was found out about a customer's taxes, kept as it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.models import TaxEvidence, TaxId
from ledger import inputs
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

    That an authority is not available takes nothing back that it has said before.

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
            _judge(tax_id, inputs.choice("status", status, TaxId.Status.values), at)
    return found


def _judge(tax_id: TaxId, status: str, at: datetime) -> None:
    held = TaxId.objects.select_for_update(no_key=True).get(pk=tax_id.pk)
    if status == TaxId.Status.UNAVAILABLE and held.status in _SETTLED:
        return
    held.status, held.checked_at = status, at
    held.save(update_fields=["status", "checked_at"])
    tax_id.status, tax_id.checked_at = held.status, held.checked_at
