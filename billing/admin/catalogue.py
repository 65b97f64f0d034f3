"""Meters: how usage is counted."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import catalogue
from billing.models import Meter
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import badge, instant
from ledger.admin.fields import AssetField, BookField, JsonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import Asset

LATE_USAGE: Final = [
    (Meter.LateUsage.RERATE, "Counts in its own period; the difference is invoiced"),
    (Meter.LateUsage.NEXT_PERIOD, "Counts in the running period once its own is invoiced"),
]


class MeterForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=100)
    name = forms.CharField(max_length=200, required=False)
    event_type = forms.CharField(max_length=200, help_text="The type of the events it counts.")
    aggregation = forms.ChoiceField(choices=Meter.Aggregation.choices)
    value_path = forms.CharField(
        max_length=400, required=False, help_text="Like $.tokens.input; empty for a count."
    )
    dimensions = JsonField(help_text='Name → path, like {"model": "$.model"}.')
    unit = AssetField(Asset.Kind.UNIT)
    feature_key = forms.CharField(
        max_length=200,
        required=False,
        help_text="What grants may be restricted to; empty is the key.",
    )
    late_usage = forms.ChoiceField(choices=LATE_USAGE, label="Late usage", required=False)


class ChangeForm(OperationForm):
    name = forms.CharField(max_length=200, required=False)
    late_usage = forms.ChoiceField(choices=LATE_USAGE, label="Late usage", required=False)

    def prepare(self) -> None:
        self.initial = {"name": self.row.name, "late_usage": self.row.late_usage}


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    given["late_usage"] = given["late_usage"] or Meter.LateUsage.RERATE
    meter = catalogue.create_meter(at=now(), **given)
    return Done(message=f"Added the meter {meter.key}.", row=meter)


def _change(request: HttpRequest, row: Meter, given: dict[str, Any]) -> Done:
    late_usage = given["late_usage"] or None  # nothing: it stays
    changed = catalogue.change_meter(meter=row, name=given["name"], late_usage=late_usage)
    return Done(message=f"Changed {row.key}.", row=changed)


def _archive(request: HttpRequest, row: Meter, given: dict[str, Any]) -> Done:
    return Done(message=f"Archived {row.key}.", row=catalogue.archive_meter(meter=row, at=now()))


CHANGE: Final = Operation(
    name="rename",
    label="Change",
    explanation="Changes the name people see, and what becomes of late usage from now on. The key "
    "and the definition stay for ever.",
    permission="billing.change_meter",
    form=ChangeForm,
    run=_change,
)
ARCHIVE: Final = Operation(
    name="archive",
    label="Archive",
    explanation="Events received from now on are not counted by this meter.",
    permission="billing.change_meter",
    run=_archive,
    applies=lambda row: row.archived_at is None,
    is_grave=True,
)


@admin.register(Meter)
class MeterAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a meter",
        explanation="It counts the events received from now on. Its definition never changes: "
        "to count otherwise, add another meter.",
        permission="billing.add_meter",
        form=MeterForm,
        run=_create,
    )
    fields = (
        "key", "name", "book", "event_type", "aggregation", "value_path", "dimensions", "unit",
        "feature_key", "late_usage", "state", "created", "archived",
    )  # fmt: skip
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "name", "event_type", "aggregation", "value_path", "unit", "state")
    list_filter = (BookFilter, "aggregation")
    list_select_related = ("unit", "book")
    operations = (CHANGE, ARCHIVE)
    search_fields = ("key__istartswith", "event_type__istartswith")

    def panels(self, request: HttpRequest, obj: Meter) -> dict[str, Any]:
        usage = f"{reverse('admin:billing_usage')}?{urlencode({'meter': obj.pk})}"
        rates = f"{reverse('admin:billing_rate_changelist')}?meter__id__exact={obj.pk}"
        return {"links": [(usage, "Usage"), (rates, "Rates")]}

    @admin.display(description="state")
    def state(self, row: Meter) -> SafeString:
        return badge("active", "good") if row.archived_at is None else badge("archived", "warn")

    @admin.display(description="created")
    def created(self, row: Meter) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="archived")
    def archived(self, row: Meter) -> SafeString:
        return instant(row.archived_at)
