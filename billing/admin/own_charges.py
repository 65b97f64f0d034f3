"""What was charged beside usage; charging once, and adjusting what somebody owes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin.subscriptions import CHARGE_COLUMNS, charge_row
from billing.charging import adjusting, oneoffs
from billing.models import Charge
from ledger import clocks
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, amount, instant, link
from ledger.admin.fields import AssetField, CustomerField, InstantField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.models import Asset
from wallets.admin.fields import new_key


class ChargeForm(OperationForm):
    customer = CustomerField()
    key = forms.CharField(
        max_length=200, initial=new_key, help_text="Your own reference; it charges once."
    )
    kind = forms.ChoiceField(
        choices=[
            (Charge.Kind.ONE_OFF, "One-off charge"),
            (Charge.Kind.ADJUSTMENT, "Adjustment: more, or below zero less"),
        ]
    )
    name = forms.CharField(max_length=512, help_text="As it stands on the invoice.")
    asset = AssetField(Asset.Kind.CURRENCY, Asset.Kind.CREDIT, label="Currency")
    unit_price = forms.DecimalField(
        max_digits=38, decimal_places=12, label="Price", help_text="Of an adjustment: its amount."
    )
    quantity = forms.DecimalField(max_digits=38, decimal_places=12, initial=1)
    product = forms.CharField(
        max_length=200, required=False, help_text="What the revenue is reported under."
    )
    tax_code = forms.CharField(max_length=100, required=False)
    due_at = InstantField(
        label="Due (UTC)", required=False, help_text="Of a one-off charge; empty is now."
    )
    reason = ReasonField(required=False, help_text="Of an adjustment.")


def _charge(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    customer, kind = given["customer"], given.pop("kind")
    shared = {
        name: given[name] for name in ("customer", "key", "name", "asset", "product", "tax_code")
    }
    shared |= {"at": clocks.now_of(customer, now()), "by": cause_of(request)}
    if kind == Charge.Kind.ADJUSTMENT:
        made = adjusting.adjust(amount=given["unit_price"], reason=given["reason"], **shared)
    else:
        made = oneoffs.charge_once(
            unit_price=given["unit_price"],
            quantity=given["quantity"],
            due_at=given["due_at"],
            **shared,
        )
    return Done(message=f"Charged {made.name}.", row=made)


@admin.register(Charge)
class ChargeAdmin(Listing):
    adding = Operation(
        name="add",
        label="Charge once, or adjust",
        explanation="A one-off charge is owed and revenue when it is due. An adjustment changes "
        "what a customer owes, for a reason. Credit pays first, as for usage.",
        permission="billing.add_charge",
        form=ChargeForm,
        run=_charge,
    )
    fields = (
        ("customer_link", "shown_kind", "name"),
        ("charged", "quantity", "unit_price"),
        ("product", "tax_code", "key"),
        ("starts", "ends", "due", "scheduled"),
        ("reason", "cause"),
    )
    readonly_fields = (
        "customer_link", "shown_kind", "name", "charged", "quantity", "unit_price", "product",
        "tax_code", "key", "starts", "ends", "due", "scheduled", "reason", "cause",
    )  # fmt: skip
    list_display = ("name", "customer_link", "shown_kind", "charged", "due", "scheduled")
    list_filter = (BookFilter, "kind")
    search_fields = ("key__istartswith", "customer__key__istartswith")
    search_help_text = "Beginning of the charge's or customer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Charge.objects.select_related("customer", "asset")

    def panels(self, request: HttpRequest, obj: Charge) -> dict[str, Any]:
        rows = [charge_row(obj)]
        return {"tables": [Table(title="Postings", columns=CHARGE_COLUMNS, rows=rows)]}

    @admin.display(description="customer")
    def customer_link(self, row: Charge) -> SafeString:
        return link(row.customer)

    @admin.display(description="kind")
    def shown_kind(self, row: Charge) -> str:
        return row.get_kind_display()

    @admin.display(description="charged")
    def charged(self, row: Charge) -> SafeString:
        return amount(row.posted, row.asset)

    @admin.display(description="from")
    def starts(self, row: Charge) -> SafeString:
        return instant(row.starts_at)

    @admin.display(description="until")
    def ends(self, row: Charge) -> SafeString:
        return instant(row.ends_at)

    @admin.display(description="due")
    def due(self, row: Charge) -> SafeString:
        return instant(row.due_at)

    @admin.display(description="waits until")
    def scheduled(self, row: Charge) -> SafeString:
        return instant(row.scheduled_at) if row.scheduled_at else NOTHING
