"""Rate cards and their rates: a new price is a new rate."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import catalogue
from billing.models import Meter, Rate, RateCard
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import AssetField, BookField, InstantField, JsonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from ledger.models import Asset

_RATES: Final = 200


class CardForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=100)
    name = forms.CharField(max_length=200, required=False)
    asset = AssetField(Asset.Kind.CURRENCY, Asset.Kind.CREDIT, help_text="What prices are in.")
    is_default = forms.BooleanField(
        required=False, label="Default", help_text="For customers that have no other rate card."
    )


class RateForm(OperationForm):
    meter = forms.ModelChoiceField(Meter.objects.none())
    match = JsonField(
        help_text='Dimension values it is for, like {"model": "small"}; empty is all.'
    )
    unit_price = forms.DecimalField(min_value=0, max_digits=38, decimal_places=18)
    unit_cost = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=38,
        decimal_places=18,
        help_text="What a unit costs us, in the book's base currency.",
    )
    provider = forms.CharField(max_length=200, required=False, help_text="Whom we owe that cost.")
    effective_from = InstantField(label="From (UTC)", required=False, help_text="Empty is now.")

    def prepare(self) -> None:
        meters = self.fields["meter"]
        assert isinstance(meters, forms.ModelChoiceField)
        meters.queryset = Meter.objects.filter(book_id=self.row.book_id, archived_at=None)
        self.fields["unit_price"].help_text = f"In {self.row.asset.code} per unit of the meter."


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    card = catalogue.create_rate_card(at=now(), **given)
    return Done(message=f"Added the rate card {card.key}.", row=card)


def _make_default(request: HttpRequest, row: RateCard, given: dict[str, Any]) -> Done:
    card = catalogue.make_default(rate_card=row)
    return Done(message=f"{card.key} is the default now.", row=card)


def _add_rate(request: HttpRequest, row: RateCard, given: dict[str, Any]) -> Done:
    at = now()
    effective_from = given.pop("effective_from") or at
    rate = catalogue.add_rate(rate_card=row, at=at, effective_from=effective_from, **given)
    return Done(message=f"Added the rate {rate}.", row=rate)


ADD_RATE: Final = Operation(
    name="add-rate",
    label="Add a rate",
    explanation="Prices usage that happens from the given time on and is received after this. "
    "What has been posted keeps its price.",
    permission="billing.add_rate",
    form=RateForm,
    run=_add_rate,
)
MAKE_DEFAULT: Final = Operation(
    name="make-default",
    label="Make it the default",
    explanation="Customers without a rate card of their own or of a parent are priced by it.",
    permission="billing.change_ratecard",
    run=_make_default,
    applies=lambda row: not row.is_default,
)


@admin.register(RateCard)
class RateCardAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a rate card",
        explanation="A set of prices in one currency or credit.",
        permission="billing.add_ratecard",
        form=CardForm,
        run=_create,
    )
    fields = ("key", "name", "book", "asset", "is_default", "created")
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "name", "book", "asset", "default")
    list_filter = (BookFilter,)
    list_select_related = ("book", "asset")
    operations = (ADD_RATE, MAKE_DEFAULT)
    search_fields = ("key__istartswith", "name__icontains")

    def get_queryset(self, request: HttpRequest) -> Any:
        return RateCard.objects.select_related("asset", "book")

    def panels(self, request: HttpRequest, obj: RateCard) -> dict[str, Any]:
        found = obj.rates.select_related("meter").order_by("meter__key", "-effective_from", "-pk")
        base = Asset.objects.filter(code=obj.book.base_currency).first()
        rows = [
            (
                link(rate, f"rate {rate.pk}"),
                link(rate.meter),
                matched(rate),
                amount(rate.unit_price, obj.asset),
                amount(rate.unit_cost, base),
                rate.provider,
                instant(rate.effective_from),
            )
            for rate in found[:_RATES]
        ]
        columns = (
            "Rate", "Meter", "For", number("Price per unit"), number("Cost per unit"), "Provider",
            "From",
        )  # fmt: skip
        return {"tables": [Table(title="Rates", columns=columns, rows=rows)]}

    @admin.display(description="")
    def default(self, row: RateCard) -> SafeString | str:
        return badge("default", "good") if row.is_default else ""

    @admin.display(description="created")
    def created(self, row: RateCard) -> SafeString:
        return instant(row.created_at)


@admin.register(Rate)
class RateAdmin(Listing):
    fields = (
        "card", "meter_link", "matched", "model", "price", "cost", "provider", "since", "created",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("id", "card", "meter_link", "matched", "price", "cost", "provider", "since")
    list_filter = ("model",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return Rate.objects.filter(rate_card__isnull=False).select_related(
            "rate_card", "asset", "meter__book"
        )

    @admin.display(description="rate card")
    def card(self, row: Rate) -> SafeString:
        return link(row.rate_card)

    @admin.display(description="meter")
    def meter_link(self, row: Rate) -> SafeString:
        return link(row.meter)

    @admin.display(description="for")
    def matched(self, row: Rate) -> str | SafeString:
        return matched(row)

    @admin.display(description="price per unit")
    def price(self, row: Rate) -> SafeString:
        return amount(row.unit_price, row.asset)

    @admin.display(description="cost per unit")
    def cost(self, row: Rate) -> SafeString:
        if row.unit_cost is None:
            return NOTHING
        return amount(row.unit_cost, Asset(code=row.meter.book.base_currency))

    @admin.display(description="from")
    def since(self, row: Rate) -> SafeString:
        return instant(row.effective_from)

    @admin.display(description="added")
    def created(self, row: Rate) -> SafeString:
        return instant(row.created_at)


def matched(rate: Rate) -> str | SafeString:
    """Say which usage a rate is for."""
    return ", ".join(f"{name} = {value}" for name, value in rate.match.items()) or NOTHING
