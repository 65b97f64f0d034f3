"""
Documents: invoices, debit notes and credit notes, from draft to paid.

One table for all three: they share numbering, lines, taxes and states. Amounts are printed ones
(the places of the currency) and not below zero once issued: a credit note's kind is its sign.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing.models.billables import Billable
from billing.models.charges import Contract
from billing.models.collection import CollectionProfile
from billing.models.runs import Run, Series
from billing.models.subscriptions import SubscriptionItem
from ledger.models import Asset, Book, Customer


def money(**options: object) -> models.DecimalField:  # type: ignore[type-arg]
    """Return a column for an amount, 0 by default."""
    return models.DecimalField(max_digits=38, decimal_places=12, default=0, **options)  # type: ignore[arg-type]


class Invoice(models.Model):
    """
    One document to one payer in one currency.

    ``open`` is what is still to be paid of it (of a credit note: still to be given), kept by
    triggers of allocations. Once approved nothing of its content changes, once issued never.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice"
        DEBIT_NOTE = "debit_note"
        CREDIT_NOTE = "credit_note"

    class State(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved"
        DISCARDED = "discarded"
        ISSUED = "issued"
        PARTIALLY_PAID = "partially_paid"
        PAID = "paid"
        OVERDUE = "overdue"
        UNCOLLECTIBLE = "uncollectible"
        VOID = "void"

    class Disposition(models.TextChoices):
        OFFSET = "offset"  # lowers what the invoice, or the next ones, leave to be paid
        REFUND = "refund"
        CREDIT_BALANCE = "credit_balance"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    payer = models.ForeignKey(Customer, models.PROTECT, related_name="invoices")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    group_key = models.CharField(max_length=255, blank=True, default="")
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="corrections"
    )
    key = models.CharField(max_length=255, blank=True, default="")  # of who asked for it by hand
    reason_code = models.CharField(max_length=40, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    disposition = models.CharField(
        max_length=16, choices=Disposition.choices, blank=True, default=""
    )

    series_key = models.CharField(max_length=40)
    series = models.ForeignKey(
        Series, models.PROTECT, null=True, blank=True, related_name="documents"
    )
    sequence = models.PositiveIntegerField(null=True, blank=True)
    number = models.CharField(max_length=120, blank=True, default="")

    subtotal = money()
    credit = money()
    included_tax = money()
    taxable = money()
    tax = money()
    total = money()
    prepaid = money()
    due = money()
    # Of a credit note: ``credited`` was set off, ``refunded`` left otherwise.
    paid = money()
    credited = money()
    written_off = money()
    refunded = money()
    open = money()

    cut = models.TextField(blank=True, default="")
    until = models.DateTimeField(null=True, blank=True)
    period_starts_at = models.DateTimeField(null=True, blank=True)
    period_ends_at = models.DateTimeField(null=True, blank=True)
    profile = models.ForeignKey(
        CollectionProfile, models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_progressive = models.BooleanField(default=False)
    run = models.ForeignKey(Run, models.PROTECT, null=True, blank=True, related_name="documents")
    supplier = models.JSONField(default=dict, blank=True)  # as it was when it was drafted
    party = models.JSONField(default=dict, blank=True)
    tax_decision = models.JSONField(default=dict, blank=True)
    tax_date = models.DateField(null=True, blank=True)
    purchase_order = models.CharField(max_length=200, blank=True, default="")
    cost_centre = models.CharField(max_length=200, blank=True, default="")
    note = models.TextField(blank=True, default="")
    payment_terms = models.CharField(max_length=40, blank=True, default="")
    problems = models.JSONField(default=list, blank=True)
    is_blocked = models.BooleanField(default=False)  # a problem is critical
    failure = models.TextField(blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    digest = models.BinaryField(null=True, blank=True)  # of a draft: sha256 of what was composed
    content = models.BinaryField(null=True, blank=True)  # of what was issued: in the journal, too

    transaction_id = models.BigIntegerField(null=True, blank=True)
    reversal_id = models.BigIntegerField(null=True, blank=True)
    drafted_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.TextField(blank=True, default="")
    issue_after = models.DateTimeField(null=True, blank=True)  # by itself
    issued_at = models.DateTimeField(null=True, blank=True)
    issue_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.TextField(blank=True, default="")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("draft_invoice", "Can draft, edit and discard invoices"),
            ("approve_invoice", "Can approve and issue invoices"),
            ("void_invoice", "Can void issued invoices"),
            ("credit_invoice", "Can issue credit and debit notes"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["payer", "asset", "group_key", "kind", "corrects"],
                condition=Q(state="draft", key=""),
                name="billing_invoice_one_draft",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(fields=["series", "sequence"], name="billing_invoice_sequence"),
            models.UniqueConstraint(
                fields=["book", "number"], condition=~Q(number=""), name="billing_invoice_number"
            ),
            models.UniqueConstraint(
                fields=["book", "key"], condition=~Q(key=""), name="billing_invoice_key"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "approved", "discarded"], number="")
                | (~Q(state__in=["draft", "approved", "discarded"]) & ~Q(number="")),
                name="billing_invoice_numbered_once_issued",
            ),
            models.CheckConstraint(
                condition=Q(total=F("taxable") + F("tax"), due=F("total") - F("prepaid"))
                & Q(taxable=F("subtotal") - F("credit") - F("included_tax")),
                name="billing_invoice_totals",
            ),
            models.CheckConstraint(
                condition=Q(number="")
                | Q(state="void", open=0)
                | Q(
                    open=F("due") - F("paid") - F("credited") - F("written_off") - F("refunded"),
                    open__gte=0,
                ),
                name="billing_invoice_open",
            ),
            models.CheckConstraint(
                condition=Q(paid__gte=0, credited__gte=0, written_off__gte=0, refunded__gte=0),
                name="billing_invoice_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["payer", "-id"], name="billing_invoice_payer"),
            models.Index(
                fields=["book", "due_date"], condition=Q(open__gt=0), name="billing_invoice_unpaid"
            ),
            models.Index(
                fields=["book", "state"],
                condition=Q(state__in=["draft", "approved"]),
                name="billing_invoice_pending",
            ),
        ]

    def __str__(self) -> str:
        return self.number or f"{self.get_kind_display()} {self.pk}, {self.state}"


class InvoiceLine(models.Model):
    """
    One line of a document: printed amounts, what it does to its source, what explains it.

    ``before`` and ``upto`` are what documents had said of the source and will have said with this
    line (``billing.invoicing.facts.Billed``); between ``cut_from`` and ``cut_to``, two snapshots
    of the database, lies the usage it is for.
    """

    class Kind(models.TextChoices):
        USAGE = "usage"
        FEE = "fee"
        MINIMUM = "minimum"
        TRUE_UP = "true_up"
        OVERAGE = "overage"
        COUPON = "coupon"
        ONE_OFF = "one_off"
        ADJUSTMENT = "adjustment"
        REBATE = "rebate"
        OVERDRAFT = "overdraft"
        CREDIT = "credit"  # of a credit note given by hand
        MANUAL = "manual"
        RETURNED = "returned"  # a payment was taken back whose money had left

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    billable = models.ForeignKey(
        Billable, models.DO_NOTHING, null=True, blank=True, db_index=False, related_name="lines"
    )
    consumer = models.ForeignKey(Customer, models.PROTECT, db_index=False, related_name="+")
    beneficiary = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    item = models.ForeignKey(
        SubscriptionItem,
        models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    rate_id = models.BigIntegerField(null=True, blank=True)
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    description = models.TextField()
    details = models.JSONField(default=dict, blank=True)
    period_starts_at = models.DateTimeField(null=True, blank=True)
    period_ends_at = models.DateTimeField(null=True, blank=True)
    quantity = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    unit = models.CharField(max_length=100, blank=True, default="")
    unit_price = models.DecimalField(max_digits=38, decimal_places=18, null=True, blank=True)
    arithmetic = models.JSONField(default=list, blank=True)
    price_version = models.CharField(max_length=200, blank=True, default="")
    amount = money()
    promotional = money()
    paid = money()
    due = money()
    exact_due = money()
    exact_overdraft = money()
    before = ArrayField(
        models.DecimalField(max_digits=38, decimal_places=12), null=True, blank=True
    )
    upto = ArrayField(models.DecimalField(max_digits=38, decimal_places=12), null=True, blank=True)
    cut_from = models.TextField(blank=True, default="")
    cut_to = models.TextField(blank=True, default="")
    sources = models.JSONField(default=list, blank=True)  # which credit paid how much, in order
    corrects_line = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="corrections"
    )
    edit_key = models.CharField(max_length=255, blank=True, default="")
    product = models.CharField(max_length=200, blank=True, default="")
    tax_code = models.CharField(max_length=100, blank=True, default="")
    is_inclusive = models.BooleanField(default=False)
    category = models.CharField(max_length=4, blank=True, default="")
    jurisdiction = models.CharField(max_length=40, blank=True, default="")
    percentage = models.DecimalField(max_digits=9, decimal_places=6, default=0)
    taxable = money()
    tax = money()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="billing_invoiceline_position"
            ),
            models.CheckConstraint(
                condition=Q(amount=F("promotional") + F("paid") + F("due")),
                name="billing_invoiceline_parts",
            ),
        ]
        indexes = [
            models.Index(
                fields=["billable", "id"],
                condition=Q(billable__isnull=False),
                name="billing_line_billable",
            ),
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceTax(models.Model):
    """One rate of tax on a document, and what it comes to."""

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="taxes")
    jurisdiction = models.CharField(max_length=40, blank=True, default="")
    category = models.CharField(max_length=4)
    percentage = models.DecimalField(max_digits=9, decimal_places=6)
    is_inclusive = models.BooleanField(default=False)
    code = models.CharField(max_length=40, blank=True, default="")
    note = models.TextField(blank=True, default="")
    base = money()
    tax = money()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "jurisdiction", "category", "percentage", "is_inclusive"],
                name="billing_invoicetax_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.jurisdiction} {self.percentage}"


class InvoiceEdit(models.Model):
    """
    What a person changed about a draft: applied each time it is composed. Append-only.

    It belongs to the payer's next document of that currency and group; withdrawing one is
    another row.
    """

    class Operation(models.TextChoices):
        ADD = "add"  # a line of one's own
        REMOVE = "remove"  # leave a source to the next invoice
        DESCRIBE = "describe"
        DISCOUNT = "discount"
        HEADER = "header"  # note, purchase order
        WITHDRAW = "withdraw"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="edits")
    key = models.CharField(max_length=255)
    operation = models.CharField(max_length=10, choices=Operation.choices)
    billable = models.ForeignKey(
        Billable, models.DO_NOTHING, null=True, blank=True, db_index=False, related_name="+"
    )
    withdraws = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="withdrawal"
    )
    content = models.JSONField(default=dict, blank=True)
    reason = models.TextField()
    cause = models.TextField()
    edited_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_invoiceedit_key"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.invoice_id}"


class InvoiceEvent(models.Model):
    """Something that happened to a document, who did it and why. Append-only."""

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="history")
    action = models.CharField(max_length=40)
    state_before = models.CharField(max_length=16, blank=True, default="")
    state_after = models.CharField(max_length=16)
    at = models.DateTimeField()
    cause = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["invoice", "id"]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.action}"
