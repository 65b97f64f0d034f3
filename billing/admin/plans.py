"""Plans: what is on offer, its versions, and who has subscribed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin import drafts, version_operations
from billing.admin.drafts import CADENCES, seen
from billing.admin.offers import OfferForm, OfferPages
from billing.admin.versions import PartForm
from billing.models import Plan, PlanVersion, Subscription
from billing.plans import drafting
from ledger.admin.display import link
from ledger.admin.fields import BookField
from ledger.admin.operations import Done, Operation
from ledger.admin.tables import number


class CadenceField(forms.CharField):
    """An ISO 8601 duration, with the usual ones to choose from."""

    def __init__(self, **kwargs: Any) -> None:
        usual = ", ".join(f"{value} is {name}" for value, name in CADENCES[:4])
        super().__init__(**{"max_length": 40, "initial": "P1M", "help_text": f"{usual}.", **kwargs})


class PlanForm(OfferForm):
    billing_cadence = CadenceField(label="Billed every")
    settlement_mode = forms.ChoiceField(label="Paid", choices=PlanVersion.Settlement.choices)
    pro_rating_enabled = forms.BooleanField(
        label="Prorated", required=False, initial=True,
        help_text="Fees for part of a cycle are charged in part.",
    )  # fmt: skip


class NewPlanForm(PlanForm):
    book = BookField()
    key = forms.CharField(max_length=100, help_text="How programs name it; it stays.")
    field_order = ("book", "key")


class GeneralForm(PlanForm, PartForm):
    def prepare(self) -> None:
        version = self.row
        names = ("name", "description", "billing_cadence", "settlement_mode")
        self.initial = {name: getattr(version, name) for name in names}
        self.initial |= {
            "currency": version.asset,
            "pro_rating_enabled": version.is_prorated,
            "seen": seen(version),
        }


OPERATIONS: Final = version_operations.of(
    drafts.PLAN,
    GeneralForm,
    noun="plan",
    verb="subscribe to",
    kept=" What customers have subscribed to stays as it is.",
)


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    book = given.pop("book")
    document = {
        **given,
        "currency": given["currency"].code,
        "phases": [{"key": "standard", "name": "Standard", "rate_cards": []}],
    }
    version = drafting.create(book=book, document=document, at=now())
    return Done(message=f"Drafted the plan {version.plan.key}: add its rate cards.", row=version)


@admin.register(Plan)
class PlanAdmin(OfferPages):
    adding = Operation(
        name="add",
        label="Draft a plan",
        explanation="A draft can be changed until it is published.",
        permission="billing.add_plan",
        form=NewPlanForm,
        run=_create,
    )
    fields = ("key", "book", "own_customer", "created")
    readonly_fields = fields
    kind = drafts.PLAN
    list_display = ("key", "title", "status", "current", "draft", "customers")
    list_select_related = ("book", "customer")
    operations = (OPERATIONS.draft_next,)

    def enrich(self, rows: list[Any]) -> None:
        super().enrich(rows)
        plans = [row.pk for row in rows]
        counts = _subscribers(Q(plan_version__plan__in=plans), "plan_version__plan", now())
        for row in rows:
            row.subscribers = counts.get(row.pk, 0)

    def panels(self, request: HttpRequest, obj: Plan) -> dict[str, Any]:
        counts = _subscribers(Q(plan_version__plan=obj), "plan_version", now())
        table = self.versions(
            obj,
            ("Billed every", number("Customers")),
            lambda version: (version.billing_cadence, f"{counts.get(version.pk, 0):,}"),
        )
        return {"tables": [table]}

    @admin.display(description="customers")
    def customers(self, row: Any) -> str:
        return f"{row.subscribers:,}"

    @admin.display(description="only for")
    def own_customer(self, row: Plan) -> SafeString | str:
        return link(row.customer) if row.customer else "everybody"


def _subscribers(which: Q, by: str, at: datetime) -> dict[int, int]:
    """Count customers with a subscription that has not ended, by plan or by version."""
    running = Subscription.objects.filter(which).exclude(ends_at__lte=at)
    counted = running.order_by().values_list(by).annotate(Count("customer", distinct=True))
    return dict(counted)
