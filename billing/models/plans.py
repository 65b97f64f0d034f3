"""
What is sold, and in which plans: drafted, published, frozen.

A version that has been published never changes (``0007_catalogue.sql``): what customers signed
stays as they signed it, and a new text is a new version.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from billing.models.catalogue import Meter
from ledger.models import Asset, Book, Customer


class Feature(models.Model):
    """
    What is sold: a capability, or usage as a meter counts it where ``filters`` fit.

    ``filters`` is dimension → condition, ``{"model": {"eq": "gpt-5"}}``; ``unit_cost`` is what a
    unit costs us, ``{"type": "manual", "amount": …}`` or ``{"type": "llm", …}``.
    """

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=1024, blank=True, default="")
    meter = models.ForeignKey(Meter, models.PROTECT, null=True, blank=True, related_name="features")
    filters = models.JSONField(default=dict, blank=True)
    unit_cost = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["book", "key"], name="billing_feature_key"),
            models.CheckConstraint(
                condition=Q(filters={}) | Q(meter__isnull=False),
                name="billing_feature_filters_a_meter",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class TaxCode(models.Model):
    """
    How something is taxed, by name; rates belong to jurisdictions and dates.

    ``classification`` is what decides about the place of taxation; ``provider_codes`` are the
    names that other engines have for it, by engine.
    """

    class Classification(models.TextChoices):
        DIGITAL = "digital", "digital services"
        SERVICES = "services", "other services"
        GOODS = "goods"
        OTHER = "other"

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=1024, blank=True, default="")
    classification = models.CharField(
        max_length=10, choices=Classification.choices, default=Classification.DIGITAL
    )
    provider_codes = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["book", "key"], name="billing_taxcode_key")]

    def __str__(self) -> str:
        return self.key


class Plan(models.Model):
    """An offer by name; its versions say what it is. A custom plan is one customer's own."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.SlugField(max_length=100)
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["book", "key"], name="billing_plan_key")]

    def __str__(self) -> str:
        return self.key


class Version(models.Model):
    """
    One text of an offer: a draft until it is published from an instant on, later archived.

    Draft: no ``effective_from``. Archived: from ``effective_to`` on nobody can subscribe to it.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        SCHEDULED = "scheduled"
        ACTIVE = "active"
        ARCHIVED = "archived"

    id = models.BigAutoField(primary_key=True)
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=1024, blank=True, default="")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+")  # what prices are in
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    effective_from = models.DateTimeField(null=True, blank=True)
    effective_to = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class PlanVersion(Version):
    """One text of a plan: its phases in order, and how a subscription to it is billed and paid."""

    class Settlement(models.TextChoices):
        CREDIT_THEN_INVOICE = "credit_then_invoice"
        CREDIT_ONLY = "credit_only"

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="versions")
    billing_cadence = models.CharField(max_length=40)  # ISO 8601
    settlement_mode = models.CharField(
        max_length=20, choices=Settlement.choices, default=Settlement.CREDIT_THEN_INVOICE
    )
    is_prorated = models.BooleanField(default=True)

    class Meta:
        ordering = ["plan", "version"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "version"], name="billing_planversion_once"),
            models.UniqueConstraint(
                fields=["plan"],
                condition=Q(effective_from=None),
                name="billing_planversion_one_draft",
            ),
            models.CheckConstraint(
                condition=Q(effective_to=None) | Q(effective_to__gte=F("effective_from")),
                name="billing_planversion_archived_later",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.version}"


class PlanPhase(models.Model):
    """A stage of a plan: a trial, a ramp; only the last has no duration."""

    id = models.BigAutoField(primary_key=True)
    plan_version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="phases")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=1024, blank=True, default="")
    duration = models.CharField(max_length=40, blank=True, default="")  # ISO 8601
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["plan_version", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan_version", "position"],
                name="billing_planphase_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(fields=["plan_version", "key"], name="billing_planphase_key"),
        ]

    def __str__(self) -> str:
        return f"{self.plan_version}/{self.key}"


class Addon(models.Model):
    """Something to buy on top of a plan, by name."""

    id = models.BigAutoField(primary_key=True)
    book = models.ForeignKey(Book, models.PROTECT, related_name="+")
    key = models.SlugField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["book", "key"], name="billing_addon_key")]

    def __str__(self) -> str:
        return self.key


class AddonVersion(Version):
    """One text of an add-on."""

    class Instances(models.TextChoices):
        SINGLE = "single"
        MULTIPLE = "multiple"

    addon = models.ForeignKey(Addon, models.PROTECT, related_name="versions")
    instance_type = models.CharField(max_length=10, choices=Instances.choices)

    class Meta:
        ordering = ["addon", "version"]
        constraints = [
            models.UniqueConstraint(fields=["addon", "version"], name="billing_addonversion_once"),
            models.UniqueConstraint(
                fields=["addon"],
                condition=Q(effective_from=None),
                name="billing_addonversion_one_draft",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.addon} v{self.version}"


class PlanAddon(models.Model):
    """Says that an add-on may be bought with a plan, from one of its phases on."""

    id = models.BigAutoField(primary_key=True)
    plan_version = models.ForeignKey(PlanVersion, models.CASCADE, related_name="addons")
    addon_version = models.ForeignKey(AddonVersion, models.PROTECT, related_name="+")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=1024, blank=True, default="")
    from_plan_phase = models.SlugField(max_length=100)
    max_quantity = models.PositiveIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan_version", "addon_version"], name="billing_planaddon_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_version} + {self.addon_version}"


class PlanRateCard(models.Model):
    """
    What a phase or an add-on sells, its price, and what the buyer may use.

    ``billing.rating.terms`` reads ``price``, ``unit_config``, ``discounts`` and ``commitments``.
    """

    class Term(models.TextChoices):
        IN_ADVANCE = "in_advance"
        IN_ARREARS = "in_arrears"

    id = models.BigAutoField(primary_key=True)
    phase = models.ForeignKey(
        PlanPhase, models.CASCADE, null=True, blank=True, related_name="rate_cards"
    )
    addon_version = models.ForeignKey(
        AddonVersion, models.CASCADE, null=True, blank=True, related_name="rate_cards"
    )
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=100)
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=1024, blank=True, default="")
    feature = models.ForeignKey(Feature, models.PROTECT, null=True, blank=True, related_name="+")
    billing_cadence = models.CharField(max_length=40, blank=True, default="")  # none: one-time
    payment_term = models.CharField(max_length=10, choices=Term.choices, default=Term.IN_ARREARS)
    price = models.JSONField()
    unit_config = models.JSONField(null=True, blank=True)
    discounts = models.JSONField(null=True, blank=True)
    commitments = models.JSONField(null=True, blank=True)
    entitlement = models.JSONField(null=True, blank=True)
    tax_config = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["phase", "addon_version", "position"]
        constraints = [
            models.UniqueConstraint(fields=["phase", "key"], name="billing_planratecard_in_phase"),
            models.UniqueConstraint(
                fields=["addon_version", "key"], name="billing_planratecard_in_addon"
            ),
            models.CheckConstraint(
                condition=Q(phase=None, addon_version__isnull=False)
                | Q(phase__isnull=False, addon_version=None),
                name="billing_planratecard_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.phase or self.addon_version}/{self.key}"
