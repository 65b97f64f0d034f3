"""Features: what is sold, which usage it is about, and what a unit costs us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import features
from billing.admin.forms import feature_document as document
from billing.admin.forms.rows import Column, RowsField, RowsWidget
from billing.models import Feature, Meter
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, badge, instant, link
from ledger.admin.fields import BookField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.errors import DomainError

if TYPE_CHECKING:
    _ModelChoiceField: TypeAlias = forms.ModelChoiceField[Meter]
else:
    _ModelChoiceField = forms.ModelChoiceField

_COST_FIELDS: Final = {"type": "cost_type", "amount": "cost_amount"}


def _looked_up(label: str, *, is_property: bool = False, **kwargs: Any) -> forms.CharField:
    attrs = {"data-shown-for": "cost_type=llm"}
    help_text = f"The meter's dimension that holds the {label.lower()}." if is_property else ""
    shown = f"{label}, by dimension" if is_property else label
    return forms.CharField(
        label=shown, required=False, help_text=help_text, widget=forms.TextInput(attrs=attrs)
    )


class CostForm(OperationForm):
    """What people read of a feature, and what a unit of it costs us."""

    name = forms.CharField(max_length=256)
    description = forms.CharField(max_length=1024, required=False)
    cost_type = forms.ChoiceField(
        label="Unit cost",
        required=False,
        choices=[("", "not known"), ("manual", "an amount"), ("llm", "by the models' price book")],
    )
    cost_amount = forms.CharField(
        label="Amount per unit",
        required=False,
        help_text="In the book's base currency.",
        widget=forms.TextInput(attrs={"data-shown-for": "cost_type=manual"}),
    )
    provider = _looked_up("Provider")
    provider_property = _looked_up("Provider", is_property=True)
    model = _looked_up("Model")
    model_property = _looked_up("Model", is_property=True)
    token_type = _looked_up("Token type")
    token_type_property = _looked_up("Token type", is_property=True)

    def prepare(self) -> None:
        self.fields["token_type"].help_text = f"One of {', '.join(features.TOKEN_TYPES)}."
        if self.row is not None:
            self.initial = {
                "name": self.row.name,
                "description": self.row.description,
                **document.cost_values(self.row.unit_cost),
            }

    def refuse(self, error: DomainError) -> None:
        for problem in getattr(error, "problems", ()):
            self._place(problem.field, problem.message)
        if not self.errors:
            super().refuse(error)

    def _place(self, path: str, message: str) -> None:
        head, _, rest = path.partition(".")
        if head == "filters" and "filters" in self.fields:
            self._place_in_row(rest, message)
            self.add_error("filters", f"{rest}: {message}")
        else:
            name = _COST_FIELDS.get(rest, rest) or "cost_type"
            self.add_error(name if name in self.fields else None, message)

    def _place_in_row(self, rest: str, message: str) -> None:
        widget = self.fields["filters"].widget
        assert isinstance(widget, RowsWidget)
        for place, row in enumerate(self.cleaned_data.get("filters") or ()):
            if row["dimension"] == rest.partition(".")[0]:
                widget.problems[place, "value" if "." in rest else "dimension"] = [message]

    class Media:
        css = {"all": ["billing/admin.css"]}
        js = ["billing/choices.js"]


class MeterField(_ModelChoiceField):
    """One of the meters that count; each says by what it can be filtered."""

    def label_from_instance(self, obj: Meter) -> str:
        by = ", ".join(obj.dimensions)
        return f"{obj.book.key}: {obj.key}{f' (by {by})' if by else ''}"


class FeatureForm(CostForm):
    book = BookField()
    key = forms.CharField(max_length=100, help_text="How plans and programs name it; it stays.")
    meter = MeterField(
        Meter.objects.none(),
        required=False,
        empty_label="none: it is not counted",
        help_text="What counts its usage; it stays.",
    )
    filters = RowsField(
        Column(name="dimension", label="Dimension"),
        Column(name="operator", label="", choices=document.OPERATORS),
        Column(name="value", label="Value"),
        label="Only usage where",
        help_text="All must hold; values of a list with commas. They stay.",
        add="Add a filter",
    )
    field_order = ("book", "key", "name", "description", "meter", "filters")

    def prepare(self) -> None:
        super().prepare()
        meter = self.fields["meter"]
        assert isinstance(meter, forms.ModelChoiceField)
        meter.queryset = Meter.objects.filter(archived_at=None).select_related("book")

    def clean_filters(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.cleaned_data["filters"]
        named = [row.get("dimension", "") for row in rows]
        if "" in named or len(set(named)) < len(named):
            raise forms.ValidationError("Name a dimension in each row, and each one once.")
        return rows


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    names = ("book", "key", "name", "description", "meter")
    feature = features.create(
        at=now(),
        filters=document.filters(given["filters"]),
        unit_cost=document.unit_cost(given),
        **{name: given[name] for name in names},
    )
    return Done(message=f"Added the feature {feature.key}.", row=feature)


def _change(request: HttpRequest, row: Feature, given: dict[str, Any]) -> Done:
    cost = document.unit_cost(given)
    feature = features.update(
        feature=row,
        name=given["name"],
        description=given["description"],
        unit_cost=cost,
        removes_cost=cost is None,
    )
    return Done(message=f"Changed {feature.key}.", row=feature)


def _archive(request: HttpRequest, row: Feature, given: dict[str, Any]) -> Done:
    return Done(message=f"Archived {row.key}.", row=features.archive(feature=row, at=now()))


CHANGE: Final = Operation(
    name="edit",
    label="Change",
    explanation="A new cost is for usage from now on. The meter and the filters stay for ever.",
    permission="billing.change_feature",
    form=CostForm,
    run=_change,
)
ARCHIVE: Final = Operation(
    name="archive",
    label="Archive",
    explanation="No plan with it can be published from now on. Subscriptions go on.",
    permission="billing.change_feature",
    run=_archive,
    applies=lambda row: row.archived_at is None,
    is_grave=True,
)


@admin.register(Feature)
class FeatureAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a feature",
        explanation="Something to sell: a capability, or usage as a meter counts it.",
        permission="billing.add_feature",
        form=FeatureForm,
        run=_create,
    )
    fields = (
        "key",
        "name",
        "description",
        "book",
        "meter_link",
        "usage",
        "cost",
        "state",
        "created",
    )
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "name", "meter_link", "usage", "cost", "state")
    list_filter = (BookFilter,)
    list_select_related = ("book", "meter")
    operations = (CHANGE, ARCHIVE)
    search_fields = ("key__istartswith", "name__icontains")
    search_help_text = "Key or name"

    @admin.display(description="meter")
    def meter_link(self, row: Feature) -> SafeString:
        return link(row.meter)

    @admin.display(description="only where")
    def usage(self, row: Feature) -> str | SafeString:
        return "; ".join(document.in_words(row.filters)) or NOTHING

    @admin.display(description="unit cost")
    def cost(self, row: Feature) -> str | SafeString:
        return document.cost_in_words(row.unit_cost) or NOTHING

    @admin.display(description="state")
    def state(self, row: Feature) -> SafeString:
        return NOTHING if row.archived_at is None else badge("archived", "warn")

    @admin.display(description="created")
    def created(self, row: Feature) -> SafeString:
        return instant(row.created_at)
