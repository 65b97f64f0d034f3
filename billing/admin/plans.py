"""Plans: what is on offer, its versions, and who has subscribed."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin.drafts import CADENCES
from billing.admin.versions import DocumentForm, OfferPages, current, is_draft, status_badge
from billing.models import Plan, PlanVersion, Subscription
from billing.plans import drafting
from ledger.admin.base import BookFilter
from ledger.admin.display import instant, link
from ledger.admin.fields import AssetField, BookField
from ledger.admin.operations import Done, Operation
from ledger.admin.tables import Table, number
from ledger.models import Asset


class CadenceField(forms.CharField):
    """An ISO 8601 duration, with the usual ones to choose from."""

    def __init__(self, **kwargs: Any) -> None:
        usual = ", ".join(f"{value} is {name}" for value, name in CADENCES[:4])
        super().__init__(**{"max_length": 40, "initial": "P1M", "help_text": f"{usual}.", **kwargs})


class OfferForm(DocumentForm):
    """What plans and add-ons both say of themselves."""

    name = forms.CharField(max_length=256)
    description = forms.CharField(max_length=1024, required=False)
    currency = AssetField(Asset.Kind.CURRENCY, Asset.Kind.CREDIT, help_text="What prices are in.")


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


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    book = given.pop("book")
    document = {
        **given,
        "currency": given["currency"].code,
        "phases": [{"key": "standard", "name": "Standard", "rate_cards": []}],
    }
    version = drafting.create(book=book, document=document, at=now())
    return Done(message=f"Drafted the plan {version.plan.key}: add its rate cards.", row=version)


def _next(request: HttpRequest, row: Plan, given: dict[str, Any]) -> Done:
    version = drafting.next_version(plan=row, at=now())
    return Done(message=f"Drafted {version}, a copy of the newest version.", row=version)


def _has_no_draft(row: Plan) -> bool:
    return not row.versions.filter(effective_from=None).exists()


NEXT: Final = Operation(
    name="next-version",
    label="Draft the next version",
    explanation="A copy of the newest version, to be changed and published. "
    "What customers have subscribed to stays as it is.",
    permission="billing.add_planversion",
    run=_next,
    applies=_has_no_draft,
)


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
    keyset = ("key", "pk")
    list_display = ("key", "title", "status", "current", "draft", "customers")
    list_filter = (BookFilter,)
    list_select_related = ("book", "customer")
    operations = (NEXT,)
    search_fields = ("key__istartswith",)
    search_help_text = "Beginning of the key"

    def enrich(self, rows: list[Any]) -> None:
        at = now()
        found: defaultdict[int, list[PlanVersion]] = defaultdict(list)
        plans = [row.pk for row in rows]
        for version in PlanVersion.objects.filter(plan__in=plans).order_by("version"):
            found[version.plan_id].append(version)
        counts = _subscribers(Q(plan_version__plan__in=plans), "plan_version__plan", at)
        for row in rows:
            row.drafted = next((one for one in found[row.pk] if is_draft(one)), None)
            row.shown = current(found[row.pk], at) or row.drafted
            row.subscribers = counts.get(row.pk, 0)

    def panels(self, request: HttpRequest, obj: Plan) -> dict[str, Any]:
        at = now()
        found = list(obj.versions.select_related("asset", "plan").order_by("-version"))
        counts = _subscribers(Q(plan_version__plan=obj), "plan_version", at)
        rows = [
            (
                link(version, f"version {version.version}"),
                version.name,
                status_badge(version),
                version.asset.code,
                version.billing_cadence,
                instant(version.effective_from),
                instant(version.effective_to),
                f"{counts.get(version.pk, 0):,}",
            )
            for version in found
        ]
        columns = (
            "Version", "Name", "Status", "Currency", "Billed every", "On offer from", "until",
            number("Customers"),
        )  # fmt: skip
        return {"tables": [Table(title="Versions", columns=columns, rows=rows)]}

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
