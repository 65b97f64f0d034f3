"""Alerts: thresholds on wallets, who is told, and what was told."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import NOTHING, amount, badge, figures, instant, link
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from wallets import alerts
from wallets.admin import states
from wallets.admin.fields import WalletField, new_key
from wallets.admin.states import time_of
from wallets.models import Alert, Wallet

_FIRINGS: Final = 50
_THRESHOLD: Final = "Credit (balance), percent (usage), or days (expiry, run-out)."
_UNITS: Final = {"usage": "%", "expiry": "days", "run_out": "days"}
_KINDS: Final = (
    ("balance", "Balance: what it has to spend falls below"),
    ("usage", "Usage: so many percent of the living credit are used"),
    ("expiry", "Expiry: a grant with something left expires within so many days"),
    ("run_out", "Run-out: at its pace it lasts for fewer days"),
)


class EmailsField(forms.CharField):
    """Addresses of mail, with commas between them."""

    def __init__(self) -> None:
        words = "With commas; without any, webhooks alone are told."
        super().__init__(required=False, label="E-mail to", help_text=words)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [part.strip() for part in super().clean(value).split(",") if part.strip()]


class AlertForm(OperationForm):
    key = forms.CharField(max_length=200, initial=new_key, help_text="Once per book.")
    kind = forms.ChoiceField(choices=_KINDS)
    threshold = forms.DecimalField(max_digits=38, decimal_places=12, help_text=_THRESHOLD)
    emails = EmailsField()
    feature_key = forms.CharField(
        max_length=200, required=False, label="Feature", help_text="That an allowance is for."
    )


class AddForm(AlertForm):
    field_order = ("wallet",)

    wallet = WalletField()


class ChangeForm(OperationForm):
    threshold = forms.DecimalField(max_digits=38, decimal_places=12, help_text=_THRESHOLD)
    emails = EmailsField()

    def prepare(self) -> None:
        self.initial = {"threshold": self.row.threshold.normalize(), "emails": self.row.emails}


def _create(request: HttpRequest, row: Wallet | None, given: dict[str, Any]) -> Done:
    wallet: Any = given.pop("wallet", None) or row
    made = alerts.create(wallet=wallet, at=time_of(wallet.customer), **given)
    return Done(message=f"{made.key} is told of from now on.", row=made)


def _change(request: HttpRequest, row: Alert, given: dict[str, Any]) -> Done:
    return Done(message=f"Changed {row.key}.", row=alerts.change(alert=row, **given))


def _end(request: HttpRequest, row: Alert, given: dict[str, Any]) -> Done:
    ended = alerts.end(alert=row, at=time_of(row.wallet.customer))
    return Done(message=f"Ended {row.key}.", row=ended)


def _is_living(row: Alert) -> bool:
    return row.ended_at is None


_EXPLANATION: Final = (
    "Tells once when the threshold is crossed, and again only after the figure has come back by"
    " 5 % of it. If it is crossed already, that is told at once."
)
ALERT: Final = Operation(
    name="alert",
    label="Add an alert",
    explanation=_EXPLANATION,
    permission="wallets.add_alert",
    form=AlertForm,
    run=_create,
)
CHANGE: Final = Operation(
    name="alter",
    label="Change",
    explanation="A new threshold arms it: if that is crossed already, it is told at once.",
    permission="wallets.change_alert",
    form=ChangeForm,
    run=_change,
    applies=_is_living,
)
END: Final = Operation(
    name="end",
    label="End",
    explanation="It tells nothing any more, for good; what it told stays on record.",
    permission="wallets.change_alert",
    run=_end,
    applies=_is_living,
    is_grave=True,
)


@admin.register(Alert)
class AlertAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add an alert",
        explanation=_EXPLANATION,
        permission="wallets.add_alert",
        form=AddForm,
        run=_create,
    )
    fields = (
        ("key", "wallet_link", "state"),
        ("kind", "limit", "feature"),
        ("mail", "firings"),
        ("created", "ended"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("key", "wallet_link", "kind", "limit", "state", "firings", "mail")
    list_filter = (BookFilter, "kind", "is_armed")
    operations = (CHANGE, END)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, or the alert's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Alert.objects.select_related("wallet__asset", "wallet__customer__clock")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        return states.search(queryset, search_term, customer="wallet__customer"), False

    def panels(self, request: HttpRequest, obj: Alert) -> dict[str, Any]:
        told = obj.history.select_related("grant__wallet__customer")[:_FIRINGS]
        table = Table(
            title="What was told, the newest first",
            columns=("Firing", "At", number("The figure was"), "Grant"),
            rows=[
                (
                    firing.number,
                    instant(firing.fired_at),
                    _figure(obj, firing.value, is_credit=firing.grant_id is not None),
                    link(firing.grant, firing.grant.key) if firing.grant else NOTHING,
                )
                for firing in told
            ],
            empty="It has not been crossed yet.",
        )
        return {"tables": [table]}

    @admin.display(description="wallet")
    def wallet_link(self, row: Alert) -> SafeString:
        return link(row.wallet)

    @admin.display(description="threshold")
    def limit(self, row: Alert) -> SafeString | str:
        return _figure(row, row.threshold)

    @admin.display(description="feature")
    def feature(self, row: Alert) -> str | SafeString:
        return row.subject_key or NOTHING

    @admin.display(description="e-mail to")
    def mail(self, row: Alert) -> str | SafeString:
        return ", ".join(row.emails) or NOTHING

    @admin.display(description="state")
    def state(self, row: Alert) -> SafeString:
        if row.ended_at is not None:
            return badge("ended")
        return badge("armed", "good") if row.is_armed else badge("told", "warn")

    @admin.display(description="created")
    def created(self, row: Alert) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="ended")
    def ended(self, row: Alert) -> SafeString:
        return instant(row.ended_at)


def _figure(alert: Alert, value: Any, *, is_credit: bool = False) -> SafeString | str:
    """Show a figure in what a kind of alert looks at; expiry tells how much credit expires."""
    unit = _UNITS.get(alert.kind)
    return (
        amount(value, alert.wallet.asset) if is_credit or not unit else f"{figures(value)} {unit}"
    )
