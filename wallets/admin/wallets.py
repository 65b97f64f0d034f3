"""Wallets with their grants; credit is issued here."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin.base import CustomersBookFilter, Listing
from ledger.admin.display import amount, badge, instant, link
from ledger.admin.fields import AssetField, CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from wallets import grants, issuing, summary
from wallets.admin import figures, states
from wallets.models import CreditGrant, Wallet

_GRANTS: Final = 100


class WalletForm(OperationForm):
    customer = CustomerField()
    asset = AssetField()
    key = forms.CharField(max_length=200)
    name = forms.CharField(max_length=200, required=False)
    is_shared = forms.BooleanField(
        required=False,
        label="Shared",
        help_text="Also pays for what the customer's descendants use.",
    )


class GrantForm(OperationForm):
    key = forms.CharField(
        max_length=200, help_text="Your own reference; the same key issues the grant only once."
    )
    amount = forms.DecimalField(max_digits=38, decimal_places=12)
    funding = forms.ChoiceField(choices=CreditGrant.Funding.choices)
    priority = forms.IntegerField(
        initial=100, min_value=0, max_value=issuing.MAX_PRIORITY, help_text="Low burns first."
    )
    effective_at = InstantField(label="Effective (UTC)", required=False, help_text="Empty is now.")
    expires_at = InstantField(label="Expires (UTC)", required=False, help_text="Empty is never.")
    features = forms.CharField(
        required=False, help_text="Keys of the features it pays for, with commas; empty is all."
    )
    cost_basis = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=38,
        decimal_places=issuing.COST_SCALE,
        help_text="Money paid per unit, in the book's base currency.",
    )
    name = forms.CharField(max_length=200, required=False)

    def prepare(self) -> None:
        self.fields["key"].initial = f"admin-{uuid4().hex[:12]}"
        self.fields["amount"].help_text = f"In {self.row.asset.code}."

    def clean_features(self) -> list[str]:
        return [key.strip() for key in self.cleaned_data["features"].split(",") if key.strip()]


def _open(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    wallet = grants.open_wallet(at=now(), **given)
    return Done(message=f"Opened {wallet}.", row=wallet)


def _issue(request: HttpRequest, row: Wallet, given: dict[str, Any]) -> Done:
    features = given.pop("features")
    grant = grants.issue(wallet=row, at=now(), feature_keys=features, **given)
    return Done(message=f"Issued {grant.key}.", row=grant)


ISSUE: Final = Operation(
    name="issue",
    label="Issue a grant",
    explanation="Puts a block of credit into the wallet. Paid credit is taken from clearing, "
    "promotional credit is an expense. It first covers what the customer has overdrawn.",
    permission="wallets.add_creditgrant",
    form=GrantForm,
    run=_issue,
)


@admin.register(Wallet)
class WalletAdmin(Listing):
    adding = Operation(
        name="add",
        label="Open a wallet",
        explanation="Prepaid credit of a customer in one asset.",
        permission="wallets.add_wallet",
        form=WalletForm,
        run=_open,
    )
    fields = ("customer_link", "key", "name", "asset", "is_shared", "created")
    readonly_fields = fields
    list_display = (
        "key",
        "customer_link",
        "shared",
        "granted",
        "used",
        "gone",
        "held",
        "available",
    )
    list_filter = (CustomersBookFilter, "is_shared")
    list_select_related = ("customer", "asset")
    operations = (ISSUE,)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the wallet's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Wallet.objects.select_related("customer", "asset")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="customer"), False

    def enrich(self, rows: list[Any]) -> None:
        found = summary.of_wallets([row.pk for row in rows], at=now())
        for row in rows:
            row.figures = found[row.pk]

    def panels(self, request: HttpRequest, obj: Wallet) -> dict[str, Any]:
        at = now()
        whole = summary.of_wallets([obj.pk], at=at)[obj.pk]
        lots = list(obj.grants.order_by("-pk")[: _GRANTS + 1])
        found = summary.of_grants([lot.pk for lot in lots], at=at)
        rows = [
            (
                link(lot, lot.key),
                states.badge_of(lot, at),
                lot.priority,
                instant(lot.expires_at),
                *figures.cells(found[lot.pk], obj.asset),
            )
            for lot in lots[:_GRANTS]
        ]
        table = Table(
            title="Grants, the newest first",
            columns=("Grant", "State", number("Priority"), "Expires", *figures.columns()),
            rows=rows,
            footer=("All grants", "", "", "", *figures.cells(whole, obj.asset)),
            hint=f"Only the newest {_GRANTS} are shown." if len(lots) > _GRANTS else "",
            empty="No credit has been granted.",
        )
        return {"tables": [table]}

    @admin.display(description="customer")
    def customer_link(self, row: Wallet) -> SafeString:
        return link(row.customer)

    @admin.display(description="created")
    def created(self, row: Wallet) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="")
    def shared(self, row: Wallet) -> SafeString | str:
        return badge("shared") if row.is_shared else ""

    @admin.display(description="granted")
    def granted(self, row: Any) -> SafeString:
        return amount(row.figures.granted, row.asset)

    @admin.display(description="used")
    def used(self, row: Any) -> SafeString:
        return amount(row.figures.used, row.asset)

    @admin.display(description="expired, voided")
    def gone(self, row: Any) -> SafeString:
        return amount(row.figures.expired + row.figures.voided, row.asset)

    @admin.display(description="held")
    def held(self, row: Any) -> SafeString:
        return amount(row.figures.held, row.asset)

    @admin.display(description="available")
    def available(self, row: Any) -> SafeString:
        return amount(row.figures.available, row.asset)
