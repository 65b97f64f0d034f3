"""Wallets: what is in each, and what may be done with it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin.base import CustomersBookFilter, Listing
from ledger.admin.display import amount, badge, instant, link
from ledger.money import add
from wallets import summary
from wallets.admin import states, wallet_page
from wallets.admin.alerts import ALERT
from wallets.admin.recharge import RECHARGE
from wallets.admin.schedules import SCHEDULE
from wallets.admin.shares import SHARE
from wallets.admin.topups import REQUEST
from wallets.admin.wallet_operations import ISSUE, OPEN, TRANSFER
from wallets.models import Wallet


@admin.register(Wallet)
class WalletAdmin(Listing):
    adding = OPEN
    fields = (
        ("customer_link", "key", "name"),
        ("asset", "is_shared", "after_expiry"),
        ("origin", "created"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = (
        "key", "customer_link", "asset_code", "granted", "used", "gone", "held", "available",
        "shared",
    )  # fmt: skip
    list_filter = (CustomersBookFilter, "is_shared")
    operations = (ISSUE, TRANSFER, REQUEST, SCHEDULE, RECHARGE, ALERT, SHARE)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the wallet's key"

    class Media:
        css = {"all": ["wallets/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        return Wallet.objects.select_related("customer__book", "customer__clock", "asset")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="customer"), False

    def enrich(self, rows: list[Any]) -> None:
        found = states.read_by_time(
            rows,
            lambda row: row.customer,
            lambda numbers, at: summary.of_wallets(numbers, at=at),
        )
        for row in rows:
            row.figures = found[row.pk]

    def panels(self, request: HttpRequest, obj: Wallet) -> dict[str, Any]:
        return wallet_page.panels(request, obj)

    @admin.display(description="customer")
    def customer_link(self, row: Wallet) -> SafeString:
        return link(row.customer)

    @admin.display(description="asset")
    def asset_code(self, row: Wallet) -> str:
        return row.asset.code

    @admin.display(description="created")
    def created(self, row: Wallet) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="")
    def shared(self, row: Wallet) -> SafeString | str:
        return badge("shared") if row.is_shared else ""

    @admin.display(description="granted")
    def granted(self, row: Any) -> SafeString:
        return amount(row.figures.granted, row.asset, is_named=False)

    @admin.display(description="used")
    def used(self, row: Any) -> SafeString:
        return amount(row.figures.used, row.asset, is_named=False)

    @admin.display(description="expired, voided")
    def gone(self, row: Any) -> SafeString:
        lost = add(row.figures.expired, row.figures.voided)
        return amount(lost, row.asset, is_named=False)

    @admin.display(description="held")
    def held(self, row: Any) -> SafeString:
        return amount(row.figures.held, row.asset, is_named=False)

    @admin.display(description="available")
    def available(self, row: Any) -> SafeString:
        return amount(row.figures.available, row.asset, is_named=False)
