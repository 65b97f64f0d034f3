"""What is owed beside usage: fees, minimums, discounts, one-off charges and adjustments."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billing.models.subscriptions import Subscription, SubscriptionItem
from billing.models.usage import Accrual
from ledger.models import Asset, Book, Customer


class Contract(models.Model):
    """
    A promise to spend a minimum over a term, drawn down by rated usage.

    ``amounts`` has one amount for each step of the term (``ramp`` long, ISO 8601), so that a
    commitment may grow from year to year. No feature keys: all usage counts. Spending beyond a
    step's amount costs ``overage_multiplier`` times its price. What a step lacks is charged, or
    rolls over into the next one; ``rebates`` come back at the end of the term.
    """

    class Shortfall(models.TextChoices):
        CHARGE = "charge"
        ROLL_OVER = "roll_over"  # only what the last step lacks is charged

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="contracts")
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=256, blank=True, default="")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    feature_keys = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ramp = models.CharField(max_length=40)
    time_zone = models.CharField(max_length=64)
    amounts = ArrayField(models.DecimalField(max_digits=38, decimal_places=12))
    overage_multiplier = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    shortfall = models.CharField(
        max_length=10, choices=Shortfall.choices, default=Shortfall.CHARGE, db_default="charge"
    )
    rebates = models.JSONField(null=True, blank=True)  # basis and tiers: ``charging.rebates``
    due_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)  # up to here it has been trued up
    postings = models.PositiveIntegerField(default=0)  # made so far; names the next one
    cause = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_contract_key"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="billing_contract_lasts"
            ),
            models.CheckConstraint(
                condition=Q(shortfall__in=["charge", "roll_over"]),
                name="billing_contract_shortfall",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="billing_contract_due"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Charge(models.Model):
    """
    What one item or contract owes for one period beside its usage, as posted so far.

    One-off charges and adjustments are the customer's own. ``posted`` is the sum of its changes;
    ``earned`` how much of it is revenue already; ``taken`` where it came from
    (``billing.metering.takings``). What is ``scheduled_at`` an instant is looked at then.
    """

    class Kind(models.TextChoices):
        FLAT = "flat"  # a fee
        TIER = "tier"  # a usage item's first tier, due from the start
        MINIMUM = "minimum"  # what is missing to a rate card's minimum
        COUPON = "coupon"  # below zero
        TRUE_UP = "true_up"  # what is missing to a contract's commitment
        OVERAGE = "overage"  # the surcharge beyond it
        ONE_OFF = "one_off"  # a quantity of something at a price, once
        ADJUSTMENT = "adjustment"  # by hand, or usage at a corrected price less what was posted
        REBATE = "rebate"  # below zero: of what a contract's term has come to

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="charges")
    key = models.CharField(max_length=255)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    subscription = models.ForeignKey(
        Subscription, models.PROTECT, null=True, blank=True, related_name="charges"
    )
    item = models.ForeignKey(
        SubscriptionItem, models.PROTECT, null=True, blank=True, related_name="charges"
    )
    contract = models.ForeignKey(
        Contract, models.PROTECT, null=True, blank=True, related_name="charges"
    )
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")
    name = models.CharField(max_length=512)
    starts_at = models.DateTimeField()  # of the time that is paid for
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField()
    posted = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    earned = models.DecimalField(max_digits=38, decimal_places=12, default=0)
    earned_until = models.DateTimeField(null=True, blank=True)  # of what is paid in advance
    taken = models.TextField(default="", blank=True)
    updated_at = models.DateTimeField()
    # Of what is the customer's own:
    accrual = models.ForeignKey(
        Accrual, models.PROTECT, null=True, blank=True, db_index=False, related_name="adjustments"
    )
    terms = models.JSONField(null=True, blank=True)  # the price that its usage should have had
    quantity = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    unit_price = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)
    product = models.CharField(max_length=200, blank=True, default="", db_default="")
    tax_code = models.CharField(max_length=100, blank=True, default="", db_default="")  # its key
    reason = models.TextField(blank=True, default="", db_default="")
    cause = models.TextField(blank=True, default="", db_default="")
    scheduled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_charge_key"),
            models.CheckConstraint(
                condition=Q(subscription__isnull=False)
                | Q(contract__isnull=False)
                | Q(kind__in=["one_off", "adjustment"]),
                name="billing_charge_of_something",
            ),
            models.CheckConstraint(
                condition=~Q(kind="one_off")
                | Q(
                    quantity__isnull=False,
                    quantity__gt=0,
                    unit_price__isnull=False,
                    unit_price__gte=0,
                ),
                name="billing_charge_one_off",
            ),
            models.CheckConstraint(
                condition=Q(accrual=None) | Q(kind="adjustment"), name="billing_charge_adjusts"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "due_at"], name="billing_charge_customer"),
            models.Index(fields=["subscription", "ends_at"], name="billing_charge_running"),
            models.Index(
                fields=["customer", "scheduled_at"],
                condition=Q(scheduled_at__isnull=False),
                name="billing_charge_waiting",
            ),
            models.Index(
                fields=["accrual"],
                condition=Q(accrual__isnull=False),
                name="billing_charge_accrual",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ChargeChange(models.Model):
    """One posting for a charge, and why: charged, changed, earned. Append-only."""

    id = models.BigAutoField(primary_key=True)
    charge = models.ForeignKey(Charge, models.PROTECT, related_name="changes")
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    reason = models.CharField(max_length=20)  # charged, changed, earned
    explanation = models.JSONField(default=dict)  # price, share, quantity
    transaction_id = models.BigIntegerField()
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.charge} {self.amount}"
