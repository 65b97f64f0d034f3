"""Rules of automatic recharge: made, changed, paused, resumed; what they bought of late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin.base import Listing
from ledger.admin.dashboard import Figure
from ledger.admin.display import amount, badge, instant, link
from ledger.admin.fields import AssetField, InstantField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from ledger.models import Asset
from wallets import funds, recharge
from wallets.admin import states
from wallets.admin.fields import CreditField, WalletField, new_key
from wallets.admin.schedules import WalletsBookFilter
from wallets.admin.states import time_of
from wallets.models import RechargeRule, RechargeStop, Wallet

State = RechargeRule.State
Trigger = RechargeRule.Trigger
_BOUGHT: Final = 20
_CHANGE: Final = "wallets.change_rechargerule"
_TONES: Final = {State.ACTIVE: "good", State.PAUSED: "warn", State.STOPPED: "bad"}
_METHODS: Final = (("fixed", "Fixed: the amount"), ("target", "Target: up to the amount"))


class CapsForm(OperationForm):
    """How much a rule buys, and how much at most."""

    amount = CreditField(help_text="Of one charge, or the target.")
    most_per_day = CreditField(required=False, help_text="Empty: no cap.")
    most_per_month = CreditField(required=False, help_text="Empty: no cap.")


class RuleForm(CapsForm):
    field_order = ("wallet", "key", "threshold", "interval", "anchor", "method")

    key = forms.CharField(max_length=200, initial=new_key, help_text="Once per wallet.")
    threshold = forms.DecimalField(
        max_digits=38,
        decimal_places=12,
        required=False,
        help_text="Buys when what it has to spend, and what is on its way, falls below.",
    )
    interval = forms.CharField(
        max_length=40, required=False, help_text="Or buys every so often: ISO 8601, like P1M."
    )
    anchor = InstantField(
        required=False, label="First (UTC)", help_text="Of an interval. Empty is now."
    )
    method = forms.ChoiceField(choices=_METHODS)
    currency = AssetField(
        Asset.Kind.CURRENCY,
        required=False,
        help_text="In which it is paid: the wallet's, or the book's, if empty.",
    )
    time_zone = forms.CharField(
        max_length=64,
        required=False,
        help_text="Where a day and a month of the caps begin: the book's, if empty.",
    )


class AddForm(RuleForm):
    wallet = WalletField()


class ChangeForm(CapsForm):
    field_order = ("threshold",)

    threshold = forms.DecimalField(max_digits=38, decimal_places=12)

    def prepare(self) -> None:
        if self.row.trigger == Trigger.INTERVAL:
            del self.fields["threshold"]
        for name, field in self.fields.items():
            value = getattr(self.row, name)
            field.initial = value and value.normalize()


class ReasonForm(OperationForm):
    reason = ReasonField()


def _create(request: HttpRequest, row: Wallet | None, given: dict[str, Any]) -> Done:
    wallet: Any = given.pop("wallet", None) or row
    made = recharge.create(wallet=wallet, at=time_of(wallet.customer), **given)
    return Done(message=f"{made.key} recharges {wallet}.", row=made)


def _change(request: HttpRequest, row: RechargeRule, given: dict[str, Any]) -> Done:
    changed = recharge.change(rule=row, at=time_of(row.wallet.customer), **given)
    return Done(message=f"Changed {row.key}.", row=changed)


def _pause(request: HttpRequest, row: RechargeRule, given: dict[str, Any]) -> Done:
    paused = recharge.pause(rule=row, reason=given["reason"])
    return Done(message=f"Paused {row.key}: {given['reason']}", row=paused)


def _resume(request: HttpRequest, row: RechargeRule, given: dict[str, Any]) -> Done:
    return Done(message=f"{row.key} begins anew.", row=recharge.resume(rule=row))


def _may_resume(row: RechargeRule) -> bool:
    return row.state != State.ACTIVE or row.rests_until is not None


_EXPLANATION: Final = (
    "Buys credit by itself: below a threshold, or every interval. One charge closes the whole gap;"
    " there is one open top-up at most, and after declines it rests, then stops."
)
RECHARGE: Final = Operation(
    name="recharge",
    label="Recharge by a rule",
    explanation=_EXPLANATION,
    permission="wallets.add_rechargerule",
    form=RuleForm,
    run=_create,
    applies=lambda row: not row.origin and row.asset.kind != Asset.Kind.UNIT,
)
CHANGE: Final = Operation(
    name="alter",
    label="Change",
    explanation="It looks at the wallet anew, at once if it rests at a cap.",
    permission=_CHANGE,
    form=ChangeForm,
    run=_change,
)
PAUSE: Final = Operation(
    name="pause",
    label="Pause",
    explanation="It buys nothing until it is resumed; what it has asked for stays.",
    permission=_CHANGE,
    form=ReasonForm,
    run=_pause,
    applies=lambda row: row.state == State.ACTIVE,
)
RESUME: Final = Operation(
    name="resume",
    label="Resume",
    explanation="Begins anew, its declines forgotten: it looks at the wallet at once.",
    permission=_CHANGE,
    run=_resume,
    applies=_may_resume,
)


@admin.register(RechargeRule)
class RechargeRuleAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a recharge rule",
        explanation=_EXPLANATION,
        permission="wallets.add_rechargerule",
        form=AddForm,
        run=_create,
    )
    fields = (
        ("key", "wallet_link", "state_shown"),
        ("when", "buys", "paid_in"),
        ("per_day", "per_month", "time_zone"),
        ("declines", "rests", "due"),
        ("reason", "created"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("key", "wallet_link", "when", "buys", "state_shown", "reason")
    list_filter = (WalletsBookFilter, "state", "trigger")
    operations = (CHANGE, PAUSE, RESUME)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the rule's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return RechargeRule.objects.select_related(
            "wallet__asset", "wallet__customer__clock", "currency"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="wallet__customer"), False

    def panels(self, request: HttpRequest, obj: RechargeRule) -> dict[str, Any]:
        rows = [
            (
                link(bought),
                badge(bought.get_state_display().lower()),
                amount(bought.amount, obj.wallet.asset),
                amount(bought.price, obj.currency),
                instant(bought.created_at),
                instant(bought.settled_at),
                bought.reason,
            )
            for bought in obj.top_ups.order_by("-pk")[:_BOUGHT]
        ]
        columns = (
            "Top-up", "State", number("Credit"), number("Price"), "Asked for", "Settled",
            "Why it failed",
        )  # fmt: skip
        title, empty = "What it bought lately", "It has not bought anything yet."
        return {
            "figures": list(_figures(obj)),
            "tables": [Table(title=title, columns=columns, rows=rows, empty=empty)],
        }

    @admin.display(description="wallet")
    def wallet_link(self, row: RechargeRule) -> SafeString:
        return link(row.wallet)

    @admin.display(description="state")
    def state_shown(self, row: RechargeRule) -> SafeString:
        if row.state == State.ACTIVE and row.rests_until is not None:
            return badge("rests", "warn")
        return badge(row.get_state_display().lower(), _TONES[State(row.state)])

    @admin.display(description="buys when")
    def when(self, row: RechargeRule) -> SafeString | str:
        if row.trigger == Trigger.INTERVAL:
            return f"every {row.interval}"
        return SafeString("below ") + amount(row.threshold, row.wallet.asset)

    @admin.display(description="buys")
    def buys(self, row: RechargeRule) -> SafeString:
        shown = amount(row.amount, row.wallet.asset)
        return shown if row.method == RechargeRule.Method.FIXED else SafeString("up to ") + shown

    @admin.display(description="paid in")
    def paid_in(self, row: RechargeRule) -> str:
        return f"{row.currency.code}, by {row.rail}"

    @admin.display(description="most per day")
    def per_day(self, row: RechargeRule) -> SafeString:
        return amount(row.most_per_day, row.wallet.asset)

    @admin.display(description="most per month")
    def per_month(self, row: RechargeRule) -> SafeString:
        return amount(row.most_per_month, row.wallet.asset)

    @admin.display(description="rests until")
    def rests(self, row: RechargeRule) -> SafeString:
        return instant(row.rests_until)

    @admin.display(description="due")
    def due(self, row: RechargeRule) -> SafeString:
        return instant(row.due_at)

    @admin.display(description="created")
    def created(self, row: RechargeRule) -> SafeString:
        return instant(row.created_at)


def _figures(rule: RechargeRule) -> Iterator[Figure]:
    wallet = rule.wallet
    has = funds.of(wallet, at=time_of(wallet.customer))
    is_below = rule.threshold is not None and has < rule.threshold
    yield Figure(
        label="To spend now",
        value=amount(has, wallet.asset),
        tone="warn" if is_below else "",
        note="less what its customer owes beyond its credit",
    )
    yield Figure(label="On its way", value=amount(recharge.pending(wallet), wallet.asset))
    book_id = wallet.customer.book_id
    for stop in RechargeStop.objects.filter(book=book_id, ended_at=None):
        yield Figure(
            label="All recharges are stopped", value=link(stop), tone="bad", note=stop.reason
        )
    if rule.state == State.STOPPED:
        yield Figure(label="It has stopped", value="resume it", tone="bad", note=rule.reason)
