"""What a rate card would cost while it is being written: lines, totals and a curve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from billing.admin.forms import card_document, curve, drawing
from billing.admin.forms.curve import Point, Sample
from billing.admin.forms.fields_of import place_of
from billing.models import Feature
from billing.rating import preview, terms
from billing.rating.price import places_of
from billing.rating.problems import InvalidTermsError, Problem
from billing.rating.rated import Rated
from ledger.admin.display import figures
from ledger.errors import PrecisionError
from ledger.models import Asset
from ledger.money import SCALE, iso_exponent, text

_MOST_EVENTS: Final = 1000
_USUAL: Final = 1000
_PLAIN: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?")


class SampleForm(forms.Form):
    """What to price: a quantity, and what events it is made of."""

    prefix = "sample"

    quantity = forms.CharField(required=False)
    prior = forms.CharField(label="After", required=False)
    events = forms.IntegerField(
        label="In so many events", min_value=1, max_value=_MOST_EVENTS, required=False
    )
    rate = forms.IntegerField(label="At rate", min_value=1, required=False)
    until = forms.DecimalField(label="Draw up to", min_value=0, required=False)

    SHOWN_FOR: Final = {"events": "percentage dynamic", "rate": "rate_table"}

    def shown(self) -> Iterator[tuple[forms.BoundField, str]]:
        """Yield the fields, each with the price models it is for."""
        for bound in self:
            yield bound, self.SHOWN_FOR.get(bound.name, "")


def usual(card: Mapping[str, Any]) -> dict[str, str]:
    """Return a sample worth looking at: a thousand units, or a few as they are billed."""
    units = card.get("unit_config") or {}
    factor = card_document.whole(str(units.get("conversion_factor") or ""))
    is_divided = units.get("operation") == "divide" and isinstance(factor, int)
    quantity = int(factor) * 5 if is_divided else _USUAL
    return {"quantity": str(quantity), "events": "1", "rate": "1"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What there is to show: problems by path, or lines and a curve."""

    asset: Asset
    unit: str = ""
    problems: list[Problem] = field(default_factory=list)
    document: dict[str, Any] | None = None
    drawn: curve.Curve | None = None
    marked: Point | None = None

    @property
    def svg(self) -> SafeString:
        """Return the curve, if there is one."""
        if self.drawn is None:
            return SafeString("")
        return drawing.svg(self.drawn, asset=self.asset, unit=self.unit, marked=self.marked)

    @property
    def sentences(self) -> list[str]:
        """Return the curve in words."""
        if self.drawn is None:
            return []
        return list(drawing.sentences(self.drawn, asset=self.asset, unit=self.unit))

    def panel(self) -> str:
        """Return the part of the page that shows it."""
        return render_to_string("admin/billing/preview.html", {"answer": self})

    def lines(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield the lines as people read them: description, quantity, unit price, amount."""
        for line in (self.document or {}).get("lines", ()):
            unit_price = line["unit_price"]
            yield (
                line["description"],
                figures(Decimal(line["quantity"])),
                "" if unit_price is None else figures(Decimal(unit_price)),
                figures(Decimal(line["amount"]), self.asset),
            )

    def totals(self) -> Iterator[tuple[str, str]]:
        """Yield the sums below the lines; those that are nought are left out, but the total."""
        named = (
            ("gross_amount", "Gross"),
            ("discount", "Discount"),
            ("commitment_charge", "Minimum charge"),
            ("total", "Total"),
        )
        for name, label in named:
            value = Decimal((self.document or {}).get(name, "0"))
            if value or name in ("gross_amount", "total"):
                shown = f"-{figures(value, self.asset)}" if name == "discount" else None
                yield label, shown or figures(value, self.asset)

    def data(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as JSON: exact numbers as text, problems at their fields."""
        dimensions = card_document.dimensions_of(values)
        drawn = self.drawn.points if self.drawn is not None else []
        return {
            "problems": [
                {**place_of(each.field, dimensions)._asdict(), "detail": each.message}
                for each in self.problems
            ],
            "document": self.document,
            "points": [
                [text(point.quantity), text(point.amount), text(point.next_unit)] for point in drawn
            ],
            "panel": self.panel(),
        }


def answer(
    card: Mapping[str, Any], *, sample: SampleForm, asset: Asset, feature: Feature | None
) -> Answer:
    """Price a sample of a rate card, or say what is wrong with it."""
    wanted = {name: card[name] for name in card_document.TERMS if card.get(name)}
    meter = feature.meter if feature is not None else None
    scale = meter.unit.scale if meter is not None else 0
    unit = meter.unit.code if meter is not None else "units"
    given = sample.cleaned_data if sample.is_valid() else {}
    try:
        rated = terms.parse(
            wanted,
            scale=scale,
            dimensions=None if meter is None else meter.dimensions,
            aggregation=None if meter is None else meter.aggregation,
            kept=asset.scale,
        )
        case = {**wanted, **_used(card, rated, given, scale), "currency": asset.code}
        document = preview.document(case, exponent_of=lambda _code: _places(asset))
    except InvalidTermsError as error:
        return Answer(asset=asset, problems=list(error.problems))
    except PrecisionError as error:
        return Answer(asset=asset, problems=[Problem("too_large", "quantity", error.detail)])
    if rated.is_flat:
        return Answer(asset=asset, document=document)
    found = _curve(card, rated, given, scale)
    return Answer(
        asset=asset, unit=unit, document=document, drawn=found, marked=_marked(document, given)
    )


def _used(
    card: Mapping[str, Any], rated: Rated, given: Mapping[str, Any], scale: int
) -> dict[str, Any]:
    """Return the quantity as the preview wants it: of some events, for prices that look at them."""
    quantity = given.get("quantity") or "0"
    prior = {"prior_quantity": given["prior"]} if given.get("prior") else {}
    if rated.basis == "quantity":
        return {"quantity": quantity, **prior}
    if not _PLAIN.fullmatch(quantity):
        return {"quantity": quantity}  # the preview says what is wrong with it
    total = Decimal(quantity)
    sample = _sample(card, given)
    parts = curve.spread(total, sample.events, scale=max(scale, places_of(total)))
    return {
        "events": [
            {"value": text(part), "dimensions": dict(sample.labels), "cost": text(part)}
            for part in parts
        ]
    }


def _sample(card: Mapping[str, Any], given: Mapping[str, Any]) -> Sample:
    rates = (card.get("price") or {}).get("rates") or ()
    place = (given.get("rate") or 1) - 1
    labels = rates[place]["match"] if place < len(rates) else {}
    return Sample(events=given.get("events") or 1, labels=labels)


def _curve(
    card: Mapping[str, Any], rated: Rated, given: Mapping[str, Any], scale: int
) -> curve.Curve | None:
    try:
        return curve.draw(
            rated,
            scale=scale,
            sample=_sample(card, given),
            until=given.get("until"),
            least=Decimal(given.get("quantity") or 0),
        )
    except (ArithmeticError, PrecisionError):
        return None  # numbers too large to draw


def _marked(document: Mapping[str, Any], given: Mapping[str, Any]) -> Point | None:
    if given.get("prior"):
        return None
    quantity = Decimal(given.get("quantity") or 0)
    return Point(quantity, Decimal(document["exact_total"]), Decimal(0))


def _places(asset: Asset) -> int:
    """Return how many places of an amount are printed."""
    if asset.kind == Asset.Kind.CURRENCY:
        return iso_exponent(asset.code) or 0
    return min(asset.scale, SCALE)
