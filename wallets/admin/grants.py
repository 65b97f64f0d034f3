"""Credit grants: what became of each, and the way to void one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin import sources
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import amount, instant, link
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.ids import LINES
from ledger.models import Transaction
from wallets import grants, issuing, summary
from wallets.admin import figures, states
from wallets.models import CreditGrant


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


class VoidForm(OperationForm):
    reason = ReasonField()


def _void(request: HttpRequest, row: CreditGrant, given: dict[str, Any]) -> Done:
    reason = f"{given['reason']} ({cause_of(request)})"
    return Done(message=f"Voided {row.key}.", row=grants.void(grant=row, at=now(), reason=reason))


VOID: Final = Operation(
    name="void",
    label="Void",
    explanation="Returns what is unused to where it came from, for good; what was used stays used.",
    permission="wallets.void_creditgrant",
    form=VoidForm,
    run=_void,
    applies=lambda row: row.voided_at is None and row.expired_at is None,
    is_grave=True,
)


@admin.register(CreditGrant)
class CreditGrantAdmin(Listing):
    fields = (
        "key", "name", "wallet_link", "amount_shown", "funding", "state", "priority", "effective",
        "expires", "voided", "feature_keys", "cost_basis", "account_link", "posting",
    )  # fmt: skip
    readonly_fields = fields
    list_display = (
        "key", "wallet_link", "asset", "state", "expires",
        "granted", "used", "expired", "held", "available",
    )  # fmt: skip
    list_filter = (GrantsBookFilter, LifeFilter, "funding")
    operations = (VOID,)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the grant's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return CreditGrant.objects.select_related("wallet__customer", "wallet__asset", "account")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="wallet__customer"), False

    def enrich(self, rows: list[Any]) -> None:
        found = summary.of_grants([row.pk for row in rows], at=now())
        for row in rows:
            row.figures = found[row.pk]

    def panels(self, request: HttpRequest, obj: CreditGrant) -> dict[str, Any]:
        found = summary.of_grants([obj.pk], at=now())[obj.pk]
        table = Table(
            title="What became of it",
            columns=figures.columns(),
            rows=[figures.cells(found, obj.wallet.asset)],
        )
        account = reverse("admin:ledger_account_change", args=[obj.account_id])
        return {"tables": [table], "links": [(f"{account}?period=all", "Every line of it")]}

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
        return states.badge_of(row, now())

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


@sources.register
def _grant_links(source_ids: Collection[int]) -> Mapping[int, SafeString]:
    # Grants are numbered one by one; ids with the time in them are others'.
    ours = [source_id for source_id in source_ids if source_id < LINES << 8]
    found = CreditGrant.objects.filter(pk__in=ours) if ours else CreditGrant.objects.none()
    return {grant.pk: link(grant, f"grant {grant.key}") for grant in found}
