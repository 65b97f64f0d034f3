"""The form of a rate card: a price model, the fields of that model, and what is around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.db.models import Q

from billing.admin.forms import card_document
from billing.admin.forms.fields_of import place_of
from billing.admin.forms.rows import Column, RowsField, RowsWidget
from billing.models import Feature, PlanRateCard, TaxCode
from billing.rating.problems import Problem
from ledger.models import Book

_LEAST_DIMENSIONS: Final = 2
_MODELS: Final = [
    ("free", "Free"),
    ("flat", "Flat: one amount, whatever is used"),
    ("unit", "Unit: so much for each unit"),
    ("graduated", "Graduated: each unit at the price of its tier"),
    ("volume", "Volume: all units at the price of the tier reached"),
    ("package", "Package: so much for every started package"),
    ("dynamic", "Dynamic: a multiple of the metered amount or cost"),
    ("percentage", "Percentage of the metered amount"),
    ("graduated_percentage", "Graduated percentage: tiers of an amount"),
    ("rate_table", "Rate table: unit prices by dimensions"),
]
_USAGE: Final = " ".join(sorted(set(card_document.MODELS) - {"free", "flat"}))
_PRICED: Final = " ".join(sorted(set(card_document.MODELS) - {"free"}))
_EVENTS: Final = "percentage rate_table dynamic"


def _text(label: str, help_text: str = "", *, is_number: bool = False, **attrs: str) -> Any:
    attrs |= {"inputmode": "decimal", "autocomplete": "off"} if is_number else {}
    widget = forms.TextInput(attrs={**attrs, "class": "vTextField" if not is_number else ""})
    return forms.CharField(label=label, required=False, help_text=help_text, widget=widget)


def _number(label: str, help_text: str = "") -> Any:
    return _text(label, help_text, is_number=True)


def _choice(label: str, choices: Iterable[tuple[str, str]], help_text: str = "") -> Any:
    return forms.ChoiceField(
        label=label, required=False, choices=list(choices), help_text=help_text
    )


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A field as the page lays it out."""

    field: forms.BoundField
    notes: list[str]
    shown_for: str
    is_wide: bool


class RateCardForm(forms.Form):
    """Everything a rate card says. What is wrong with it, the rules of the catalogue say."""

    name = _text("Name", "What documents print; empty is the feature's.")
    key = _text("Key", "Empty is the feature's; unique in its phase.")
    description = _text("Description")
    feature = _choice("Feature", (), "What is sold; usage prices need one with a meter.")
    price_type = forms.ChoiceField(label="Price model", choices=_MODELS)
    amount = _number("Amount", "Flat: in all. Unit: for each. Package: for each package.")
    quantity_per_package = _number("Units per package", "A started package counts as a whole.")
    multiplier = _number("Multiplier", "1.2 is 20 % more.")
    basis = _choice("Of", [("amount", "the metered amount"), ("cost", "what it costs us")])
    rate = _number("Rate in %", "2.9 is 2.9 % of the amount.")
    fixed_fee = _number("Fee per event")
    free_events = _number("Free events", "The first ones of a period; up to 100.")
    free_amount = _number("Free amount", "Of a period.")
    minimum_per_event = _number("At least, per event")
    maximum_per_event = _number("At most, per event")
    tiers = RowsField(
        Column(
            name="up_to_amount", label="Up to and including", is_number=True, placeholder="no end"
        ),
        Column(name="unit_price", label="Per unit", is_number=True, shown_for="graduated volume"),
        Column(name="rate", label="Rate in %", is_number=True, shown_for="graduated_percentage"),
        Column(name="flat_price", label="Flat, on entering the tier", is_number=True),
        label="Tiers",
        help_text="From the first unit on; the last tier has no end.",
        add="Add a tier",
    )
    dimensions = _text("Dimensions", "Of the meter, with commas: model, token_type.")
    rates = RowsField(label="Rates", help_text="An empty value is any.", add="Add a rate")
    default = _number("Default price per unit", "For what no rate fits; empty is free.")
    operation = _choice(
        "Conversion",
        [("", "none: bill what is metered"), ("divide", "divide by"), ("multiply", "multiply by")],
    )
    conversion_factor = _number("Factor", "1000000 to bill by the million.")
    rounding = _choice(
        "Rounding",
        [("none", "none"), ("ceiling", "up"), ("floor", "down"), ("half_up", "to the nearest")],
        "Of the period's total, so that splitting usage adds nothing.",
    )
    precision = _number("Places kept", "When it rounds; empty is whole units.")
    display_unit = _text("Billed unit", "As documents print it: GB, M tokens.")
    discount_percentage = _number("Discount in %")
    free_usage = _number("Free units", "Before anything is billed, in billed units.")
    minimum_amount = _number("Minimum", "What is missing is charged when the period ends.")
    maximum_amount = _number("Maximum", "What would be more is given back.")
    billing_cadence = _text(
        "Billed every",
        "P1M is a month, P3M a quarter, P1Y a year; empty is once (flat) or never (free).",
        list="mb-cadences",
    )
    payment_term = _choice("Paid", PlanRateCard.Term.choices, "In advance is for flat prices.")
    tax_code = _choice("Tax code", ())
    tax_behavior = _choice(
        "Prices are", [("", "–"), ("exclusive", "without tax"), ("inclusive", "with tax")]
    )
    entitlement_type = _choice(
        "Entitlement",
        [
            ("", "none"),
            ("boolean", "Boolean: may use it"),
            ("metered", "Metered: so many units"),
            ("static", "Static: settings"),
        ],
    )
    limit = _number("Units per period")
    is_soft_limit = forms.BooleanField(
        label="Soft limit", required=False, help_text="Use goes on when the limit is reached."
    )
    preserves_overage = forms.BooleanField(
        label="Preserve overage",
        required=False,
        help_text="What is used beyond is taken off the next period; else it is forgiven.",
    )
    usage_period = _text(
        "Counted anew every", "As above; empty is the cadence.", list="mb-cadences"
    )
    config = RowsField(
        Column(name="name", label="Setting"),
        Column(name="value", label="Value"),
        label="Settings",
        help_text="What your own system looks up.",
        add="Add a setting",
    )

    SECTIONS: Final = (
        ("What is sold", ("name", "key", "description", "feature")),
        (
            "Price",
            (
                "price_type", "amount", "quantity_per_package", "multiplier", "basis", "rate",
                "fixed_fee", "free_events", "free_amount", "minimum_per_event",
                "maximum_per_event", "tiers", "dimensions", "rates", "default",
            ),
        ),
        (
            "Unit conversion",
            ("operation", "conversion_factor", "rounding", "precision", "display_unit"),
        ),
        (
            "Discounts and commitments",
            ("discount_percentage", "free_usage", "minimum_amount", "maximum_amount"),
        ),
        ("Billing", ("billing_cadence", "payment_term", "tax_code", "tax_behavior")),
        (
            "Entitlement",
            (
                "entitlement_type", "limit", "is_soft_limit", "preserves_overage", "usage_period",
                "config",
            ),
        ),
    )  # fmt: skip
    SHOWN_FOR: Final = {
        **{
            field: " ".join(
                kind for kind, fields in card_document.MODELS.items() if field in fields
            )
            for fields in card_document.MODELS.values()
            for field in fields
        },
        **dict.fromkeys(("free_usage", "minimum_amount", "maximum_amount"), _USAGE),
        **dict.fromkeys(
            ("operation", "conversion_factor", "rounding", "precision", "display_unit"), _USAGE
        ),
        "discount_percentage": _PRICED,
        "limit": "entitlement_type=metered",
        "is_soft_limit": "entitlement_type=metered",
        "preserves_overage": "entitlement_type=metered",
        "usage_period": "entitlement_type=metered",
        "config": "entitlement_type=static",
    }

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, book: Book, card: Mapping[str, Any]
    ) -> None:
        values = card_document.values(card)
        super().__init__(data, initial=values)
        self.card = card
        self.has_row_problems = self.has_notes = False
        # What is wrong with the saved draft, by field; a form that was sent has errors instead.
        self.notes: dict[str, list[str]] = {}
        self._offer(book, values)
        named = card_document.dimensions_of(self.data if self.is_bound else values)
        self.dimension_names = named
        self._head_rates(named)

    def _offer(self, book: Book, values: Mapping[str, Any]) -> None:
        is_offered = Q(archived_at=None) | Q(key=values["feature"])
        features = Feature.objects.filter(is_offered, book=book).select_related("meter__unit")
        self.features = {feature.key: feature for feature in features}
        codes = TaxCode.objects.filter(book=book)
        self._choose("feature", ((key, _feature_label(row)) for key, row in self.features.items()))
        self._choose("tax_code", ((code.key, f"{code.key}: {code.name}") for code in codes))

    def _choose(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "none"), *choices]

    def _head_rates(self, named: list[str]) -> None:
        places = range(max(len(named), _LEAST_DIMENSIONS))
        labels = [named[i] if i < len(named) else f"dimension {i + 1}" for i in places]
        widget = self.fields["rates"].widget
        assert isinstance(widget, RowsWidget)
        widget.columns = [
            *(
                Column(name=card_document.column_of(i), label=label, placeholder="any")
                for i, label in enumerate(labels)
            ),
            Column(name="amount", label="Per unit", is_number=True),
        ]

    @property
    def chosen_feature(self) -> Feature | None:
        """Return the feature that is chosen now, saved or not."""
        source = self.data if self.is_bound else self.initial
        return self.features.get(str(source.get("feature") or ""))

    def document(self) -> dict[str, Any]:
        """Return the rate card, with what the form does not show left as it was."""
        written = card_document.document(self._named())
        kept = {name: value for name, value in self.card.items() if name not in _SHOWN}
        return {**kept, **written}

    def _named(self) -> dict[str, Any]:
        """Name a feature's rate card as the feature, unless it has a name of its own."""
        given = dict(self.cleaned_data)
        if (feature := self.chosen_feature) is not None:
            given["key"] = given.get("key") or feature.key
            given["name"] = given.get("name") or feature.name
        return given

    def show(self, problems: Iterable[tuple[str, str]]) -> None:
        """Put problems, each with its path within the rate card, at their fields."""
        for path, message in problems:
            place = place_of(path, self.dimension_names)
            widget = self.fields[place.field].widget if place.field in self.fields else None
            if isinstance(widget, RowsWidget) and place.row is not None:
                widget.problems.setdefault((place.row, place.column), []).append(message)
                self.has_row_problems |= self.is_bound
                self.has_notes |= not self.is_bound
            elif widget is not None:
                self._say(place.field, message)
            else:
                self._say(None, f"{path}: {message}" if path else message)

    def _say(self, field: str | None, message: str) -> None:
        if self.is_bound:
            self.add_error(field, message)
        else:
            self.notes.setdefault(field or "all", []).append(message)
            self.has_notes = True

    def sections(self) -> Iterator[tuple[str, list[Shown]]]:
        """Yield the parts of the page, each with its fields."""
        for title, names in self.SECTIONS:
            yield title, [self._shown(name) for name in names]

    def _shown(self, name: str) -> Shown:
        bound = self[name]
        is_wide = isinstance(bound.field, RowsField)
        return Shown(
            field=bound,
            notes=self.notes.get(name, []),
            shown_for=self.SHOWN_FOR.get(name, ""),
            is_wide=is_wide,
        )

    class Media:
        css = {"all": ["billing/admin.css"]}
        js = ["billing/rows.js", "billing/rate-card.js"]


def problems_of(problems: Iterable[Problem], under: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and message of the problems below a path, cut off from them."""
    for problem in problems:
        if problem.field.startswith(under):
            yield problem.field.removeprefix(under).lstrip("."), problem.message


_SHOWN: Final = frozenset(
    {
        "key", "name", "description", "billing_cadence", "payment_term", "feature", "price",
        "unit_config", "discounts", "commitments", "entitlement", "tax_config",
    }
)  # fmt: skip


def _feature_label(feature: Feature) -> str:
    if feature.meter is None:
        return f"{feature.key}: {feature.name}, without usage"
    by = ", ".join(feature.meter.dimensions)
    meter = f"{feature.meter.get_aggregation_display()} of {feature.meter.unit.code}"
    return f"{feature.key}: {feature.name}, {meter}{f' by {by}' if by else ''}"
