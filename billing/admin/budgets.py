"""Budgets: how much may be spent per period, how far it has come, and who allowed more."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin import budget_operations, gauges, standings
from billing.admin.budget_operations import ACTIONS
from billing.admin.forms.limits import written_labels, written_percents
from billing.admin.standings import Standing
from billing.models import Budget
from ledger.admin import customers
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, instant, link, url
from ledger.admin.tables import Table, number
from ledger.models import Customer

_PERIODS: Final = 12
_APPROVALS: Final = 100
_WORDS: Final = {"good": "within", "warn": "warned", "bad": "reached"}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "In force"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "open":
                return queryset.filter(ended_at=None)
            case "ended":
                return queryset.exclude(ended_at=None)
        return queryset


@admin.register(Budget)
class BudgetAdmin(Listing):
    adding = budget_operations.ADD
    fields = (
        ("customer_link", "key", "name"),
        ("scope", "worth", "cadence"),
        ("does", "warns", "anchor_shown"),
        ("state", "created", "ended"),
    )
    readonly_fields = (
        "customer_link", "key", "name", "scope", "worth", "cadence", "does", "warns",
        "anchor_shown", "state", "created", "ended",
    )  # fmt: skip
    list_display = (
        "key", "customer_link", "scope", "cadence", "worth", "share", "held", "does", "state",
    )  # fmt: skip
    list_filter = (BookFilter, StateFilter, "action")
    operations = budget_operations.ALL
    search_fields = ("key__istartswith", "customer__key__istartswith")
    search_help_text = "Beginning of the budget's or customer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Budget.objects.select_related("book", "customer__clock", "asset")

    def enrich(self, rows: list[Any]) -> None:
        found = standings.of_budgets(rows, now())
        for row in rows:
            row.standing = found[row.pk]

    def panels(self, request: HttpRequest, obj: Budget) -> dict[str, Any]:
        periods = standings.history(obj, now(), most=_PERIODS)
        return {
            "drawing": gauges.history([one.level for one in periods], obj.asset),
            "drawing_title": f"Use over the last {len(periods)} periods",
            "drawing_note": "The strong line is the limit with what was approved, the broken ones "
            "are where it warns; the pale part of a bar is held.",
            "tables": [_periods(obj, periods), _approvals(obj)],
        }

    @admin.display(description="customer")
    def customer_link(self, row: Budget) -> SafeString:
        return link(row.customer)

    @admin.display(description="counts")
    def scope(self, row: Budget) -> str:
        labels = f" with {written_labels(row.labels)}" if row.labels else ""
        return f"{row.feature_key or 'everything'}{labels}"

    @admin.display(description="limit")
    def worth(self, row: Budget) -> SafeString:
        return amount(row.amount, row.asset)

    @admin.display(description="used")
    def share(self, row: Any) -> SafeString:
        level = row.standing.level
        return format_html("{} {}", gauges.gauge(level, row.asset), level.percent)

    @admin.display(description="held")
    def held(self, row: Any) -> SafeString:
        held = row.standing.use.held
        return amount(held, row.asset, is_named=False) if held else NOTHING

    @admin.display(description="at its end")
    def does(self, row: Budget) -> str:
        return ACTIONS[Budget.Action(row.action)]

    @admin.display(description="warns at")
    def warns(self, row: Budget) -> str | SafeString:
        return f"{written_percents(row.warn_at)} %" if row.warn_at else NOTHING

    @admin.display(description="counted from")
    def anchor_shown(self, row: Budget) -> SafeString:
        return format_html("{} in {}", instant(row.anchor), row.time_zone)

    @admin.display(description="state")
    def state(self, row: Any) -> SafeString:
        if row.ended_at is not None:
            return badge("ended")
        if not hasattr(row, "standing"):
            self.enrich([row])  # on its own page
        tone = row.standing.level.tone
        return badge(_WORDS[tone], tone)

    @admin.display(description="added")
    def created(self, row: Budget) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="ended")
    def ended(self, row: Budget) -> SafeString:
        return instant(row.ended_at)

    class Media:
        css = {"all": ["billing/admin.css", "billing/limits.css"]}


def _periods(row: Budget, periods: list[Standing]) -> Table:
    rows = [
        (
            instant(period.starts_at),
            instant(period.ends_at),
            amount(use.used, row.asset),
            amount(use.held, row.asset) if use.held else NOTHING,
            amount(use.extra, row.asset) if use.extra else NOTHING,
            amount(use.left(row.amount), row.asset),
            gauges.gauge(level, row.asset),
        )
        for period, use, level in reversed(periods)
    ]
    columns = (
        "From", "Until", number("Used"), number("Held"), number("Approved beyond"),
        number("Left"), "",
    )  # fmt: skip
    return Table(title="Periods, the latest first", columns=columns, rows=rows)


def _approvals(row: Budget) -> Table:
    found = list(row.approvals.all()[: _APPROVALS + 1])
    rows = [
        (
            instant(one.approved_at),
            instant(one.starts_at),
            amount(one.extra, row.asset),
            one.cause,
            one.reason or NOTHING,
            one.key,
        )
        for one in found[:_APPROVALS]
    ]
    return Table(
        title="Approved beyond it",
        columns=("When", "For the period from", number("More by"), "By", "Why", "Key"),
        rows=rows,
        hint=f"Only the newest {_APPROVALS}." if len(found) > _APPROVALS else "",
        empty="Nobody has allowed more.",
    )


def _of_customer(customer: Customer) -> str:
    return f"{url(Budget, 'changelist')}?customer__id__exact={customer.pk}"


customers.register_link("Budgets", _of_customer)
