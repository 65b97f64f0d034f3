"""Subscriptions: what is sold to whom, when it changes and why, and what it charged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin import subscription_operations, timelines
from billing.admin.forms import words
from billing.admin.timelines import Mark, Picture, Stretch
from billing.models import Charge, Subscription
from billing.subscriptions import changes, statuses
from billing.subscriptions.changes import Desk
from billing.subscriptions.timeline import Status
from ledger import clocks
from ledger.admin import customers
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, instant, link, url
from ledger.admin.tables import Table, number
from ledger.models import Customer, Transaction

_CHARGES: Final = 200
_TONES: Final = {
    Status.ACTIVE: "good",
    Status.PAUSED: "warn",
    Status.CANCELED: "warn",
    Status.SCHEDULED: "",
    Status.ENDED: "",
}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in Status]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        known = {state.value for state in Status}
        return statuses.in_state(queryset, value, now()) if value in known else queryset


@admin.register(Subscription)
class SubscriptionAdmin(Listing):
    adding = subscription_operations.CREATE
    fields = (
        ("customer_link", "plan", "status"),
        ("key", "name", "asset"),
        ("starts", "ends", "due"),
        ("cadence", "anchor", "time_zone"),
        ("settlement_mode", "proration"),
    )
    readonly_fields = (
        "customer_link", "plan", "status", "key", "name", "asset", "starts", "ends", "due",
        "cadence", "anchor", "time_zone", "settlement_mode", "proration",
    )  # fmt: skip
    list_display = ("key", "customer_link", "plan", "status", "starts", "ends", "due")
    list_filter = (BookFilter, StateFilter)
    operations = subscription_operations.ALL
    search_fields = ("key__istartswith", "customer__key__istartswith")
    search_help_text = "Beginning of the subscription's or customer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Subscription.objects.select_related(
            "book", "customer__clock", "plan_version__plan", "asset"
        )

    def enrich(self, rows: list[Any]) -> None:
        at = now()
        found = statuses.statuses(rows, lambda row: clocks.now_of(row.customer, at))
        for row in rows:
            row.state = found[row.pk]

    def panels(self, request: HttpRequest, obj: Subscription) -> dict[str, Any]:
        desk = changes.read(obj)
        return {
            "drawing": timelines.draw(_picture(obj, desk)),
            "drawing_title": "Timeline",
            "tables": [_items(obj, desk), _history(obj), _charges(obj), _redemptions(obj)],
        }

    @admin.display(description="customer")
    def customer_link(self, row: Subscription) -> SafeString:
        return link(row.customer)

    @admin.display(description="plan")
    def plan(self, row: Subscription) -> SafeString:
        return link(row.plan_version)

    @admin.display(description="state")
    def status(self, row: Any) -> SafeString:
        if not hasattr(row, "state"):
            self.enrich([row])  # on its own page
        state: Status = row.state
        return badge(state.value, _TONES[state])

    @admin.display(description="from")
    def starts(self, row: Subscription) -> SafeString:
        return instant(row.starts_at)

    @admin.display(description="until")
    def ends(self, row: Subscription) -> SafeString:
        return instant(row.ends_at)

    @admin.display(description="next due")
    def due(self, row: Subscription) -> SafeString:
        return instant(row.due_at)

    @admin.display(description="billed every")
    def cadence(self, row: Subscription) -> str:
        return row.plan_version.billing_cadence

    @admin.display(description="cycles counted from")
    def anchor(self, row: Subscription) -> SafeString:
        return instant(row.billing_anchor, ZoneInfo(row.time_zone))

    class Media:
        css = {"all": ["billing/admin.css"]}


def _picture(row: Subscription, desk: Desk) -> Picture:
    timeline = desk.timeline
    at = clocks.now_of(row.customer, now())
    items = [
        Stretch(
            row=span.sale.card.name,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            label=f"{span.sale.card.name}, {words.price(span.sale.card.terms)}",
        )
        for span in sorted(timeline.spans, key=lambda span: (span.key, span.starts_at))
    ]
    marks = [
        Mark(at=event.effective_at, label=event.kind.value.replace("_", " "))
        for event in timeline.events
    ]
    return Picture(
        stretches=[*_phases(desk), *items], marks=marks, now=at, zone=ZoneInfo(row.time_zone)
    )


def _phases(desk: Desk) -> Iterator[Stretch]:
    timeline = desk.timeline
    starts = [
        (max(since, stretch.starts_at), f"{stretch.offer.label}: {phase.key}")
        for place, stretch in enumerate(timeline.stretches)
        for since, phase in _in_force(stretch, timeline.stretches[place + 1 : place + 2])
    ]
    ends = [since for since, _ in starts[1:]]
    for (since, label), until in zip(starts, [*ends, timeline.ends_at], strict=True):
        if until is None or until > since:
            yield Stretch(row="Phases", starts_at=since, ends_at=until, label=label, tone="phase")


def _in_force(stretch: Any, following: Any) -> Iterator[Any]:
    """Yield the phases of a plan that are reached before the next plan."""
    end = following[0].starts_at if following else None
    for place, (since, phase) in enumerate(stretch.phases):
        is_over = place + 1 < len(stretch.phases) and (
            stretch.phases[place + 1][0] <= stretch.starts_at
        )
        if not is_over and (end is None or since < end):
            yield since, phase


def _items(row: Subscription, desk: Desk) -> Table:
    rows = [
        (
            span.sale.card.name,
            span.sale.phase,
            words.price(span.sale.card.terms),
            "; ".join(words.around(span.sale.card.terms)) or NOTHING,
            f"{span.sale.quantity:,}",
            instant(span.starts_at),
            instant(span.ends_at),
        )
        for span in sorted(desk.timeline.spans, key=lambda span: (span.starts_at, span.key))
    ]
    columns = ("Item", "Phase", "Price", "Around it", number("Times"), "From", "Until")
    return Table(title="Items", columns=columns, rows=rows, empty="Nothing is sold.")


def _history(row: Subscription) -> Table:
    rows = [
        (
            event.sequence,
            event.kind.replace("_", " "),
            instant(event.effective_at),
            instant(event.recorded_at),
            event.cause or NOTHING,
            event.reason or NOTHING,
        )
        for event in row.history.order_by("-sequence")
    ]
    columns = ("No.", "Change", "Takes effect", "Recorded", "Who", "Why")
    return Table(title="History", columns=columns, rows=rows)


def _charges(row: Subscription) -> Table:
    found = row.charges.select_related("asset").prefetch_related("changes").order_by("-due_at")
    listed = list(found[: _CHARGES + 1])
    rows = [charge_row(charge) for charge in listed[:_CHARGES]]
    hint = f"Only the newest {_CHARGES}." if len(listed) > _CHARGES else ""
    return Table(
        title="Charges", columns=CHARGE_COLUMNS, rows=rows, hint=hint, empty="None so far."
    )


CHARGE_COLUMNS: Final = (
    "Charge", "Kind", "From", "Until", "Due", number("Charged"), number("Earned"), "Transactions",
)  # fmt: skip


def charge_row(charge: Charge) -> tuple[Any, ...]:
    """Show a charge with the transactions that posted it."""
    return (
        charge.name,
        charge.get_kind_display(),
        instant(charge.starts_at),
        instant(charge.ends_at),
        instant(charge.due_at),
        amount(charge.posted, charge.asset),
        amount(charge.earned, charge.asset),
        format_html_join(
            ", ",
            '<a href="{}">{}</a>',
            (
                (url(Transaction, "change", change.transaction_id), change.reason)
                for change in charge.changes.all()
            ),
        ),
    )


def _redemptions(row: Subscription) -> Table:
    rows = [
        (link(one.coupon), instant(one.redeemed_at), instant(one.removed_at), one.cause or NOTHING)
        for one in row.redemptions.select_related("coupon")
    ]
    columns = ("Coupon", "Redeemed", "Removed", "By")
    return Table(title="Coupons", columns=columns, rows=rows, empty="None.")


def _of_customer(customer: Customer) -> str:
    return f"{url(Subscription, 'changelist')}?customer__id__exact={customer.pk}"


customers.register_link("Subscriptions", _of_customer)
