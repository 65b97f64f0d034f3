"""Alerts in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery
from wallets.models import Alert

_AT = "2026-03-01T12:00:00Z"


class AlertOut(serializers.Serializer[Any]):
    """A threshold on a wallet, and who is told when it is crossed."""

    id = Id()
    key = serializers.CharField()
    wallet_id = Id()
    kind = serializers.ChoiceField(Alert.Kind.choices)
    threshold = Amount(help_text="Credit (balance), percent (usage) or days (expiry, run_out).")
    feature_key = serializers.CharField(source="subject_key")
    emails = serializers.ListField(child=serializers.EmailField())
    is_armed = serializers.BooleanField(help_text="It is told at the next crossing.")
    firings = serializers.IntegerField(help_text="How often it was told.")
    created_at = Instant()
    ended_at = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        "id": "3",
        "key": "low-balance",
        "wallet_id": "7",
        "kind": "balance",
        "threshold": "20",
        "feature_key": "",
        "emails": ["finance@example.com"],
        "is_armed": True,
        "firings": 0,
        "created_at": _AT,
        "ended_at": None,
    }


class AlertIn(Body):
    """A new alert."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$")
    key = serializers.CharField(max_length=200, trim_whitespace=False)
    kind = serializers.ChoiceField(Alert.Kind.choices)
    threshold = Number(help_text="Credit (balance), percent (usage) or days (expiry, run_out).")
    feature_key = serializers.CharField(
        max_length=200, default="", allow_blank=True, help_text="That the allowance is for."
    )
    emails = serializers.ListField(
        child=serializers.CharField(max_length=254), default=list, max_length=20
    )

    example: ClassVar[dict[str, Any]] = {
        "wallet": "7",
        "key": "low-balance",
        "kind": "balance",
        "threshold": "20",
        "emails": ["finance@example.com"],
    }


class AlertChange(Body):
    """What is to change of an alert; what is left out stays."""

    threshold = Number(required=False)
    emails = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, max_length=20
    )

    example: ClassVar[dict[str, Any]] = {"threshold": "50"}


class AlertQuery(PageQuery):
    """Which alerts."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$", required=False)
    customer = serializers.CharField(required=False, max_length=210)
    kind = serializers.ChoiceField(Alert.Kind.choices, required=False)


class AlertFiringOut(serializers.Serializer[Any]):
    """One crossing of a threshold."""

    number = serializers.IntegerField()
    value = Amount()
    grant_id = Id(allow_null=True)
    fired_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "number": 1,
        "value": "19.4",
        "grant_id": None,
        "fired_at": _AT,
    }
