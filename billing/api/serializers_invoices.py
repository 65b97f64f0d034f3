"""Invoices, credit and debit notes in JSON, and what may be done with them."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.models import Invoice, InvoiceLine
from ledger.api.fields import Amount, Body, Id, Instant, PageQuery

_AT: Final = "2026-03-01T12:00:00Z"
_DATE: Final = "2026-03-01"
_MOST: Final = 200  # documents of one bulk request
_ID: Final = "^[0-9]{1,19}$"


class InvoiceProblemOut(serializers.Serializer[Any]):
    """What is wrong or odd about a draft; a critical one keeps it from being issued."""

    code = serializers.CharField()
    component = serializers.CharField(default="")
    path = serializers.CharField(default="")
    remedy = serializers.CharField(default="")
    is_critical = serializers.BooleanField(default=False)

    example: ClassVar[dict[str, Any]] = {
        "code": "no_address",
        "component": "customer",
        "path": "party.address",
        "remedy": "enter the customer's address",
        "is_critical": False,
    }


class TaxOut(serializers.Serializer[Any]):
    """One rate of tax on a document."""

    jurisdiction = serializers.CharField()
    category = serializers.CharField(help_text="UNCL 5305: S, Z, E, AE, K, G, O.")
    percentage = Amount()
    is_inclusive = serializers.BooleanField(help_text="Prices had it in them.")
    code = serializers.CharField(help_text="Why there is none (VATEX).")
    note = serializers.CharField()
    base = Amount()
    tax = Amount()

    example: ClassVar[dict[str, Any]] = {
        "jurisdiction": "DE",
        "category": "S",
        "percentage": "19",
        "is_inclusive": False,
        "code": "",
        "note": "",
        "base": "120",
        "tax": "22.8",
    }


class ActionOut(serializers.Serializer[Any]):
    """Something that may be done with a document now, and the states it may lead to."""

    name = serializers.CharField()
    title = serializers.CharField(source="label")
    results = serializers.ListField(child=serializers.CharField())

    example: ClassVar[dict[str, Any]] = {
        "name": "void",
        "title": "Void",
        "results": ["void"],
    }


class InvoiceOut(serializers.Serializer[Any]):
    """An invoice, credit note or debit note. Of a credit note, all amounts are given back."""

    id = Id()
    kind = serializers.ChoiceField(Invoice.Kind.choices)
    state = serializers.ChoiceField(Invoice.State.choices)
    number = serializers.CharField(help_text="Empty until it is issued.")
    payer_id = Id()
    payer = serializers.CharField(source="payer.key")
    currency = serializers.CharField(source="asset.code")
    group = serializers.CharField(source="group_key")
    corrects_id = Id(allow_null=True)
    key = serializers.CharField()
    reason_code = serializers.CharField()
    reason = serializers.CharField()
    disposition = serializers.CharField()
    subtotal = Amount(help_text="Of the lines.")
    credit = Amount(help_text="Credit that lowers what is taxed.")
    included_tax = Amount()
    taxable = Amount()
    tax = Amount()
    total = Amount()
    prepaid = Amount(help_text="Credit that counts as a payment.")
    due = Amount()
    paid = Amount()
    credited = Amount()
    written_off = Amount()
    refunded = Amount()
    open = Amount(help_text="What is still to be paid (of a credit note: to be given).")
    until = Instant(allow_null=True)
    period_starts_at = Instant(allow_null=True)
    period_ends_at = Instant(allow_null=True)
    is_progressive = serializers.BooleanField()
    issue_date = serializers.DateField(allow_null=True)
    due_date = serializers.DateField(allow_null=True)
    tax_date = serializers.DateField(allow_null=True)
    payment_terms = serializers.CharField()
    purchase_order = serializers.CharField()
    cost_centre = serializers.CharField()
    note = serializers.CharField()
    supplier = Json()
    party = Json()
    problems = InvoiceProblemOut(many=True)
    is_blocked = serializers.BooleanField(help_text="A problem is critical.")
    failure = serializers.CharField(help_text="Why the last attempt failed; it may be repeated.")
    attempts = serializers.IntegerField()
    drafted_at = Instant()
    approved_at = Instant(allow_null=True)
    approved_by = serializers.CharField()
    issue_after = Instant(allow_null=True)
    issued_at = Instant(allow_null=True)
    sent_at = Instant(allow_null=True)
    paid_at = Instant(allow_null=True)
    closed_at = Instant(allow_null=True)
    closed_reason = serializers.CharField()

    example: ClassVar[dict[str, Any]] = {
        "id": "41",
        "kind": "invoice",
        "state": "issued",
        "number": "INV-2026-000041",
        "payer_id": "7",
        "payer": "acme",
        "currency": "EUR",
        "group": "",
        "corrects_id": None,
        "key": "",
        "reason_code": "",
        "reason": "",
        "disposition": "",
        "subtotal": "120",
        "credit": "0",
        "included_tax": "0",
        "taxable": "120",
        "tax": "22.8",
        "total": "142.8",
        "prepaid": "0",
        "due": "142.8",
        "paid": "0",
        "credited": "0",
        "written_off": "0",
        "refunded": "0",
        "open": "142.8",
        "until": _AT,
        "period_starts_at": "2026-02-01T00:00:00Z",
        "period_ends_at": "2026-03-01T00:00:00Z",
        "is_progressive": False,
        "issue_date": _DATE,
        "due_date": "2026-03-31",
        "tax_date": _DATE,
        "payment_terms": "P30D",
        "purchase_order": "",
        "cost_centre": "",
        "note": "",
        "supplier": {"legal_name": "Meter GmbH"},
        "party": {"legal_name": "Acme Ltd"},
        "problems": [],
        "is_blocked": False,
        "failure": "",
        "attempts": 0,
        "drafted_at": _AT,
        "approved_at": _AT,
        "approved_by": "schedule",
        "issue_after": None,
        "issued_at": _AT,
        "sent_at": None,
        "paid_at": None,
        "closed_at": None,
        "closed_reason": "",
    }

    def to_representation(self, instance: Invoice) -> dict[str, Any]:
        """Return a document; to its customer, without how the house came to it."""
        shown: dict[str, Any] = super().to_representation(instance)
        return shown | _KEPT_INSIDE if self.context.get("is_for_customer") else shown


_KEPT_INSIDE: Final[dict[str, Any]] = {
    "problems": [],
    "is_blocked": False,
    "failure": "",
    "attempts": 0,
    "approved_by": "",
    "closed_reason": "",
}


class InvoiceDetailOut(InvoiceOut):
    """A document with its taxes, and what may be done with it now."""

    taxes = TaxOut(many=True)
    actions = serializers.SerializerMethodField()

    example: ClassVar[dict[str, Any]] = InvoiceOut.example | {
        "taxes": [TaxOut.example],
        "actions": [ActionOut.example],
    }

    def get_actions(self, invoice: Invoice) -> list[dict[str, Any]]:
        """Return what may be done with it."""
        return list(ActionOut(self.context["offered"], many=True).data)


class InvoiceLineOut(serializers.Serializer[Any]):
    """One line of a document."""

    id = Id()
    position = serializers.IntegerField()
    kind = serializers.ChoiceField(InvoiceLine.Kind.choices)
    description = serializers.CharField()
    source_id = Id(
        source="billable_id", allow_null=True, help_text="What it is about; the same on each draft."
    )
    consumer_id = Id()
    consumer = serializers.CharField(source="consumer.key")
    beneficiary_id = Id(allow_null=True)
    item_id = Id(allow_null=True)
    contract_id = Id(allow_null=True)
    corrects_line_id = Id(allow_null=True)
    period_starts_at = Instant(allow_null=True)
    period_ends_at = Instant(allow_null=True)
    quantity = Amount(allow_null=True)
    unit = serializers.CharField()
    unit_price = Amount(allow_null=True)
    price_version = serializers.CharField()
    arithmetic = serializers.ListField(
        child=Json(), help_text="Tiers, free units, discounts: how the amount comes about."
    )
    amount = Amount(help_text="promotional + paid + due")
    promotional = Amount(help_text="Given credit paid for it.")
    paid = Amount(help_text="Credit that was bought paid for it.")
    due = Amount()
    sources = serializers.ListField(
        child=Json(), help_text="Which credit paid how much, in the order in which it was taken."
    )
    details = Json()
    tax_code = serializers.CharField()
    category = serializers.CharField()
    jurisdiction = serializers.CharField()
    percentage = Amount()
    is_inclusive = serializers.BooleanField()
    taxable = Amount()
    tax = Amount()

    example: ClassVar[dict[str, Any]] = {
        "id": "93",
        "position": 1,
        "kind": "usage",
        "description": "API calls",
        "source_id": "310",
        "consumer_id": "7",
        "consumer": "acme",
        "beneficiary_id": None,
        "item_id": "12",
        "contract_id": None,
        "corrects_line_id": None,
        "period_starts_at": "2026-02-01T00:00:00Z",
        "period_ends_at": "2026-03-01T00:00:00Z",
        "quantity": "12000",
        "unit": "call",
        "unit_price": "0.01",
        "price_version": "",
        "arithmetic": [],
        "amount": "120",
        "promotional": "0",
        "paid": "0",
        "due": "120",
        "sources": [],
        "details": {},
        "tax_code": "software",
        "category": "S",
        "jurisdiction": "DE",
        "percentage": "19",
        "is_inclusive": False,
        "taxable": "120",
        "tax": "22.8",
    }


class InvoiceHistoryOut(serializers.Serializer[Any]):
    """Something that happened to a document."""

    id = Id()
    action = serializers.CharField()
    state_before = serializers.CharField()
    state_after = serializers.CharField()
    at = Instant()
    cause = serializers.CharField()
    reason = serializers.CharField()
    facts = Json()

    example: ClassVar[dict[str, Any]] = {
        "id": "310",
        "action": "issue",
        "state_before": "approved",
        "state_after": "issued",
        "at": _AT,
        "cause": "key:mb_live_x1",
        "reason": "",
        "facts": {},
    }


class InvoiceQuery(PageQuery):
    """Which documents, newest first."""

    payer = serializers.CharField(required=False, max_length=110, help_text="An id or key.")
    kind = serializers.ChoiceField(Invoice.Kind.choices, required=False)
    state = serializers.ChoiceField(Invoice.State.choices, required=False)
    number = serializers.CharField(required=False, max_length=120)
    currency = serializers.CharField(required=False, max_length=100)
    corrects = serializers.RegexField(_ID, required=False, help_text="An id.")
    run = serializers.RegexField(_ID, required=False, help_text="The id of a run.")
    issued_from = serializers.DateField(required=False)
    issued_to = serializers.DateField(required=False, help_text="The last day.")
    is_open = serializers.BooleanField(required=False, allow_null=True, default=None)
    is_blocked = serializers.BooleanField(required=False, allow_null=True, default=None)


class InvoiceReasonIn(Body):
    """Why it is done."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")

    example: ClassVar[dict[str, Any]] = {"reason": "sent to the wrong company"}


class InvoiceVoidIn(Body):
    """Why an issued document is taken back."""

    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = InvoiceReasonIn.example


class IssueIn(Body):
    """How a draft is issued."""

    issue_date = serializers.DateField(
        required=False, allow_null=True, help_text="Today, unless it is dated back."
    )

    example: ClassVar[dict[str, Any]] = {"issue_date": _DATE}


class SendIn(Body):
    """To whom a document was sent."""

    to = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")

    example: ClassVar[dict[str, Any]] = {"to": "ap@example.com"}


class BulkIn(Body):
    """What is to be done with which documents."""

    action = serializers.ChoiceField(["approve", "unapprove", "issue", "discard"])
    ids = serializers.ListField(child=serializers.CharField(max_length=20), max_length=_MOST)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")

    example: ClassVar[dict[str, Any]] = {"action": "approve", "ids": ["41", "42"]}


class BulkResultOut(serializers.Serializer[Any]):
    """What became of one document."""

    id = Id()
    state = serializers.CharField()
    number = serializers.CharField()
    error = serializers.CharField(help_text="Empty: it was done, or had been.")

    example: ClassVar[dict[str, Any]] = {
        "id": "41",
        "state": "approved",
        "number": "",
        "error": "",
    }
