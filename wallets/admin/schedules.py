"""Credit that comes again and again: said when and how much, ended; what came of it."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from wallets import issuing, schedules, summary
from wallets.admin import changes, states
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import CreditField, FeaturesField, WalletField, new_key
from wallets.admin.states import time_of
from wallets.models import CreditGrant, GrantSchedule, Wallet

_GRANTS: Final = 50
_DURATION: Final = "ISO 8601: P1M, P1W, P1D, PT1H, …"
_TERMS: Final = (
    "amount", "cadence", "starts_at", "ends_at", "time_zone", "funding", "priority", "lifetime",
    "rollover_minimum", "rollover_maximum", "cost_basis", "name",
)  # fmt: skip


class ScheduleForm(ReasonedForm):
    key = forms.CharField(max_length=200, initial=new_key, help_text="Once per wallet.")
    amount = CreditField()
    cadence = forms.CharField(max_length=40, label="Every", initial="P1M", help_text=_DURATION)
    starts_at = InstantField(
        label="Starts (UTC)", help_text="When the first is due; cycles are counted from it."
    )
    ends_at = InstantField(
        label="Ends (UTC)", required=False, help_text="None is due from then on. Empty is never."
    )
    time_zone = forms.CharField(max_length=64, required=False, help_text="The book's, if empty.")
    funding = forms.ChoiceField(choices=CreditGrant.Funding.choices)
    priority = forms.IntegerField(
        initial=100, min_value=0, max_value=issuing.MAX_PRIORITY, help_text="Low burns first."
    )
    lifetime = forms.CharField(
        max_length=40,
        required=False,
        help_text=f"How long each lives. {_DURATION} Empty: until the next is due.",
    )
    rollover_minimum = forms.DecimalField(
        min_value=0,
        max_digits=38,
        decimal_places=12,
        required=False,
        label="At least rolls over",
        help_text="If less is left at a reset, the next grant is more by the difference.",
    )
    rollover_maximum = forms.DecimalField(
        min_value=0,
        max_digits=38,
        decimal_places=12,
        required=False,
        label="At most rolls over",
        help_text="What is left beyond it lapses. Empty: nothing rolls over.",
    )
    features = FeaturesField()
    cost_basis = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=38,
        decimal_places=issuing.COST_SCALE,
        help_text="Money paid per unit, in the book's base currency.",
    )
    name = forms.CharField(max_length=200, required=False)


class AddForm(ScheduleForm):
    wallet = WalletField()

    def prepare(self) -> None:
        super().prepare()
        self.order_fields(["wallet", *self.fields])


class EndForm(OperationForm):
    ends_at = InstantField(label="At (UTC)", required=False, help_text="Empty is now.")


def _create(request: HttpRequest, row: Wallet | None, given: dict[str, Any]) -> Done:
    wallet: Any = given.get("wallet") or row
    return changes.submit(
        request,
        book=wallet.customer.book,
        operation="schedule",
        arguments={
            "wallet": wallet,
            "feature_keys": given["features"],
            **{name: given[name] for name in _TERMS},
        },
        given=given,
        done=f"{given['key']} is issued from its start on.",
        goes_on=True,
    )


def _end(request: HttpRequest, row: GrantSchedule, given: dict[str, Any]) -> Done:
    ends_at = given["ends_at"] or time_of(row.wallet.customer)
    ended = schedules.end(schedule=row, ends_at=ends_at)
    return Done(message=f"{row.key} ends at {ends_at:%Y-%m-%d %H:%M} UTC.", row=ended)


_EXPLANATION: Final = (
    "A grant per period. When the next is due, what is left of the one before lapses, but for what"
    " rolls over. The amount of one grant decides whether a second person must approve."
)
SCHEDULE: Final = Operation(
    name="schedule",
    label="Schedule credit",
    explanation=_EXPLANATION,
    permission="wallets.add_grantschedule",
    form=ScheduleForm,
    run=_create,
)
END: Final = Operation(
    name="end",
    label="End",
    explanation="No more grants come from then on; what was issued stays.",
    permission="wallets.change_grantschedule",
    form=EndForm,
    run=_end,
    applies=lambda row: row.due_at is not None,
    is_grave=True,
)


class WalletsBookFilter(BookFilter):
    path = "wallet__customer__book_id"


class LifeFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Going on"), ("over", "Ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in {"open", "over"}:
            return queryset.filter(due_at__isnull=self.value() == "over")
        return queryset


@admin.register(GrantSchedule)
class GrantScheduleAdmin(Listing):
    adding = Operation(
        name="add",
        label="Schedule credit",
        explanation=_EXPLANATION,
        permission="wallets.add_grantschedule",
        form=AddForm,
        run=_create,
    )
    fields = (
        ("key", "name", "wallet_link"),
        ("amount_shown", "cadence", "state"),
        ("due", "starts", "ends"),
        ("anchored", "time_zone", "lifetime_shown"),
        ("rolls_over", "funding", "priority"),
        ("features", "cost", "origin"),
        ("issued", "created"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = (
        "key", "wallet_link", "amount_shown", "cadence", "due", "issued", "state", "origin",
    )  # fmt: skip
    list_filter = (WalletsBookFilter, LifeFilter)
    operations = (END,)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the schedule's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return GrantSchedule.objects.select_related("wallet__asset", "wallet__customer__clock")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="wallet__customer"), False

    def panels(self, request: HttpRequest, obj: GrantSchedule) -> dict[str, Any]:
        at, asset = time_of(obj.wallet.customer), obj.wallet.asset
        issued = CreditGrant.objects.filter(
            wallet=obj.wallet_id, key__startswith=f"schedule:{obj.pk}:"
        )
        newest = list(issued.order_by("-pk")[:_GRANTS])
        found = summary.of_grants([grant.pk for grant in newest], at=at)
        rows = [
            (
                link(grant, grant.key),
                states.badge_of(grant, at),
                "rolled over" if grant.parent_id else "issued",
                instant(grant.effective_at),
                instant(grant.expires_at),
                amount(grant.amount, asset),
                amount(found[grant.pk].used, asset),
                amount(found[grant.pk].available, asset),
            )
            for grant in newest
        ]
        columns = (
            "Grant", "State", "", "Effective", "Expires",
            number("Amount"), number("Used"), number("Available"),
        )  # fmt: skip
        title, empty = "What came, the newest first", "Nothing has been issued yet."
        return {"tables": [Table(title=title, columns=columns, rows=rows, empty=empty)]}

    @admin.display(description="wallet")
    def wallet_link(self, row: GrantSchedule) -> SafeString:
        return link(row.wallet)

    @admin.display(description="amount")
    def amount_shown(self, row: GrantSchedule) -> SafeString:
        return amount(row.amount, row.wallet.asset)

    @admin.display(description="state")
    def state(self, row: GrantSchedule) -> SafeString:
        return badge("going on", "good") if row.due_at else badge("ended")

    @admin.display(description="next due")
    def due(self, row: GrantSchedule) -> SafeString:
        return instant(row.due_at)

    @admin.display(description="starts")
    def starts(self, row: GrantSchedule) -> SafeString:
        return instant(row.starts_at)

    @admin.display(description="ends")
    def ends(self, row: GrantSchedule) -> SafeString:
        return instant(row.ends_at)

    @admin.display(description="counted from")
    def anchored(self, row: GrantSchedule) -> SafeString:
        return instant(row.anchor)

    @admin.display(description="each lives")
    def lifetime_shown(self, row: GrantSchedule) -> str:
        return row.lifetime or "until the next"

    @admin.display(description="rolls over")
    def rolls_over(self, row: GrantSchedule) -> SafeString | str:
        if not row.rollover_maximum:
            return NOTHING
        least, most = (
            amount(value, row.wallet.asset)
            for value in (row.rollover_minimum, row.rollover_maximum)
        )
        return most if not row.rollover_minimum else least + " to " + most

    @admin.display(description="features")
    def features(self, row: GrantSchedule) -> str:
        return ", ".join(row.feature_keys) or "all"

    @admin.display(description="cost basis")
    def cost(self, row: GrantSchedule) -> SafeString:
        return amount(row.cost_basis)

    @admin.display(description="created")
    def created(self, row: GrantSchedule) -> SafeString:
        return instant(row.created_at)
