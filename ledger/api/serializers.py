"""Books, assets, customers, accounts and balances in JSON."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from ledger.api.fields import Amount, Body, Id, Instant, PageQuery, Query
from ledger.models import Account, Asset, Customer

_AT = "2026-03-01T12:00:00Z"


class BookOut(serializers.Serializer[Any]):
    """A set of books of one legal entity."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    base_currency = serializers.CharField()
    time_zone = serializers.CharField()
    tax_ids = serializers.DictField(child=serializers.CharField())
    created_at = Instant()

    example = {
        "id": "1",
        "key": "acme",
        "name": "ACME Inc.",
        "base_currency": "USD",
        "time_zone": "UTC",
        "tax_ids": {"eu_vat": "DE123456789"},
        "created_at": _AT,
    }


class BookIn(Body):
    """A new set of books."""

    key = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200)
    base_currency = serializers.CharField(max_length=3, min_length=3)
    time_zone = serializers.CharField(max_length=64, default="UTC")
    tax_ids = serializers.DictField(child=serializers.CharField(max_length=50), default=dict)

    example = {"key": "acme", "name": "ACME Inc.", "base_currency": "USD", "time_zone": "UTC"}


class BookChange(Body):
    """What may change about a book."""

    name = serializers.CharField(max_length=200, required=False)
    tax_ids = serializers.DictField(child=serializers.CharField(max_length=50), required=False)

    example = {"name": "ACME International Inc."}


class AssetOut(serializers.Serializer[Any]):
    """Something that is counted."""

    id = Id()
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Asset.Kind.choices)
    scale = serializers.IntegerField(help_text="Places after the point that are kept.")

    example = {"id": "2", "code": "tokens", "name": "Tokens", "kind": "unit", "scale": 0}


class AssetIn(Body):
    """Something to be counted."""

    code = serializers.CharField(max_length=100)
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(Asset.Kind.choices)
    scale = serializers.IntegerField(min_value=0, max_value=12, default=12)

    example = {"code": "tokens", "name": "Tokens", "kind": "unit", "scale": 0}


class AssetQuery(PageQuery):
    """Which assets."""

    kind = serializers.ChoiceField(Asset.Kind.choices, required=False)


class CustomerOut(serializers.Serializer[Any]):
    """A party that owns accounts."""

    id = Id()
    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Customer.Kind.choices)
    parent_id = Id(allow_null=True)
    metadata = serializers.DictField()
    is_active = serializers.BooleanField()
    created_at = Instant()

    example = {
        "id": "12",
        "key": "acme-research",
        "name": "ACME Research",
        "kind": "business_unit",
        "parent_id": "11",
        "metadata": {"cost_center": "4711"},
        "is_active": True,
        "created_at": _AT,
    }


class CustomerIn(Body):
    """A new customer."""

    key = serializers.CharField(max_length=200, trim_whitespace=False)
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(Customer.Kind.choices, default=Customer.Kind.COMPANY)
    parent = serializers.CharField(  # type: ignore[assignment]  # over DRF's own
        max_length=210, required=False, allow_null=True, help_text="The parent's id or key."
    )
    metadata = serializers.DictField(default=dict)

    example = {
        "key": "acme-research",
        "name": "ACME Research",
        "kind": "business_unit",
        "parent": "acme",
        "metadata": {"cost_center": "4711"},
    }


class CustomerChange(Body):
    """What may change about a customer; what is left out stays."""

    name = serializers.CharField(max_length=200, required=False)
    parent = serializers.CharField(  # type: ignore[assignment]  # over DRF's own
        max_length=210, required=False, allow_null=True, help_text="Null: to the top of the tree."
    )
    metadata = serializers.DictField(required=False)
    is_active = serializers.BooleanField(required=False)

    example = {"name": "ACME Laboratories", "parent": None}


class CustomerQuery(PageQuery):
    """Which customers."""

    key = serializers.CharField(required=False, max_length=200)
    kind = serializers.ChoiceField(Customer.Kind.choices, required=False)
    parent = serializers.CharField(  # type: ignore[assignment]  # over DRF's own
        required=False,
        max_length=210,
        help_text="Those directly below this one; `none`: at the top.",
    )
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)


class AccountOut(serializers.Serializer[Any]):
    """A place where one asset is held."""

    id = Id()
    customer_id = Id(allow_null=True)
    purpose = serializers.CharField()
    type = serializers.ChoiceField(Account.Type.choices)
    asset = serializers.CharField(source="asset.code")
    discriminator = serializers.CharField()
    opened_at = Instant()

    example = {
        "id": "4611967493404098561",
        "customer_id": "12",
        "purpose": "unbilled",
        "type": "asset",
        "asset": "USD",
        "discriminator": "",
        "opened_at": _AT,
    }


class AccountQuery(PageQuery):
    """Which accounts."""

    customer = serializers.CharField(required=False, max_length=210)
    purpose = serializers.CharField(required=False, max_length=50)
    asset = serializers.CharField(required=False, max_length=100)


class AsOfQuery(Query):
    """At what instant: by when things happened, by when they were recorded, or both."""

    as_of = Instant(required=False, help_text="What had happened before this instant.")
    posted_as_of = Instant(required=False, help_text="What had been recorded before it.")


class BalanceOut(serializers.Serializer[Any]):
    """
    What an account holds, in its own orientation.

    A past balance has no held and available part: what was held then is not recorded.
    """

    account_id = Id()
    purpose = serializers.CharField()
    asset = serializers.CharField()
    discriminator = serializers.CharField()
    settled = Amount()
    held = Amount(allow_null=True)
    available = Amount(allow_null=True, help_text="Null: without bound, or in the past.")
    debits = Amount()
    credits = Amount()

    example = {
        "account_id": "4611967493404098561",
        "purpose": "credit_lot",
        "asset": "USD",
        "discriminator": "31",
        "settled": "93.75",
        "held": "0",
        "available": "93.75",
        "debits": "6.25",
        "credits": "100",
    }


class BalancesOut(serializers.Serializer[Any]):
    """What a customer's accounts hold."""

    customer_id = Id()
    as_of = Instant(allow_null=True)
    posted_as_of = Instant(allow_null=True)
    retrieved_at = Instant()
    balances = BalanceOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "customer_id": "12",
        "as_of": None,
        "posted_as_of": None,
        "retrieved_at": _AT,
        "balances": [BalanceOut.example],
    }
