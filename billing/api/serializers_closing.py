"""The end of accounting periods in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from billing.models import ClosingCheck
from ledger.api.fields import Body, Id, Instant
from ledger.models import Period

_AT = "2026-04-03T09:00:00Z"


class FindingOut(serializers.Serializer[Any]):
    """What one check of the list found."""

    key = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(ClosingCheck.State.choices)
    found = serializers.ListField(child=serializers.CharField())
    remedy = serializers.CharField()
    waived_by = serializers.CharField()
    reason = serializers.CharField()

    example: ClassVar[dict[str, Any]] = {
        "key": "clearing",
        "title": "Clearing accounts are empty or explained",
        "state": "blocks",
        "found": ["rail_clearing bank USD 250"],
        "remedy": "Book what is missing, or answer for what is in flight with a note.",
        "waived_by": "",
        "reason": "",
    }


class ChecklistOut(serializers.Serializer[Any]):
    """The checks, in their order."""

    period_id = Id()
    is_blocked = serializers.BooleanField()
    findings = FindingOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "period_id": "3",
        "is_blocked": True,
        "findings": [FindingOut.example],
    }


class CheckRunOut(serializers.Serializer[Any]):
    """What a check found when it was run last, or who answers for it."""

    key = serializers.CharField()
    state = serializers.ChoiceField(ClosingCheck.State.choices)
    found = serializers.ListField(child=serializers.CharField())
    checked_at = Instant()
    waived_by = serializers.CharField()
    reason = serializers.CharField()

    example: ClassVar[dict[str, Any]] = {
        "key": "clearing",
        "state": "waived",
        "found": ["rail_clearing bank USD 250"],
        "checked_at": _AT,
        "waived_by": "key:mb_live_1",
        "reason": "Arrives on Monday",
    }


class ReopeningOut(serializers.Serializer[Any]):
    """That a period was opened again."""

    reopened_at = Instant()
    reopened_by = serializers.CharField()
    reason = serializers.CharField()

    example: ClassVar[dict[str, Any]] = {
        "reopened_at": _AT,
        "reopened_by": "key:mb_live_1",
        "reason": "An invoice was missing",
    }


class ClosingOut(serializers.Serializer[Any]):
    """How far the closing of a period is, and what was ever found."""

    period_id = Id()
    state = serializers.ChoiceField(Period.State.choices)
    started_at = Instant(allow_null=True)
    started_by = serializers.CharField()
    closed_at = Instant(allow_null=True)
    closed_by = serializers.CharField()
    checks = CheckRunOut(many=True, help_text="The last run of each, and what was answered for.")
    reopenings = ReopeningOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "period_id": "3",
        "state": "closed",
        "started_at": _AT,
        "started_by": "key:mb_live_1",
        "closed_at": _AT,
        "closed_by": "key:mb_live_1",
        "checks": [CheckRunOut.example],
        "reopenings": [],
    }


class ClosingReasonIn(Body):
    """Why."""

    reason = serializers.CharField(max_length=1000)

    example: ClassVar[dict[str, Any]] = {"reason": "Arrives on Monday"}
