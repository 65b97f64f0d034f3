"""Drafts and previews in JSON: their edits, how a line came about, the period before."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rest_framework import serializers

from billing.api.serializers_features import Json
from billing.api.serializers_invoices import InvoiceLineOut, InvoiceProblemOut, TaxOut
from billing.api.serializers_usage import EventOut
from billing.models import Invoice, InvoiceEdit
from ledger.api.fields import Amount, Body, Id, Instant, PageQuery, Query

_AT: Final = "2026-03-01T12:00:00Z"


class InvoiceDraftIn(Body):
    """Whose documents are to be drafted, and of what is due up to when."""

    payer = serializers.CharField(max_length=210, help_text="An id or key.")
    until = Instant(required=False, help_text="Now, unless given.")

    example: ClassVar[dict[str, Any]] = {"payer": "acme", "until": _AT}


class UpcomingQuery(Query):
    """Up to when."""

    until = Instant(required=False, help_text="Now, unless given; up to 400 days ahead.")


class UpcomingLineOut(serializers.Serializer[Any]):
    """One line of a document that would be drafted."""

    kind = serializers.CharField()
    description = serializers.CharField()
    consumer_id = Id()
    period_starts_at = Instant(source="period.starts_at", default=None)
    period_ends_at = Instant(source="period.ends_at", default=None)
    quantity = Amount(allow_null=True)
    unit = serializers.CharField()
    unit_price = Amount(allow_null=True)
    arithmetic = serializers.ListField(child=Json())
    amount = Amount()
    promotional = Amount()
    paid = Amount()
    due = Amount()
    taxable = Amount()
    tax = Amount()
    percentage = Amount()
    is_expected = serializers.BooleanField(help_text="It is not charged yet.")

    example: ClassVar[dict[str, Any]] = {
        "kind": "fee",
        "description": "Base fee",
        "consumer_id": "7",
        "period_starts_at": "2026-03-01T00:00:00Z",
        "period_ends_at": "2026-04-01T00:00:00Z",
        "quantity": "1",
        "unit": "",
        "unit_price": "10",
        "arithmetic": [],
        "amount": "10",
        "promotional": "0",
        "paid": "0",
        "due": "10",
        "taxable": "10",
        "tax": "1.9",
        "percentage": "19",
        "is_expected": True,
    }


class UpcomingDocumentOut(serializers.Serializer[Any]):
    """One document that would be drafted."""

    kind = serializers.ChoiceField(Invoice.Kind.choices)
    currency = serializers.SerializerMethodField()
    group = serializers.CharField(source="group_key")
    corrects_id = Id(allow_null=True)
    subtotal = Amount(source="totals.subtotal")
    credit = Amount(source="totals.credit")
    included_tax = Amount(source="totals.included_tax")
    taxable = Amount(source="totals.taxable")
    tax = Amount(source="totals.tax")
    total = Amount(source="totals.total")
    prepaid = Amount(source="totals.prepaid")
    due = Amount(source="totals.due")
    lines = UpcomingLineOut(many=True)
    taxes = TaxOut(many=True)
    problems = InvoiceProblemOut(many=True)

    example: ClassVar[dict[str, Any]] = {
        "kind": "invoice",
        "currency": "EUR",
        "group": "",
        "corrects_id": None,
        "subtotal": "10",
        "credit": "0",
        "included_tax": "0",
        "taxable": "10",
        "tax": "1.9",
        "total": "11.9",
        "prepaid": "0",
        "due": "11.9",
        "lines": [UpcomingLineOut.example],
        "taxes": [TaxOut.example],
        "problems": [],
    }

    def get_currency(self, draft: Any) -> str:
        """Return the code of what it is in."""
        code: str = self.context["codes"][draft.asset_id]
        return code


class UpcomingOut(serializers.Serializer[Any]):
    """What a customer would be invoiced; nothing of it is written."""

    payer_id = Id(source="payer.pk")
    payer = serializers.CharField(source="payer.key", help_text="Who pays for the customer.")
    until = Instant()
    documents = UpcomingDocumentOut(source="drafts", many=True)

    example: ClassVar[dict[str, Any]] = {
        "payer_id": "7",
        "payer": "acme",
        "until": _AT,
        "documents": [UpcomingDocumentOut.example],
    }


class InvoiceEditIn(Body):
    """
    A change of a draft: ``add`` takes description, unit_price and perhaps quantity, tax_code,
    is_inclusive; ``discount`` a percentage or an amount; ``describe`` a description; ``header``
    note, purchase_order, cost_centre; ``remove`` leaves a line to the next document.
    """

    operation = serializers.ChoiceField(
        [one for one in InvoiceEdit.Operation.values if one != InvoiceEdit.Operation.WITHDRAW]
    )
    key = serializers.CharField(max_length=255, help_text="Of your choice; sent again, it is one.")
    source_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**63 - 1,
        help_text="Which line, by what it is about.",
    )
    content = Json(required=False)
    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {
        "operation": "discount",
        "key": "outage-in-march",
        "source_id": "310",
        "content": {"percentage": "10"},
        "reason": "outage on 3 March",
    }


class InvoiceEditWithdrawIn(Body):
    """Why an edit is taken back."""

    key = serializers.CharField(max_length=255)
    reason = serializers.CharField(max_length=500)

    example: ClassVar[dict[str, Any]] = {"key": "no-outage", "reason": "it was another customer"}


class InvoiceEditOut(serializers.Serializer[Any]):
    """A change that a person made to a draft."""

    id = Id()
    key = serializers.CharField()
    operation = serializers.ChoiceField(InvoiceEdit.Operation.choices)
    source_id = Id(source="billable_id", allow_null=True)
    withdraws_id = Id(allow_null=True)
    content = Json()
    reason = serializers.CharField()
    cause = serializers.CharField()
    edited_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "id": "5",
        "key": "outage-in-march",
        "operation": "discount",
        "source_id": "310",
        "withdraws_id": None,
        "content": {"percentage": "10"},
        "reason": "outage on 3 March",
        "cause": "key:mb_live_x1",
        "edited_at": _AT,
    }


class SumsOut(serializers.Serializer[Any]):
    """What documents have said of a source, all in all."""

    quantity = Amount(source="sums.quantity")
    exact_amount = Amount(source="sums.amount")
    amount = Amount(source="printed.amount")
    promotional = Amount(source="printed.promotional")
    paid = Amount(source="printed.paid")
    due = Amount(source="printed.due")

    example: ClassVar[dict[str, Any]] = {
        "quantity": "12000",
        "exact_amount": "120",
        "amount": "120",
        "promotional": "0",
        "paid": "0",
        "due": "120",
    }


class ChangeOut(serializers.Serializer[Any]):
    """One posting for a charge, and why."""

    amount = Amount()
    reason = serializers.CharField()
    explanation = Json()
    transaction_id = Id()
    effective_at = Instant()

    example: ClassVar[dict[str, Any]] = {
        "amount": "9.68",
        "reason": "charged",
        "explanation": {"price": "10", "quantity": 1, "share": "30/31"},
        "transaction_id": "152206408237056000",
        "effective_at": _AT,
    }


class SaidOut(serializers.Serializer[Any]):
    """A line of a document about the same source."""

    line_id = Id()
    invoice_id = Id()
    number = serializers.CharField()
    kind = serializers.CharField()
    quantity = Amount(allow_null=True)
    due = Amount()

    example: ClassVar[dict[str, Any]] = {
        "line_id": "93",
        "invoice_id": "41",
        "number": "INV-2026-000041",
        "kind": "invoice",
        "quantity": "12000",
        "due": "120",
    }


class FundingOut(serializers.Serializer[Any]):
    """Credit that paid for part of a line."""

    grant_id = Id(allow_null=True)
    grant = serializers.CharField()
    wallet = serializers.CharField()
    funding = serializers.CharField()
    amount = Amount()

    example: ClassVar[dict[str, Any]] = {
        "grant_id": "3",
        "grant": "welcome",
        "wallet": "main",
        "funding": "promotional",
        "amount": "5",
    }


class ExplanationOut(serializers.Serializer[Any]):
    """How a line came about."""

    line = InvoiceLineOut()
    before = SumsOut(allow_null=True, help_text="What documents had said of its source.")
    upto = SumsOut(allow_null=True, help_text="What they say of it with this line.")
    price = Json(help_text="As it was agreed.")
    changes = ChangeOut(many=True, help_text="Of a fee or another charge: its postings.")
    documents = SaidOut(many=True)
    funding = FundingOut(many=True, help_text="In the order in which credit was taken.")
    events = serializers.IntegerField(help_text="10,001: more than 10,000.")
    taken_back = serializers.IntegerField(help_text="Events voided or amended since.")

    example: ClassVar[dict[str, Any]] = {
        "line": InvoiceLineOut.example,
        "before": SumsOut.example | {"quantity": "0", "exact_amount": "0", "amount": "0"},
        "upto": SumsOut.example,
        "price": {"price": {"type": "unit", "amount": "0.01"}},
        "changes": [],
        "documents": [SaidOut.example],
        "funding": [FundingOut.example],
        "events": 12000,
        "taken_back": 0,
    }


class LineEventOut(EventOut):
    """A usage event of a line."""

    is_taken_back = serializers.SerializerMethodField()

    example: ClassVar[dict[str, Any]] = EventOut.example | {"is_taken_back": False}

    def get_is_taken_back(self, _event: Any) -> bool:
        """Return whether the line is about its leaving."""
        return bool(self.context["taken_back"])


class LineEventQuery(PageQuery):
    """Which events of a line, newest first."""

    taken_back = serializers.BooleanField(
        required=False, default=False, help_text="Those that were voided or amended."
    )


class LineEntryQuery(PageQuery):
    """Which entries of a line."""

    event = serializers.CharField(
        required=False, max_length=20, help_text="One of its usage events, by its id."
    )


class SideOut(serializers.Serializer[Any]):
    """What one of two documents says of something."""

    quantity = Amount()
    amount = Amount()
    due = Amount()

    example: ClassVar[dict[str, Any]] = {"quantity": "12000", "amount": "120", "due": "120"}


class PairOut(serializers.Serializer[Any]):
    """What two documents say of the same thing."""

    kind = serializers.CharField()
    consumer = serializers.CharField()
    description = serializers.CharField()
    now = SideOut()
    before = SideOut()
    difference = Amount()
    percentage = Amount(allow_null=True)
    is_new = serializers.BooleanField()
    is_gone = serializers.BooleanField()

    example: ClassVar[dict[str, Any]] = {
        "kind": "usage",
        "consumer": "Acme",
        "description": "API calls",
        "now": SideOut.example,
        "before": SideOut.example,
        "difference": "0",
        "percentage": "0",
        "is_new": False,
        "is_gone": False,
    }


class ComparisonOut(serializers.Serializer[Any]):
    """A document beside the payer's last one before it."""

    invoice_id = Id(source="invoice.pk")
    previous_id = serializers.SerializerMethodField()
    previous = serializers.SerializerMethodField()
    total = Amount(source="invoice.total")
    previous_total = serializers.SerializerMethodField()
    lines = PairOut(source="pairs", many=True)

    example: ClassVar[dict[str, Any]] = {
        "invoice_id": "42",
        "previous_id": "41",
        "previous": "INV-2026-000041",
        "total": "142.8",
        "previous_total": "142.8",
        "lines": [PairOut.example],
    }

    def get_previous_id(self, found: Any) -> str | None:
        """Return the id of the document before."""
        return None if found.previous is None else str(found.previous.pk)

    def get_previous(self, found: Any) -> str | None:
        """Return the number of the document before."""
        return None if found.previous is None else str(found.previous.number)

    def get_previous_total(self, found: Any) -> str | None:
        """Return what the document before came to."""
        if found.previous is None:
            return None
        return Amount().to_representation(found.previous.total)
