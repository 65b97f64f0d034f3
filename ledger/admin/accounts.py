"""Accounts: what they hold, and every line behind it, as a T-account with running balance."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger import balances, chart
from ledger.admin import t_account
from ledger.admin.base import BookFilter, Listing, row_number
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.models import Account, Customer

_MOST_OWNERS: Final = 200


class OwnerFilter(admin.SimpleListFilter):
    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("customer", "Customers"), ("house", "The book itself")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = {"customer": False, "house": True}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(customer__isnull=wanted)


class PurposeFilter(admin.SimpleListFilter):
    title = "purpose"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(purpose, purpose.replace("_", " ")) for purpose in chart.PURPOSES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(purpose=self.value()) if self.value() else queryset


@admin.register(Account)
class AccountAdmin(Listing):
    fields = (
        "id", "book", "owner", "purpose", "discriminator", "type", "asset",
        "settled", "held", "available", "floor", "kept", "opened",
    )  # fmt: skip
    readonly_fields = fields
    list_display = ("name", "owner", "settled", "held", "available", "id")
    list_display_links = ("name", "id")
    list_filter = (BookFilter, OwnerFilter, PurposeFilter, "type")
    list_select_related = ("asset", "customer")
    search_fields = ("purpose",)
    search_help_text = "Customer's key or its beginning, purpose, or account number"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return Account.objects.select_related("asset", "customer", "book", "balance")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        owners = Customer.objects.filter(key__istartswith=search_term).values_list("pk", flat=True)
        wanted = Q(customer__in=list(owners[:_MOST_OWNERS])) | Q(purpose=search_term)
        if (number := row_number(search_term)) is not None:
            wanted |= Q(pk=number)
        return queryset.filter(wanted), False

    def enrich(self, rows: list[Any]) -> None:
        held = balances.now([row.pk for row in rows])
        for row in rows:
            row.now = held[row.pk]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.enrich([row])
        return row

    def panels(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return t_account.panels(request, obj)

    @admin.display(description="account")
    def name(self, row: Any) -> str:
        return ":".join(part for part in (row.purpose, row.discriminator) if part)

    @admin.display(description="owner")
    def owner(self, row: Any) -> SafeString:
        return link(row.customer) if row.customer else badge("house")

    @admin.display(description="settled")
    def settled(self, row: Any) -> SafeString:
        return amount(row.now.settled, row.asset)

    @admin.display(description="held")
    def held(self, row: Any) -> SafeString:
        return amount(row.now.held, row.asset) if row.now.held else NOTHING

    @admin.display(description="available")
    def available(self, row: Any) -> SafeString:
        return amount(row.now.available, row.asset)

    @admin.display(description="lower bound")
    def floor(self, row: Any) -> SafeString:
        return amount(row.now.floor, row.asset)

    @admin.display(description="balance")
    def kept(self, row: Any) -> str:
        return "guarded: moved under lock" if row.balance.is_guarded else "summed from deltas"

    @admin.display(description="opened")
    def opened(self, row: Any) -> SafeString:
        return instant(row.opened_at)
