"""Buyers, sellers and how invoices are put together, in JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.models import CollectionProfile
from ledger import durations
from ledger.api.fields import Amount, Body, Id, Instant, Number
from ledger.errors import InvalidInputError

_AT: Final = "2026-03-01T12:00:00Z"
_NONE: Final = "PT0S"
_DAY: Final = timedelta(days=1)


class Span(serializers.CharField):
    """A length of time that passes: PT1H, P2D; PT0S is none."""

    default_error_messages = {"invalid_span": "Send days or hours, like P2D or PT1H; PT0S is none."}

    def to_internal_value(self, data: Any) -> timedelta:  # type: ignore[override]
        """Read it."""
        written = super().to_internal_value(data)
        if written == _NONE:
            return timedelta(0)
        try:
            found = durations.parse(self.field_name or "", written)
        except InvalidInputError:
            self.fail("invalid_span")
        if found.unit is durations.Unit.MONTH:
            self.fail("invalid_span")
        return timedelta(**{"days" if found.unit is durations.Unit.DAY else "seconds": found.count})

    def to_representation(self, value: Any) -> str:
        """Write it."""
        return written_span(value)


def written_span(value: timedelta) -> str:
    """Write a length of time as ``Span`` reads it."""
    if not value:
        return _NONE
    if not value % _DAY:
        return str(durations.Duration(value // _DAY, durations.Unit.DAY))
    seconds = value // timedelta(seconds=1)
    return str(durations.Duration(seconds, durations.Unit.SECOND))


class CollectionProfileOut(serializers.Serializer[Any]):
    """How a customer's invoices are put together, approved and paid."""

    customer_id = Id(allow_null=True, help_text="Null: of all customers that have none.")
    version = serializers.IntegerField()
    alignment = serializers.ChoiceField(CollectionProfile.Alignment.choices)
    anchor = Instant(allow_null=True)
    cadence = serializers.CharField()
    grace = Span()
    payer_id = Id(allow_null=True, help_text="Who pays; null: each for itself.")
    group_by = serializers.ChoiceField(CollectionProfile.Grouping.choices)
    purchase_order = serializers.CharField()
    cost_centre = serializers.CharField()
    beneficiary_id = Id(allow_null=True)
    threshold = Amount(allow_null=True)
    progressive_cadence = serializers.CharField()
    minimum = Amount()
    below_minimum = serializers.ChoiceField(CollectionProfile.BelowMinimum.choices)
    most_carried_months = serializers.IntegerField()
    approval = serializers.ChoiceField(CollectionProfile.Approval.choices)
    auto_delay = Span()
    payment_terms = serializers.CharField()
    collection = serializers.ChoiceField(CollectionProfile.Collection.choices)
    corrections = serializers.ChoiceField(CollectionProfile.Corrections.choices)
    paid_credit = serializers.ChoiceField(CollectionProfile.PaidCredit.choices)
    zero_invoices = serializers.ChoiceField(CollectionProfile.ZeroInvoices.choices)
    dunning_schedule = serializers.CharField()
    series_key = serializers.CharField()
    effective_from = Instant()

    example: ClassVar[dict[str, Any]] = {
        "customer_id": "7",
        "version": 1,
        "alignment": "subscription",
        "anchor": None,
        "cadence": "P1M",
        "grace": "PT1H",
        "payer_id": None,
        "group_by": "none",
        "purchase_order": "",
        "cost_centre": "",
        "beneficiary_id": None,
        "threshold": None,
        "progressive_cadence": "",
        "minimum": "0",
        "below_minimum": "carry",
        "most_carried_months": 3,
        "approval": "auto",
        "auto_delay": "PT0S",
        "payment_terms": "P30D",
        "collection": "send",
        "corrections": "credit_note",
        "paid_credit": "before_tax",
        "zero_invoices": "skip",
        "dunning_schedule": "",
        "series_key": "INV",
        "effective_from": _AT,
    }


class CollectionProfileIn(Body):
    """All of a profile: what is left out is as usual."""

    alignment = serializers.ChoiceField(
        CollectionProfile.Alignment.choices,
        required=False,
        help_text="subscription: invoiced when it falls due; anchored: at dates.",
    )
    anchor = Instant(required=False, allow_null=True, help_text="What dates are counted from.")
    cadence = serializers.CharField(max_length=40, required=False, help_text="ISO 8601, like P1M.")
    grace = Span(required=False, help_text="For usage that comes late.")
    payer = serializers.CharField(
        max_length=210, required=False, allow_null=True, help_text="Who pays: an id or key."
    )
    group_by = serializers.ChoiceField(CollectionProfile.Grouping.choices, required=False)
    purchase_order = serializers.CharField(max_length=200, required=False, allow_blank=True)
    cost_centre = serializers.CharField(max_length=200, required=False, allow_blank=True)
    beneficiary = serializers.CharField(
        max_length=210, required=False, allow_null=True, help_text="An id or key."
    )
    threshold = Number(
        required=False, allow_null=True, help_text="Running periods are invoiced from so much on."
    )
    progressive_cadence = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="Or so often, like P1W."
    )
    minimum = Number(required=False, help_text="Less is carried forward.")
    below_minimum = serializers.ChoiceField(CollectionProfile.BelowMinimum.choices, required=False)
    most_carried_months = serializers.IntegerField(required=False, min_value=0, max_value=120)
    approval = serializers.ChoiceField(CollectionProfile.Approval.choices, required=False)
    auto_delay = Span(required=False, help_text="Of an automatic approval.")
    payment_terms = serializers.CharField(max_length=40, required=False, allow_blank=True)
    collection = serializers.ChoiceField(CollectionProfile.Collection.choices, required=False)
    corrections = serializers.ChoiceField(CollectionProfile.Corrections.choices, required=False)
    paid_credit = serializers.ChoiceField(CollectionProfile.PaidCredit.choices, required=False)
    zero_invoices = serializers.ChoiceField(CollectionProfile.ZeroInvoices.choices, required=False)
    dunning_schedule = serializers.CharField(max_length=100, required=False, allow_blank=True)
    series_key = serializers.CharField(max_length=40, required=False)

    example: ClassVar[dict[str, Any]] = {
        "alignment": "anchored",
        "anchor": "2026-01-15T00:00:00Z",
        "group_by": "cost_centre",
        "payment_terms": "P14D",
    }


class PartyOut(serializers.Serializer[Any]):
    """A customer as documents name it."""

    customer_id = Id()
    legal_name = serializers.CharField()
    address = Json()
    emails = serializers.ListField(child=serializers.CharField())
    locale = serializers.CharField()
    is_business = serializers.BooleanField()
    tax_ids = Json()
    contact = serializers.CharField()
    endpoint = serializers.CharField()
    updated_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "customer_id": "7",
        "legal_name": "Acme Ltd",
        "address": {"line1": "1 Main Street", "city": "Dublin", "country": "IE"},
        "emails": ["ap@example.com"],
        "locale": "en",
        "is_business": True,
        "tax_ids": {},
        "contact": "",
        "endpoint": "",
        "updated_at": _AT,
    }


class PartyIn(Body):
    """All of what documents say of a customer: what is left out is empty."""

    legal_name = serializers.CharField(max_length=256, required=False, allow_blank=True)
    address = Json(
        required=False, help_text="line1, line2, postal_code, city, region, country (DE)."
    )
    emails = serializers.ListField(child=serializers.EmailField(), required=False, max_length=20)
    locale = serializers.CharField(max_length=20, required=False, allow_blank=True)
    is_business = serializers.BooleanField(required=False)
    contact = serializers.CharField(max_length=256, required=False, allow_blank=True)
    endpoint = serializers.CharField(
        max_length=256, required=False, allow_blank=True, help_text="Peppol: scheme:id."
    )

    example: ClassVar[dict[str, Any]] = {
        "legal_name": "Acme Ltd",
        "address": {"line1": "1 Main Street", "city": "Dublin", "country": "IE"},
    }


class SupplierOut(serializers.Serializer[Any]):
    """The book as documents name it."""

    legal_name = serializers.CharField()
    address = Json()
    tax_ids = Json()
    registration = serializers.CharField()
    contact = Json()
    endpoint = serializers.CharField()
    default_tax_code = serializers.CharField()
    bank_accounts = serializers.ListField(child=Json())
    brand = Json()
    invoice_note = serializers.CharField()
    may_void = serializers.BooleanField()
    updated_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "legal_name": "Meter GmbH",
        "address": {"line1": "Hauptstraße 1", "city": "Berlin", "country": "DE"},
        "tax_ids": {"eu_vat": "DE136695976"},
        "registration": "HRB 1",
        "contact": {"email": "billing@example.com"},
        "endpoint": "",
        "default_tax_code": "software",
        "bank_accounts": [{"iban": "DE89370400440532013000"}],
        "brand": {"colour": "#0a5"},
        "invoice_note": "",
        "may_void": True,
        "updated_at": _AT,
    }


class SupplierIn(Body):
    """All of what documents say of the book: what is left out is empty."""

    legal_name = serializers.CharField(max_length=256, required=False, allow_blank=True)
    address = Json(required=False)
    tax_ids = Json(required=False, help_text="By type, like eu_vat.")
    registration = serializers.CharField(max_length=256, required=False, allow_blank=True)
    contact = Json(required=False, help_text="name, email, phone.")
    endpoint = serializers.CharField(max_length=256, required=False, allow_blank=True)
    default_tax_code = serializers.CharField(max_length=100, required=False, allow_blank=True)
    bank_accounts = serializers.ListField(
        child=Json(), required=False, max_length=20, help_text="iban, bic, holder, currency."
    )
    brand = Json(required=False, help_text="colour, logo (base64 of SVG or PNG), footer.")
    invoice_note = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    may_void = serializers.BooleanField(
        required=False, help_text="False: what is issued is credited, never void."
    )

    example: ClassVar[dict[str, Any]] = {
        "legal_name": "Meter GmbH",
        "address": {"line1": "Hauptstraße 1", "city": "Berlin", "country": "DE"},
    }
