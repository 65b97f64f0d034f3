"""Credit grants: what became of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin import sources
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, instant, link
from ledger.admin.tables import Table, number
from ledger.ids import LINES
from ledger.models import Transaction
from wallets import issuing, summary
from wallets.admin import changes, figures, states
from wallets.admin.grant_operations import ADJUST, TRANSFER, VOID
from wallets.admin.states import time_of
from wallets.models import CreditGrant

_PARTS: Final = 50


class GrantsBookFilter(BookFilter):
    path = "wallet__customer__book_id"


class LifeFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Not expired or voided"), ("voided", "Voided"), ("expired", "Expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "open":
                alive = queryset.filter(voided_at=None, expired_at=None)
                return alive.exclude(expires_at__lte=now())
            case "voided":
                return queryset.exclude(voided_at=None)
            case "expired":
                return queryset.filter(voided_at=None, expires_at__lte=now())
        return queryset


@admin.register(CreditGrant)
class CreditGrantAdmin(Listing):
    fields = (
        ("key", "name", "wallet_link"),
        ("amount_shown", "funding", "state"),
        ("effective", "expires", "voided"),
        ("priority", "features", "cost"),
        ("parent_link", "account_link", "posting"),
        "reason",
    )
    readonly_fields = (
        "key", "name", "wallet_link", "amount_shown", "funding", "state", "priority", "effective",
        "expires", "voided", "features", "cost", "parent_link", "reason", "account_link", "posting",
    )  # fmt: skip
    list_display = (
        "key", "wallet_link", "asset", "state", "expires",
        "granted", "used", "expired", "held", "available",
    )  # fmt: skip
    list_filter = (GrantsBookFilter, LifeFilter, "funding")
    operations = (ADJUST, TRANSFER, VOID)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the grant's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return CreditGrant.objects.select_related(
            "wallet__customer__book",
            "wallet__customer__clock",
            "wallet__asset",
            "account",
            "parent",
        )

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="wallet__customer"), False

    def enrich(self, rows: list[Any]) -> None:
        found = states.read_by_time(
            rows,
            lambda row: row.wallet.customer,
            lambda numbers, at: summary.of_grants(numbers, at=at),
        )
        for row in rows:
            row.figures = found[row.pk]

    def panels(self, request: HttpRequest, obj: CreditGrant) -> dict[str, Any]:
        at = time_of(obj.wallet.customer)
        found = summary.of_grants([obj.pk], at=at)[obj.pk]
        table = Table(
            title="What became of it",
            columns=figures.columns(),
            rows=[figures.cells(found, obj.wallet.asset)],
        )
        account = reverse("admin:ledger_account_change", args=[obj.account_id])
        return {
            "figures": list(
                changes.waiting(obj.wallet.customer.book, Q(arguments__grant=str(obj.pk)))
            ),
            "tables": [table, *_parts(obj, at)],
            "links": [(f"{account}?period=all", "Every line of it")],
        }

    @admin.display(description="wallet")
    def wallet_link(self, row: CreditGrant) -> SafeString:
        return link(row.wallet)

    @admin.display(description="asset")
    def asset(self, row: CreditGrant) -> str:
        return row.wallet.asset.code

    @admin.display(description="ledger account")
    def account_link(self, row: CreditGrant) -> SafeString:
        return link(row.account)

    @admin.display(description="issued by")
    def posting(self, row: CreditGrant) -> SafeString:
        key = issuing.posting_key(row.pk)
        book_id = row.wallet.customer.book_id
        return link(Transaction.objects.filter(book_id=book_id, key=key).first())

    @admin.display(description="state")
    def state(self, row: CreditGrant) -> SafeString:
        return states.badge_of(row, time_of(row.wallet.customer))

    @admin.display(description="part of")
    def parent_link(self, row: CreditGrant) -> SafeString:
        return link(row.parent, row.parent.key) if row.parent else NOTHING

    @admin.display(description="features")
    def features(self, row: CreditGrant) -> str:
        return ", ".join(row.feature_keys) or "all"

    @admin.display(description="cost basis")
    def cost(self, row: CreditGrant) -> SafeString:
        return amount(row.cost_basis)

    @admin.display(description="amount")
    def amount_shown(self, row: CreditGrant) -> SafeString:
        return amount(row.amount, row.wallet.asset)

    @admin.display(description="effective")
    def effective(self, row: CreditGrant) -> SafeString:
        return instant(row.effective_at)

    @admin.display(description="expires")
    def expires(self, row: CreditGrant) -> SafeString:
        return instant(row.expires_at)

    @admin.display(description="voided")
    def voided(self, row: CreditGrant) -> SafeString:
        return instant(row.voided_at)

    @admin.display(description="granted")
    def granted(self, row: Any) -> SafeString:
        return amount(row.figures.granted, row.wallet.asset, is_named=False)

    @admin.display(description="used")
    def used(self, row: Any) -> SafeString:
        return amount(row.figures.used, row.wallet.asset, is_named=False)

    @admin.display(description="expired")
    def expired(self, row: Any) -> SafeString:
        return amount(row.figures.expired, row.wallet.asset, is_named=False)

    @admin.display(description="held")
    def held(self, row: Any) -> SafeString:
        return amount(row.figures.held, row.wallet.asset, is_named=False)

    @admin.display(description="available")
    def available(self, row: Any) -> SafeString:
        return amount(row.figures.available, row.wallet.asset, is_named=False)


def _parts(grant: CreditGrant, at: datetime) -> list[Table]:
    """Show what was added to it, taken from it or moved elsewhere."""
    parts = list(grant.children.select_related("wallet__customer").order_by("-pk")[:_PARTS])
    if not parts:
        return []
    rows = [
        (
            link(part, part.key),
            link(part.wallet),
            states.badge_of(part, at),
            amount(part.amount, grant.wallet.asset),
            part.reason,
            instant(part.created_at),
        )
        for part in parts
    ]
    columns = ("Grant", "Wallet", "State", number("Amount"), "Reason", "Made")
    return [Table(title="Its parts, the newest first", columns=columns, rows=rows)]


@sources.register
def _grant_links(source_ids: Collection[int]) -> Mapping[int, SafeString]:
    # Grants are numbered one by one; ids with the time in them are others'.
    ours = [source_id for source_id in source_ids if source_id < LINES << 8]
    found = CreditGrant.objects.filter(pk__in=ours) if ours else CreditGrant.objects.none()
    return {grant.pk: link(grant, f"grant {grant.key}") for grant in found}
