"""Entitlements: who may use what, how much of it, and what is left."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin import entitlement_operations, gauges, standings
from billing.admin.gauges import Level
from billing.entitlements.rights import right_of
from billing.models import Entitlement
from ledger import clocks
from ledger.admin import customers
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, instant, link, url
from ledger.admin.tables import Table
from ledger.models import Customer
from ledger.money import ZERO
from wallets import summary
from wallets.admin import figures, states
from wallets.models import CreditGrant

_GRANTS: Final = 50
_SHOWN: Final = ("granted", "used", "expired", "voided", "held", "available")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Not over"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "open":
                return queryset.filter(Q(ends_at=None) | Q(ends_at__gt=now()))
            case "over":
                return queryset.filter(ends_at__lte=now())
        return queryset


class SourceFilter(admin.SimpleListFilter):
    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("hand", "By hand"), ("subscription", "A subscription")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "hand":
                return queryset.filter(item=None)
            case "subscription":
                return queryset.filter(item__isnull=False)
        return queryset


@admin.register(Entitlement)
class EntitlementAdmin(Listing):
    adding = entitlement_operations.GIVE
    fields = (
        ("customer_link", "feature_link", "kind"),
        ("worth", "share", "left"),
        ("usage_period", "resets", "preserves_overage"),
        ("starts", "ends", "state"),
        ("source", "wallet_link", "created"),
        "config",
    )
    readonly_fields = (
        "customer_link", "feature_link", "kind", "worth", "share", "left", "usage_period",
        "resets", "preserves_overage", "starts", "ends", "state", "source", "wallet_link",
        "created", "config",
    )  # fmt: skip
    list_display = (
        "title", "customer_link", "feature_link", "kind", "worth", "share", "left", "resets",
        "source", "state",
    )  # fmt: skip
    list_filter = (BookFilter, StateFilter, SourceFilter, "kind")
    operations = entitlement_operations.ALL
    search_fields = ("customer__key__istartswith", "feature__key__istartswith")
    search_help_text = "Beginning of the customer's or feature's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Entitlement.objects.select_related(
            "customer__clock", "customer__book", "feature__meter__unit", "item__subscription",
            "wallet__customer",
        )  # fmt: skip

    def enrich(self, rows: list[Any]) -> None:
        at = now()
        found = standings.of_allowances(rows, at)
        for row in rows:
            row.at = clocks.now_of(row.customer, at)
            row.figures = found.get(row.pk)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.enrich([row])
        return row

    def panels(self, request: HttpRequest, obj: Entitlement) -> dict[str, Any]:
        asked = {"book": obj.book_id, "customer": obj.customer.key, "feature": obj.feature.key}
        links = [(f"{reverse('admin:billing_ask')}?{urlencode(asked)}", "Ask whether it may")]
        return {"links": links, "tables": _tables(obj) if obj.limit is not None else []}

    @admin.display(description="no.")
    def title(self, row: Entitlement) -> str:
        return str(row.pk)

    @admin.display(description="customer")
    def customer_link(self, row: Entitlement) -> SafeString:
        return link(row.customer)

    @admin.display(description="feature")
    def feature_link(self, row: Entitlement) -> SafeString:
        return link(row.feature, row.feature.key)

    @admin.display(description="gives")
    def worth(self, row: Entitlement) -> SafeString | str:
        if row.kind == Entitlement.Kind.BOOLEAN:
            return "its use"
        if row.kind == Entitlement.Kind.STATIC:
            return "a configuration"
        if row.limit is None:
            return "units without end"
        meter = row.feature.meter
        shown = amount(row.limit, meter.unit if meter else None)
        per = f" per {row.usage_period}" if row.usage_period else ""
        return format_html("{}{}{}", shown, per, ", soft" if row.is_soft_limit else "")

    @admin.display(description="used")
    def share(self, row: Any) -> SafeString:
        found, meter = row.figures, row.feature.meter
        if found is None or meter is None:
            return NOTHING
        level = Level(label="", used=found.used, held=found.held, limit=found.granted)
        shown = amount(found.used, meter.unit, is_named=False)
        return format_html("{} {}", gauges.gauge(level, meter.unit), shown)

    @admin.display(description="left")
    def left(self, row: Any) -> SafeString:
        return NOTHING if row.figures is None else amount(row.figures.available)

    @admin.display(description="resets")
    def resets(self, row: Any) -> SafeString:
        if row.limit is None or not right_of(row).holds(row.at):
            return NOTHING
        return instant(right_of(row).resets_at(row.at))

    @admin.display(description="from")
    def source(self, row: Entitlement) -> SafeString | str:
        return "by hand" if row.item is None else link(row.item.subscription)

    @admin.display(description="state")
    def state(self, row: Any) -> SafeString:
        if row.starts_at > row.at:
            return badge("not yet")
        if not right_of(row).holds(row.at):
            return badge("over")
        is_used_up = row.figures is not None and row.figures.available <= ZERO
        return badge("used up", "warn") if is_used_up else badge("in force", "good")

    @admin.display(description="starts")
    def starts(self, row: Entitlement) -> SafeString:
        return instant(row.starts_at)

    @admin.display(description="ends")
    def ends(self, row: Entitlement) -> SafeString:
        return instant(row.ends_at)

    @admin.display(description="given")
    def created(self, row: Entitlement) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="wallet")
    def wallet_link(self, row: Entitlement) -> SafeString:
        return link(row.wallet)

    class Media:
        css = {"all": ["billing/admin.css", "billing/limits.css"]}


def _tables(row: Any) -> list[Table]:
    meter = row.feature.meter
    assert meter is not None, "only what a meter counts has a limit"
    restricted = Q(feature_keys=[]) | Q(feature_keys__contains=[row.feature.key])
    on_top = CreditGrant.objects.filter(
        restricted, wallet__customer=row.customer_id, wallet__asset=meter.unit_id, wallet__origin=""
    )
    own = CreditGrant.objects.filter(wallet=row.wallet_id) if row.wallet_id else on_top.none()
    both = [list(found.order_by("-pk")[: _GRANTS + 1]) for found in (own, on_top)]
    read = summary.of_grants([lot.pk for lots in both for lot in lots[:_GRANTS]], at=row.at)
    titles = ("Grants of the allowance, the latest first", "Units on top of it")
    empty = ("It has given nothing yet.", "None.")
    return [
        Table(
            title=titles[place],
            columns=("Grant", "State", "From", "Until", *figures.columns(_SHOWN), "Why"),
            rows=[
                (
                    link(lot, lot.key),
                    states.badge_of(lot, row.at),
                    instant(lot.effective_at),
                    instant(lot.expires_at),
                    *figures.cells(read[lot.pk], meter.unit, _SHOWN),
                    lot.reason or NOTHING,
                )
                for lot in lots[:_GRANTS]
            ],
            hint=f"Only the newest {_GRANTS}." if len(lots) > _GRANTS else "",
            empty=empty[place],
        )
        for place, lots in enumerate(both)
    ]


def _of_customer(customer: Customer) -> str:
    return f"{url(Entitlement, 'changelist')}?customer__id__exact={customer.pk}"


customers.register_link("Entitlements", _of_customer)
