"""Changes of credit that wait for a second person, in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from ledger.api.fields import Amount, Id, Instant, PageQuery
from wallets.approvals import OPERATIONS
from wallets.models import Approval

_AT = "2026-03-01T12:00:00Z"


class CreditApprovalOut(serializers.Serializer[Any]):
    """A change of credit that is so large that somebody else has to approve it."""

    id = Id()
    operation = serializers.ChoiceField(
        [(name, name) for name in (*OPERATIONS, *settings.APPROVAL_OPERATIONS)]
    )
    arguments = serializers.DictField(help_text="What is to be done: rows by id, amounts as text.")
    asset = serializers.CharField(source="asset.code")
    amount = Amount()
    reason = serializers.CharField()
    state = serializers.ChoiceField(Approval.State.choices)
    asked_by = serializers.CharField(source="asker", help_text="A person or a key.")
    asked_at = Instant()
    decided_by = serializers.CharField(source="decider", help_text="Somebody else, or empty.")
    decided_at = Instant(allow_null=True)
    outcome = serializers.CharField(help_text="What it did, or why it was refused.")

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "operation": "grant",
        "arguments": {"wallet": "7", "amount": "25000", "key": "pilot-2026"},
        "asset": "USD",
        "amount": "25000",
        "reason": "Pilot of the new region",
        "state": "waiting",
        "asked_by": "key:2ndQh7vWyZ1k",
        "asked_at": _AT,
        "decided_by": "",
        "decided_at": None,
        "outcome": "",
    }


class ApprovalQuery(PageQuery):
    """Which approvals."""

    state = serializers.ChoiceField(Approval.State.choices, required=False)
