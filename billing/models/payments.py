"""
Money for documents: payments, what they are for, and what goes back.

``Allocation`` is the one log of what settles documents and of where money went; sums of it that
are read often (``Unapplied.applied``, ``Invoice.paid``, …) are kept by its triggers
(``0011_payments.sql``), which also refuse to give more than there is.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.invoices import Invoice, money
from ledger.models import Asset, Book, Customer


class Payment(models.Model):
    """
    Money that has come from a payer. Append-only.

    ``rail`` is what brought it (a bank account's key, a card processor, an ERP), ``external_id``
    how that calls it: the same payment told again is this row.
    """

    class Method(models.TextChoices):
        BANK = "bank"
        CARD = "card"
        ERP = "erp"
        CASH = "cash"
        OTHER = "other"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    payer = models.ForeignKey(Customer, models.PROTECT, related_name="payments")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    fee = money()  # that the rail kept of it
    method = models.CharField(max_length=10, choices=Method.choices)
    rail = models.CharField(max_length=100, blank=True, default="")
    external_id = models.CharField(max_length=255, blank=True, default="")
    reference = models.TextField(blank=True, default="")  # as the payer wrote it
    note = models.TextField(blank=True, default="")
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    cause = models.TextField(blank=True, default="")
    transaction_id = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("record_payment", "Can record, match and reverse payments"),
            ("refund_payment", "Can give money back"),
            ("write_off", "Can write off what will not be paid"),
            ("decide_dispute", "Can record disputes and how they end"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_payment_key"),
            models.UniqueConstraint(
                fields=["book", "rail", "external_id"],
                condition=~Q(external_id=""),
                name="billing_payment_external",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, fee__gte=0), name="billing_payment_amounts"
            ),
        ]
        indexes = [models.Index(fields=["payer", "-id"], name="billing_payment_payer")]

    def __str__(self) -> str:
        return self.external_id or self.key

    @property
    def source(self) -> str:
        """What clears it: the rail's own account, or that of its method."""
        return self.rail or self.method


class Unapplied(models.Model):
    """
    A payer's money that may be given to documents: of a payment, or of a credit note's balance.

    ``applied`` has gone to documents, ``returned`` has left otherwise (refunds, reversals, what
    became credit of a wallet). What ``waits`` is left to somebody to allocate.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    payer = models.ForeignKey(Customer, models.PROTECT, related_name="unapplied")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    payment = models.OneToOneField(
        Payment, models.PROTECT, null=True, blank=True, related_name="money"
    )
    note = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="balances"
    )
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    applied = money()
    returned = money()
    waits = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name = "unapplied cash"
        verbose_name_plural = "unapplied cash"
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, applied__gte=0, returned__gte=0)
                & Q(amount__gte=F("applied") + F("returned")),
                name="billing_unapplied_not_more",
            ),
            models.CheckConstraint(
                condition=Q(payment__isnull=False, note=None) | Q(payment=None, note__isnull=False),
                name="billing_unapplied_of_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["payer", "asset", "id"],
                condition=~Q(amount=F("applied") + F("returned")),
                name="billing_unapplied_left",
            ),
        ]

    def __str__(self) -> str:
        return str(self.payment or self.note)


class Refund(models.Model):
    """Money that goes back to a payer: asked for, sent by a rail, there; or failed."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        SENT = "sent"
        SETTLED = "settled"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    source = models.ForeignKey(Unapplied, models.PROTECT, related_name="refunds")
    payer = models.ForeignKey(Customer, models.PROTECT, related_name="refunds")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    rail = models.CharField(max_length=100, blank=True, default="")
    external_id = models.CharField(max_length=255, blank=True, default="")
    reason = models.TextField()
    failure = models.TextField(blank=True, default="")
    cause = models.TextField(blank=True, default="")
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_refund_key"),
            models.UniqueConstraint(
                fields=["book", "rail", "external_id"],
                condition=~Q(external_id=""),
                name="billing_refund_external",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_refund_amount"),
        ]
        indexes = [
            models.Index(
                fields=["book", "id"],
                condition=Q(state__in=["requested", "sent"]),
                name="billing_refund_open",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Dispute(models.Model):
    """A payment that its payer takes back through a bank or card network."""

    class State(models.TextChoices):
        OPEN = "open"
        WON = "won"
        LOST = "lost"
        WITHDRAWN = "withdrawn"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.CharField(max_length=255)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes")
    external_id = models.CharField(max_length=255, blank=True, default="")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    fee = money()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.TextField(blank=True, default="")
    cause = models.TextField(blank=True, default="")
    opened_at = models.DateTimeField()
    answer_by = models.DateTimeField(null=True, blank=True)  # evidence is due
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_dispute_key"),
            models.UniqueConstraint(
                fields=["payment", "external_id"],
                condition=~Q(external_id=""),
                name="billing_dispute_external",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, fee__gte=0), name="billing_dispute_amounts"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id or self.key


class Allocation(models.Model):
    """
    An amount that settles a document, or that leaves a payer's money otherwise. Append-only.

    Undoing one is another row: its mirror image below zero, which names it in ``reverses``.
    """

    class Kind(models.TextChoices):
        PAYMENT = "payment"  # money → document
        TOLERANCE = "tolerance"  # so little missing that the document is paid all the same
        CREDIT_NOTE = "credit_note"  # note → document; posts nothing
        WRITE_OFF = "write_off"  # the document will not be paid
        BALANCE = "balance"  # note → money
        SURPLUS = "surplus"  # so little too much that nobody is asked what it is for
        REFUND = "refund"  # money → the payer
        WALLET = "wallet"  # money → credit
        RETURNED = "returned"  # the payment was taken back
        SHORTFALL = "shortfall"  # … beyond what was there: the payer owes it by the debit note

    class Policy(models.TextChoices):
        CHOSEN = "chosen"
        REFERENCE = "reference"
        OLDEST = "oldest"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    key = models.CharField(max_length=255, blank=True, default="")  # of the call that made it
    source = models.ForeignKey(
        Unapplied, models.PROTECT, null=True, blank=True, related_name="allocations"
    )
    note = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="given"
    )  # the credit note it comes from
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="allocations"
    )
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, blank=True, related_name="allocations"
    )
    dispute = models.ForeignKey(
        Dispute, models.PROTECT, null=True, blank=True, related_name="allocations"
    )
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    tax = money()  # of what is written off: not owed to the state any more
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversal"
    )
    policy = models.CharField(max_length=10, choices=Policy.choices, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    cause = models.TextField(blank=True, default="")
    at = models.DateTimeField()
    transaction_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reverses=None, amount__gt=0, tax__gte=0)
                | Q(reverses__isnull=False, amount__lt=0, tax__lte=0),
                name="billing_allocation_sign",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["payment", "shortfall"],
                    source__isnull=False,
                    invoice__isnull=False,
                    note__isnull=True,
                )
                | Q(
                    kind__in=["tolerance", "write_off"],
                    source__isnull=True,
                    invoice__isnull=False,
                    note__isnull=True,
                )
                | Q(
                    kind="credit_note",
                    source__isnull=True,
                    invoice__isnull=False,
                    note__isnull=False,
                )
                | Q(kind="balance", source__isnull=False, invoice__isnull=True, note__isnull=False)
                | Q(
                    kind__in=["surplus", "refund", "wallet", "returned"],
                    source__isnull=False,
                    invoice__isnull=True,
                    note__isnull=True,
                ),
                name="billing_allocation_shape",
            ),
            models.CheckConstraint(
                condition=Q(kind="refund", refund__isnull=False)
                | (~Q(kind="refund") & Q(refund__isnull=True)),
                name="billing_allocation_refund",
            ),
            models.CheckConstraint(
                condition=Q(tax=0) | Q(kind="write_off"), name="billing_allocation_tax"
            ),
        ]
        indexes = [
            models.Index(
                fields=["book", "key"], condition=~Q(key=""), name="billing_allocation_key"
            ),
            models.Index(fields=["book", "at"], name="billing_allocation_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Claim(models.Model):
    """
    Who alone may collect what a document leaves to be paid: a rail, a hosted page, a person.

    An ``outcome`` that is ``unknown`` keeps the claim whatever its lease: the payer may have been
    charged. One claim of a document is open at a time.
    """

    class Outcome(models.TextChoices):
        PAID = "paid"
        FAILED = "failed"
        RELEASED = "released"
        EXPIRED = "expired"
        SETTLED = "settled"  # otherwise
        UNKNOWN = "unknown"

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="claims")
    owner = models.CharField(max_length=100)
    key = models.CharField(max_length=255)  # of the attempt
    claimed_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default="")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(released_at=None), name="billing_claim_one"
            ),
            models.UniqueConstraint(
                fields=["invoice", "owner", "key"], name="billing_claim_attempt"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} by {self.owner}"
