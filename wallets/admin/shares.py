"""Shares of shared wallets: how much one descendant may use per period."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin.base import Listing
from ledger.admin.display import amount, badge, instant, link
from ledger.admin.fields import CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from wallets import shares
from wallets.admin.schedules import WalletsBookFilter
from wallets.admin.states import owners, time_of
from wallets.models import Wallet, WalletShare

_PERIODS: Final = 24


class ShareForm(OperationForm):
    customer = CustomerField(help_text="The key of a customer below the wallet's.")
    amount = forms.DecimalField(max_digits=38, decimal_places=12, min_value=0)
    cadence = forms.CharField(
        max_length=40, label="Every", initial="P1M", help_text="ISO 8601: P1M, P1W, P1D, PT1H, …"
    )
    anchor = InstantField(
        label="Counted from (UTC)", required=False, help_text="Empty is when it begins."
    )
    time_zone = forms.CharField(max_length=64, required=False, help_text="The book's, if empty.")

    def prepare(self) -> None:
        self.fields["amount"].help_text = f"In {self.row.asset.code}, per period."


def _give(request: HttpRequest, row: Wallet, given: dict[str, Any]) -> Done:
    share = shares.give(wallet=row, at=time_of(row.customer), **given)
    return Done(message=f"{given['customer']} has a share of {row}.", row=share)


def _end(request: HttpRequest, row: WalletShare, given: dict[str, Any]) -> Done:
    ended = shares.end(share=row, at=time_of(row.wallet.customer))
    return Done(message=f"{row.customer} may use all of {row.wallet} again.", row=ended)


SHARE: Final = Operation(
    name="share",
    label="Give a share",
    explanation="So much of it one customer below may use per period, from now on. A share it has"
    " already is changed if the periods stay, or else ends.",
    permission="wallets.add_walletshare",
    form=ShareForm,
    run=_give,
    applies=lambda row: row.is_shared,
)
END: Final = Operation(
    name="end",
    label="End",
    explanation="The customer may use all of the shared wallet again.",
    permission="wallets.change_walletshare",
    run=_end,
    applies=lambda row: row.ended_at is None,
    is_grave=True,
)


@admin.register(WalletShare)
class WalletShareAdmin(Listing):
    fields = (
        ("customer_link", "wallet_link", "state"),
        ("amount_shown", "cadence", "anchored"),
        ("time_zone", "created", "ended"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("customer_link", "wallet_link", "amount_shown", "cadence", "state", "created")
    list_display_links = ("amount_shown",)
    list_filter = (WalletsBookFilter,)
    operations = (END,)
    search_fields = ("customer__key",)
    search_help_text = "Key of the customer who has the share, or its beginning"

    def get_queryset(self, request: HttpRequest) -> Any:
        return WalletShare.objects.select_related(
            "wallet__asset", "wallet__customer__clock", "customer"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        found = queryset.filter(customer__in=owners(search_term)) if search_term else queryset
        return found, False

    def panels(self, request: HttpRequest, obj: WalletShare) -> dict[str, Any]:
        asset = obj.wallet.asset
        rows = [
            (instant(use.starts_at), amount(use.used, asset), amount(use.held, asset))
            for use in obj.uses.order_by("-starts_at")[:_PERIODS]
        ]
        table = Table(
            title="What was taken of it, the newest period first",
            columns=("From", number("Used"), number("Held")),
            rows=rows,
            empty="Nothing was taken of it yet.",
        )
        return {"tables": [table]}

    @admin.display(description="customer")
    def customer_link(self, row: WalletShare) -> SafeString:
        return link(row.customer)

    @admin.display(description="wallet")
    def wallet_link(self, row: WalletShare) -> SafeString:
        return link(row.wallet)

    @admin.display(description="state")
    def state(self, row: WalletShare) -> SafeString:
        return badge("in force", "good") if row.ended_at is None else badge("ended")

    @admin.display(description="per period")
    def amount_shown(self, row: WalletShare) -> SafeString:
        return amount(row.amount, row.wallet.asset)

    @admin.display(description="counted from")
    def anchored(self, row: WalletShare) -> SafeString:
        return instant(row.anchor)

    @admin.display(description="created")
    def created(self, row: WalletShare) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="ended")
    def ended(self, row: WalletShare) -> SafeString:
        return instant(row.ended_at)
