"""The price book of models: what is published, what a book has agreed, what has no price."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.costs import overrides, tokens
from billing.models import CostPrice, UnknownModel
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, instant, url
from ledger.admin.fields import BookField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import Asset
from ledger.money import WIDE

_MILLION: Final = 6  # places from a token to a million of them


class PerMillion(forms.DecimalField):
    """A price as providers write it, for a million tokens; read as the price of one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_digits=20, decimal_places=6, **options)

    def clean(self, value: Any) -> Decimal | None:
        read: Decimal | None = super().clean(value)
        return None if read is None else read.scaleb(-_MILLION, WIDE)


class PricesForm(OperationForm):
    input = PerMillion(label="Input, per million tokens")
    output = PerMillion(label="Output, per million tokens")
    cache_read = PerMillion(
        label="Cache read, per million tokens", required=False, help_text="Empty: as input."
    )
    cache_write = PerMillion(
        label="Cache write, per million tokens", required=False, help_text="Empty: as input."
    )
    reasoning = PerMillion(
        label="Reasoning, per million tokens", required=False, help_text="Empty: as output."
    )
    effective_from = InstantField(label="From (UTC)")
    effective_to = InstantField(label="Until (UTC)", required=False, help_text="Empty: for good.")
    note = forms.CharField(max_length=1000, required=False)


class OverrideForm(PricesForm):
    field_order = ("book", "provider", "model_id", "model_name")

    book = BookField(help_text="Its base currency is what the prices are in.")
    provider = forms.CharField(max_length=100)
    model_id = forms.CharField(max_length=200, label="Model")
    model_name = forms.CharField(max_length=256, required=False)


class UnknownForm(PricesForm):
    field_order = ("provider", "model_id")

    provider = forms.CharField(max_length=100)
    model_id = forms.CharField(max_length=200, label="Model")

    def prepare(self) -> None:
        self.initial = {
            "provider": self.row.provider,
            "model_id": self.row.model,
            "effective_from": self.row.first_seen_at,
        }


def _create(request: HttpRequest, row: UnknownModel | None, given: dict[str, Any]) -> Done:
    prices = {kind: given.pop(kind) for kind in tokens.TYPES}
    book = given.pop("book") if row is None else row.book
    made = overrides.create(
        book=book,
        model=given.pop("model_id"),
        prices=prices,
        currency=book.base_currency,
        at=now(),
        **given,
    )
    return Done(message=f"{made} has a price of its own now.", row=made)


def _remove(request: HttpRequest, row: CostPrice, given: dict[str, Any]) -> Done:
    removed = overrides.remove(override=row, at=now())
    return Done(message=f"The override of {removed} is withdrawn.", row=removed)


_EXPLANATION: Final = (
    "Prices usage that happens from the given time on and is received after this, instead of what"
    " is published. What has been posted keeps its cost."
)
REMOVE: Final = Operation(
    name="remove",
    label="Withdraw",
    explanation="What is received from now on is not priced by it. What has been posted keeps its"
    " cost.",
    permission="billing.change_costprice",
    run=_remove,
    applies=lambda row: row.book_id is not None and row.removed_at is None,
    is_grave=True,
)
PRICE: Final = Operation(
    name="price",
    label="Give it a price",
    explanation=_EXPLANATION,
    permission="billing.add_costprice",
    form=UnknownForm,
    run=_create,
)


class OriginFilter(admin.SimpleListFilter):
    title = "origin"
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("system", "Published"), ("manual", "Overrides")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(source=self.value()) if self.value() else queryset


class TimeFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("now", "In force now"),
            ("past", "Past"),
            ("coming", "Coming"),
            ("withdrawn", "Withdrawn"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        at = now()
        match self.value():
            case "now":
                return queryset.filter(holding(at))
            case "past":
                return queryset.filter(effective_to__lte=at, removed_at=None)
            case "coming":
                return queryset.filter(effective_from__gt=at, removed_at=None)
            case "withdrawn":
                return queryset.exclude(removed_at=None)
        return queryset


def holding(at: datetime) -> Q:
    """Return the condition of prices that hold at an instant."""
    lasts = Q(effective_to=None) | Q(effective_to__gt=at)
    return lasts & Q(effective_from__lte=at, removed_at=None)


@admin.register(CostPrice)
class CostPriceAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add an override",
        explanation=_EXPLANATION,
        permission="billing.add_costprice",
        form=OverrideForm,
        run=_create,
    )
    fields = (
        "provider", "provider_name", "model", "model_name", "origin", "book", "input", "output",
        "cache_read", "cache_write", "reasoning", "since", "until", "state", "note", "created",
    )  # fmt: skip
    readonly_fields = fields
    keyset = ("provider", "model", "pk")
    list_display = (
        "model", "provider", "input", "output", "cache_read", "cache_write", "reasoning", "origin",
        "since", "until", "state",
    )  # fmt: skip
    list_filter = (OriginFilter, TimeFilter, BookFilter)
    list_select_related = ("book",)
    operations = (REMOVE,)
    search_fields = ("provider", "model")
    search_help_text = "Part of a provider or model; a date as 2026-03-12 shows what held then"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CostPrice], search_term: str
    ) -> tuple[Any, bool]:
        for word in search_term.replace("\0", "").split():
            if (at := _date(word)) is not None:
                queryset = queryset.filter(holding(at))
            else:
                named = Q(model__icontains=word) | Q(model_name__icontains=word)
                queryset = queryset.filter(named | Q(provider__icontains=word))
        return queryset, False

    @admin.display(description="origin")
    def origin(self, row: CostPrice) -> SafeString | str:
        if row.book is not None:
            return badge(f"override of {row.book.key}", "warn")
        return f"genai-prices {row.release}"

    @admin.display(description="input, per million")
    def input(self, row: CostPrice) -> SafeString:
        return _per_million(row, tokens.INPUT)

    @admin.display(description="output")
    def output(self, row: CostPrice) -> SafeString:
        return _per_million(row, tokens.OUTPUT)

    @admin.display(description="cache read")
    def cache_read(self, row: CostPrice) -> SafeString:
        return _per_million(row, tokens.CACHE_READ)

    @admin.display(description="cache write")
    def cache_write(self, row: CostPrice) -> SafeString:
        return _per_million(row, tokens.CACHE_WRITE)

    @admin.display(description="reasoning")
    def reasoning(self, row: CostPrice) -> SafeString:
        return _per_million(row, tokens.REASONING)

    @admin.display(description="from")
    def since(self, row: CostPrice) -> SafeString:
        return instant(row.effective_from)

    @admin.display(description="until")
    def until(self, row: CostPrice) -> SafeString:
        return instant(row.effective_to)

    @admin.display(description="state")
    def state(self, row: CostPrice) -> SafeString:
        at = now()
        if row.removed_at is not None:
            return badge("withdrawn")
        if row.effective_from > at:
            return badge("coming")
        is_past = row.effective_to is not None and row.effective_to <= at
        return badge("past") if is_past else badge("in force", "good")

    @admin.display(description="recorded")
    def created(self, row: CostPrice) -> SafeString:
        return instant(row.created_at)


@admin.register(UnknownModel)
class UnknownModelAdmin(Listing):
    fields = ("provider", "model", "token_type", "book", "events", "units", "first", "last")
    readonly_fields = fields
    list_display = ("model", "provider", "token_type", "events", "units", "first", "last", "price")
    list_filter = (BookFilter,)
    list_select_related = ("book",)
    operations = (PRICE,)
    search_fields = ("provider__icontains", "model__icontains")

    @admin.display(description="first seen")
    def first(self, row: UnknownModel) -> SafeString:
        return instant(row.first_seen_at)

    @admin.display(description="last seen")
    def last(self, row: UnknownModel) -> SafeString:
        return instant(row.last_seen_at)

    @admin.display(description="")
    def price(self, row: UnknownModel) -> SafeString:
        address = url(row, PRICE.name, row.pk)
        return format_html('<a href="{}">{}</a>', address, PRICE.label)


def _per_million(row: CostPrice, kind: str) -> SafeString:
    price: Decimal | None = getattr(row, tokens.COLUMNS[kind])
    if price is None:
        return NOTHING
    asset = Asset(code=row.currency, kind=Asset.Kind.CURRENCY)
    return amount(price.scaleb(_MILLION, WIDE), asset)


def _date(word: str) -> datetime | None:
    try:
        return datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
