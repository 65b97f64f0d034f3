"""What a credit costs, per currency, from an instant on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import amount, instant
from ledger.admin.fields import AssetField, BookField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import Asset
from wallets import pricing
from wallets.models import CreditPrice


class PriceForm(OperationForm):
    book = BookField()
    asset = AssetField(Asset.Kind.CREDIT, label="Credit")
    currency = AssetField(Asset.Kind.CURRENCY)
    amount = forms.DecimalField(
        max_digits=38, decimal_places=12, min_value=0, help_text="Money for one credit."
    )
    effective_from = InstantField(label="From (UTC)", required=False, help_text="Empty is now.")


def _set(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    price = pricing.set_price(at=now(), **given)
    return Done(message=f"{price.asset} has a new price in {price.currency}.", row=price)


@admin.register(CreditPrice)
class CreditPriceAdmin(Listing):
    adding = Operation(
        name="add",
        label="Set a price",
        explanation="Holds from its instant on; what has been bought keeps its price.",
        permission="wallets.add_creditprice",
        form=PriceForm,
        run=_set,
    )
    fields = ("book", "asset", "price", "since", "created")
    readonly_fields = fields
    list_display = ("asset", "price", "since", "book")
    list_filter = (BookFilter,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return CreditPrice.objects.select_related("book", "asset", "currency")

    @admin.display(description="price of one")
    def price(self, row: CreditPrice) -> SafeString:
        return amount(row.amount, row.currency)

    @admin.display(description="from")
    def since(self, row: CreditPrice) -> SafeString:
        return instant(row.effective_from)

    @admin.display(description="set")
    def created(self, row: CreditPrice) -> SafeString:
        return instant(row.created_at)
