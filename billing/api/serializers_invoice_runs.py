"""Runs of invoices in JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.models import Run
from ledger.api.fields import Body, Id, Instant

MOST_FAILURES: Final = 100
_AT: Final = "2026-03-01T00:00:00Z"


class RunOut(serializers.Serializer[Any]):
    """Invoices of many payers, made together."""

    id = Id()
    key = serializers.CharField()
    until = Instant()
    issues = serializers.BooleanField(help_text="False: drafts only.")
    state = serializers.ChoiceField(Run.State.choices)
    cause = serializers.CharField()
    started_at = Instant()
    finished_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "4",
        "key": "february",
        "until": _AT,
        "issues": True,
        "state": "running",
        "cause": "key:mb_live_x1",
        "started_at": _AT,
        "finished_at": None,
    }


class ProgressOut(serializers.Serializer[Any]):
    """How far a run is."""

    payers = serializers.IntegerField()
    payers_done = serializers.IntegerField()
    payers_failed = serializers.IntegerField()
    drafted = serializers.IntegerField()
    issued = serializers.IntegerField()
    lines = serializers.IntegerField()

    example: ClassVar[dict[str, Any]] = {
        "payers": 10_000,
        "payers_done": 4_200,
        "payers_failed": 0,
        "drafted": 4_200,
        "issued": 4_200,
        "lines": 21_000,
    }


class RunFailureOut(serializers.Serializer[Any]):
    """Payers whose documents could not be made, and why."""

    payer_ids = serializers.ListField(child=Id())
    failure = serializers.CharField()

    example: ClassVar[dict[str, Any]] = {"payer_ids": ["7"], "failure": "…"}


class RunDetailOut(serializers.Serializer[Any]):
    """A run, how far it is, and what failed."""

    run = RunOut()
    progress = ProgressOut()
    failures = RunFailureOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "run": RunOut.example,
        "progress": ProgressOut.example,
        "failures": [],
    }


class RunIn(Body):
    """A run to begin."""

    key = serializers.CharField(max_length=200, help_text="Your own name of the run, once.")
    until = Instant(
        required=False, allow_null=True, help_text="What is due up to here; now unless given."
    )
    issues = serializers.BooleanField(default=True, help_text="False: leave it at drafts.")

    example: ClassVar[dict[str, Any]] = {"key": "february", "until": _AT}
