"""Wallets and grants in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, Number, PageQuery, Query
from wallets.models import CreditGrant, Wallet

_AT = "2026-03-01T12:00:00Z"
_AFTER_EXPIRY = "What becomes of credit that a correction returns to a grant that was closed."


class FiguresOut(serializers.Serializer[Any]):
    """What became of credit: granted = used + expired + voided + transferred + settled."""

    granted = Amount()
    used = Amount()
    expired = Amount()
    voided = Amount()
    transferred = Amount(help_text="To other grants, less what came from them.")
    settled = Amount(help_text="Still the customer's: held, pending or available.")
    held = Amount()
    pending = Amount(help_text="Not effective yet.")
    available = Amount()

    example: ClassVar[dict[str, Any]] = {
        "granted": "100",
        "used": "6.25",
        "expired": "0",
        "voided": "0",
        "transferred": "0",
        "settled": "93.75",
        "held": "0",
        "pending": "0",
        "available": "93.75",
    }


class WalletOut(serializers.Serializer[Any]):
    """A customer's prepaid credit in one asset."""

    id = Id()
    customer_id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    asset = serializers.CharField(source="asset.code")
    is_shared = serializers.BooleanField(help_text="Also pays for the customer's descendants.")
    after_expiry = serializers.ChoiceField(Wallet.AfterExpiry.choices, help_text=_AFTER_EXPIRY)
    origin = serializers.CharField(help_text="Whose allowance it is, if it is no money.")
    created_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "7",
        "customer_id": "12",
        "key": "main",
        "name": "Main wallet",
        "asset": "USD",
        "is_shared": True,
        "after_expiry": "breakage",
        "origin": "",
        "created_at": _AT,
    }


class WalletIn(Body):
    """A new wallet."""

    customer = serializers.CharField(max_length=210, help_text="The customer's id or key.")
    asset = serializers.CharField(max_length=100)
    key = serializers.CharField(max_length=200, trim_whitespace=False)
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    is_shared = serializers.BooleanField(default=False)
    after_expiry = serializers.ChoiceField(
        Wallet.AfterExpiry.choices, default=Wallet.AfterExpiry.BREAKAGE, help_text=_AFTER_EXPIRY
    )

    example: ClassVar[dict[str, Any]] = {
        "customer": "acme-research",
        "asset": "USD",
        "key": "main",
        "is_shared": True,
    }


class WalletQuery(PageQuery):
    """Which wallets."""

    customer = serializers.CharField(required=False, max_length=210)
    asset = serializers.CharField(required=False, max_length=100)


class AtQuery(Query):
    """At what instant."""

    as_of = Instant(required=False, help_text="What had happened before this instant.")


class WalletBalanceOut(FiguresOut):
    """What became of the credit in a wallet."""

    wallet_id = Id()
    asset = serializers.CharField()
    as_of = Instant(allow_null=True)

    example: ClassVar[dict[str, Any]] = {
        **FiguresOut.example,
        "wallet_id": "7",
        "asset": "USD",
        "as_of": None,
    }


class GrantOut(serializers.Serializer[Any]):
    """A block of credit, and what became of it."""

    id = Id()
    wallet_id = Id()
    account_id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    asset = serializers.CharField(source="wallet.asset.code")
    amount = Amount()
    funding = serializers.ChoiceField(CreditGrant.Funding.choices)
    priority = serializers.IntegerField(help_text="Low burns first.")
    effective_at = Instant()
    expires_at = Instant(allow_null=True)
    feature_keys = serializers.ListField(child=serializers.CharField())
    cost_basis = Amount(allow_null=True)
    parent_id = Id(allow_null=True, help_text="The grant it is a part of, or was added to.")
    reason = serializers.CharField()
    created_at = Instant()
    voided_at = Instant(allow_null=True)
    figures = FiguresOut()

    example: ClassVar[dict[str, Any]] = {
        "id": "31",
        "wallet_id": "7",
        "account_id": "4611967493404098561",
        "key": "welcome-2026",
        "name": "Welcome credit",
        "asset": "USD",
        "amount": "100",
        "funding": "promotional",
        "priority": 100,
        "effective_at": _AT,
        "expires_at": "2027-03-01T00:00:00Z",
        "feature_keys": [],
        "cost_basis": None,
        "parent_id": None,
        "reason": "",
        "created_at": _AT,
        "voided_at": None,
        "figures": FiguresOut.example,
    }


class GrantIn(Body):
    """A new block of credit, in the wallet's asset."""

    key = serializers.CharField(max_length=200, trim_whitespace=False)
    amount = Number()
    funding = serializers.ChoiceField(CreditGrant.Funding.choices, default=CreditGrant.Funding.PAID)
    priority = serializers.IntegerField(min_value=0, max_value=32767, default=100)
    effective_at = Instant(required=False, allow_null=True, help_text="Now unless given.")
    expires_at = Instant(required=False, allow_null=True)
    feature_keys = serializers.ListField(
        child=serializers.CharField(max_length=200), default=list, max_length=100
    )
    cost_basis = Number(
        places=18, required=False, allow_null=True, help_text="Money paid per unit of credit."
    )
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    reason = serializers.CharField(
        max_length=500,
        default="",
        allow_blank=True,
        help_text="Why; needed where a second person has to approve it.",
    )

    example: ClassVar[dict[str, Any]] = {
        "key": "welcome-2026",
        "amount": "100.00",
        "funding": "promotional",
        "expires_at": "2027-03-01T00:00:00Z",
        "name": "Welcome credit",
    }


class GrantQuery(PageQuery):
    """Which grants."""

    wallet = serializers.RegexField(r"^[0-9]{1,19}$", required=False)
    customer = serializers.CharField(required=False, max_length=210)
    key = serializers.CharField(required=False, max_length=200, trim_whitespace=False)


class VoidIn(Body):
    """Why a grant is taken back."""

    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    example: ClassVar[dict[str, Any]] = {"reason": "Contract cancelled"}
