"""Versions of plans: drafts to be written, published texts to be read and compared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.timezone import now

from billing.admin import drafts
from billing.admin.drafts import seen
from billing.admin.forms import draft_document
from billing.admin.plans import OPERATIONS
from billing.admin.versions import PartForm, VersionPages, checked, is_draft
from billing.models import AddonVersion, PlanAddon, PlanVersion
from billing.plans import addons
from ledger.admin.base import BookFilter
from ledger.admin.display import link, url
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number


class PhaseForm(PartForm):
    name = forms.CharField(max_length=256)
    key = forms.CharField(max_length=100)
    description = forms.CharField(max_length=1024, required=False)
    duration = forms.CharField(
        max_length=40,
        required=False,
        help_text="P14D is 14 days, P3M three months; only the last phase has none.",
    )
    position = forms.IntegerField(min_value=1, required=False, help_text="Empty is the last.")

    document: Mapping[str, Any] = {}
    phase: Mapping[str, Any] = {}

    def prepare(self) -> None:
        phases = list(self.document["phases"])
        known = [phase["key"] for phase in phases]
        place = known.index(self.phase["key"]) if self.phase else len(known)
        self.under = f"phases[{place}]"
        self.initial = {**self.phase, "seen": seen(self.row)}
        if self.phase:
            self.initial["position"] = place + 1


class AttachForm(OperationForm):
    addon_version = forms.ModelChoiceField(AddonVersion.objects.none(), label="Add-on")
    from_plan_phase = forms.ChoiceField(label="From the phase")
    max_quantity = forms.IntegerField(
        min_value=1, required=False, help_text="Empty is without end."
    )

    def prepare(self) -> None:
        version: PlanVersion = self.row
        offered = AddonVersion.objects.filter(
            addon__book=version.plan.book_id, effective_from__isnull=False, effective_to=None
        )
        addon, phase = self.fields["addon_version"], self.fields["from_plan_phase"]
        assert isinstance(addon, forms.ModelChoiceField)
        assert isinstance(phase, forms.ChoiceField)
        addon.queryset = offered.select_related("addon").order_by("addon__key", "version")
        phase.choices = [(one.key, one.name) for one in version.phases.order_by("position")]


class DetachForm(OperationForm):
    attached = forms.ModelChoiceField(PlanAddon.objects.none(), label="Add-on", empty_label=None)

    def prepare(self) -> None:
        field = self.fields["attached"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = self.row.addons.select_related(
            "addon_version__addon", "plan_version__plan"
        )


def _attach(request: HttpRequest, row: PlanVersion, given: dict[str, Any]) -> Done:
    attached = addons.attach(plan_version=row, at=now(), **given)
    return Done(message=f"{attached.addon_version} can be bought with {row}.", row=row)


def _detach(request: HttpRequest, row: PlanVersion, given: dict[str, Any]) -> Done:
    addons.detach(attached=given["attached"])
    return Done(message=f"{given['attached'].addon_version} was taken off.", row=row)


def _save_phase(request: HttpRequest, row: PlanVersion, given: dict[str, Any], *, key: str) -> Done:
    checked(given, row)
    given.pop("seen")
    position = given.pop("position")
    document = drafts.PLAN.document(drafts.PLAN.whole(row))
    changed = draft_document.with_phase(document, key, given, position)
    return Done(message=f"Saved the phase {given['key']}.", row=drafts.PLAN.replace(row, changed))


ATTACH: Final = Operation(
    name="attach",
    label="Offer an add-on",
    explanation="Lets an add-on be bought with this plan, from one of its phases on.",
    permission="billing.add_planaddon",
    form=AttachForm,
    run=_attach,
)
DETACH: Final = Operation(
    name="detach",
    label="Take off an add-on",
    explanation="It cannot be bought with this plan then.",
    permission="billing.delete_planaddon",
    form=DetachForm,
    run=_detach,
    applies=lambda row: is_draft(row) and row.addons.exists(),
)


@admin.register(PlanVersion)
class PlanVersionAdmin(VersionPages):
    drafting = "billing.change_planversion"
    fields = (
        ("offer_link", "version", "status"),
        ("name", "asset", "billing_cadence"),
        ("settlement_mode", "is_prorated"),
        ("since", "until"),
        "description",
    )
    readonly_fields = (
        "offer_link", "version", "name", "description", "status", "asset", "billing_cadence",
        "settlement_mode", "is_prorated", "since", "until",
    )  # fmt: skip
    kind = drafts.PLAN
    list_display = ("title", "name", "status", "asset", "billing_cadence", "since", "until")
    operations = (
        OPERATIONS.publish, OPERATIONS.edit, OPERATIONS.archive, ATTACH, DETACH,
        OPERATIONS.discard,
    )  # fmt: skip
    search_fields = ("plan__key__istartswith",)

    class OwnBook(BookFilter):
        path = "plan__book_id"

    list_filter = (OwnBook,)

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:pk>/phase/",
            self.admin_site.admin_view(self.phase),
            name="billing_planversion_phase",
        )
        return [own, *super().get_urls()]

    def panels(self, request: HttpRequest, obj: PlanVersion) -> dict[str, Any]:
        shown = super().panels(request, obj)
        attached = obj.addons.select_related("addon_version__addon", "addon_version__asset")
        rows = [
            (
                link(one.addon_version),
                one.name,
                one.from_plan_phase,
                "without end" if one.max_quantity is None else f"{one.max_quantity:,}",
            )
            for one in attached
        ]
        columns = ("Add-on", "Name", "From the phase", number("At most"))
        table = Table(title="Add-ons", columns=columns, rows=rows, empty="None is offered.")
        return {**shown, "tables": [table], "add_phase": url(obj, "phase", obj.pk)}

    def phase(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Add a phase, or change what one says of itself."""
        version = self.version(request, pk)
        document = self.kind.document(version)
        key = request.GET.get("phase", "")
        phase = draft_document.find(document, "phases", key) if key else {}
        if phase is None:
            raise Http404
        operation = Operation(
            name="phase",
            label="Save the phase" if key else "Add a phase",
            explanation="A stage of the plan: a trial, a ramp, the standard. Phases follow each "
            "other; a free one may have any length, others whole billing cycles.",
            permission=self.drafting,
            form=type("OwnPhaseForm", (PhaseForm,), {"document": document, "phase": phase}),
            run=partial(_save_phase, key=key),
            applies=is_draft,
        )
        return self.respond(request, operation, version)
