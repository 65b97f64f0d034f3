"""Top-ups: credit that is bought; finance confirms what has come, or says that it will not."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ledger.admin import transactions
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import AssetField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from ledger.models import Asset
from wallets import topups
from wallets.admin import changes, states
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import CreditField, new_key
from wallets.admin.states import time_of
from wallets.models import TopUp, Wallet

State = TopUp.State
_TONES: Final = {
    State.SETTLED: "good",
    State.FAILED: "bad",
    State.REFUNDED: "warn",
    State.AWAITING_PAYMENT: "warn",
}


class RequestForm(OperationForm):
    key = forms.CharField(max_length=200, initial=new_key, help_text="Once per book.")
    amount = CreditField()
    currency = AssetField(
        Asset.Kind.CURRENCY,
        required=False,
        help_text="In which it is paid: the wallet's, or the book's, if empty.",
    )

    def prepare(self) -> None:
        self.fields["amount"].help_text = f"Of credit, in {self.row.asset.code}."


class ConfirmForm(ReasonedForm):
    payment_key = forms.CharField(
        max_length=255,
        label="Payment",
        help_text="What the bank or rail calls it; it is this top-up's for good.",
    )

    def prepare(self) -> None:
        super().prepare()
        self.fields["payment_key"].initial = self.row.payment_key
        self.fields["reason"].help_text = "What you have seen: the statement, the receipt."


def _request(request: HttpRequest, row: Wallet, given: dict[str, Any]) -> Done:
    asked = topups.request(wallet=row, at=time_of(row.customer), cause=cause_of(request), **given)
    return Done(message=f"{asked.key} waits for its payment.", row=asked)


def _confirm(request: HttpRequest, row: TopUp, given: dict[str, Any]) -> Done:
    done = f"{row.key} is paid, and its credit is there."
    return _submit(request, row, given, "confirm", done, payment_key=given["payment_key"])


def _fail(request: HttpRequest, row: TopUp, given: dict[str, Any]) -> Done:
    return _submit(request, row, given, "fail", f"{row.key} has failed.")


def _refund(request: HttpRequest, row: TopUp, given: dict[str, Any]) -> Done:
    done = f"{row.key} is refunded as far as it was unused."
    return _submit(request, row, given, "refund", done)


def _submit(
    request: HttpRequest,
    row: TopUp,
    given: dict[str, Any],
    operation: str,
    done: str,
    **arguments: str,
) -> Done:
    return changes.submit(
        request,
        book=row.book,
        operation=operation,
        arguments={"top_up": row, **arguments},
        given=given,
        done=done,
    )


def _is_open(row: TopUp) -> bool:
    return row.state in topups.OPEN


REQUEST: Final = Operation(
    name="top-up",
    label="Request a top-up",
    explanation="Asks for credit to be bought; what it costs is settled now, and it is there once"
    " its payment is confirmed.",
    permission="wallets.add_topup",
    form=RequestForm,
    run=_request,
    applies=lambda row: not row.origin and row.asset.kind != Asset.Kind.UNIT,
)
CONFIRM: Final = Operation(
    name="confirm",
    label="Confirm payment",
    explanation="Says that its money has come in: its credit is there at once.",
    permission="wallets.confirm_topup",
    form=ConfirmForm,
    run=_confirm,
    applies=_is_open,
)
FAIL: Final = Operation(
    name="fail",
    label="Fail",
    explanation="It will not be paid, for good: money that comes late is a new top-up. Credit that"
    " was there before is taken back as far as it is unused; the customer owes the rest.",
    permission="wallets.change_topup",
    form=ReasonedForm,
    run=_fail,
    applies=_is_open,
    is_grave=True,
)
REFUND: Final = Operation(
    name="refund",
    label="Refund",
    explanation="Takes back what is unused of its credit, and gives back its part of the money."
    " What was used or is held stays bought.",
    permission="wallets.refund_topup",
    form=ReasonedForm,
    run=_refund,
    applies=lambda row: row.state == State.SETTLED,
    is_grave=True,
)


@admin.register(TopUp)
class TopUpAdmin(Listing):
    fields = (
        ("key", "wallet_link", "state_shown"),
        ("amount_shown", "price_shown", "rail"),
        ("payment", "availability", "grant_link"),
        ("rule_link", "cause", "reason"),
        ("taken", "money", "created"),
        ("settled", "closed"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = (
        "key", "wallet_link", "amount_shown", "price_shown", "state_shown", "payment", "created",
    )  # fmt: skip
    list_filter = (BookFilter, "state", "rail")
    operations = (CONFIRM, FAIL, REFUND)
    search_fields = ("key",)
    search_help_text = "Customer's key or its beginning, the top-up's key, or its payment"

    def get_queryset(self, request: HttpRequest) -> Any:
        return TopUp.objects.select_related(
            "book", "wallet__asset", "wallet__customer__clock", "currency", "grant",
            "rule__wallet__customer",
        )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        found = states.search(queryset, search_term, customer="wallet__customer")
        return found | queryset.filter(payment_key=search_term) if search_term else found, False

    def panels(self, request: HttpRequest, obj: TopUp) -> dict[str, Any]:
        steps = [
            (
                badge(step.get_state_display().lower(), _TONES.get(State(step.state), "")),
                instant(step.recorded_at),
                step.cause,
                step.reason,
            )
            for step in obj.history.all()
        ]
        table = Table(title="What happened", columns=("State", "At", "By", "Why"), rows=steps)
        return {
            "tables": [table],
            "figures": list(changes.waiting(obj.book, Q(arguments__top_up=str(obj.pk)))),
        }

    @admin.display(description="wallet")
    def wallet_link(self, row: TopUp) -> SafeString:
        return link(row.wallet)

    @admin.display(description="state")
    def state_shown(self, row: TopUp) -> SafeString:
        return badge(row.get_state_display().lower(), _TONES.get(State(row.state), ""))

    @admin.display(description="credit")
    def amount_shown(self, row: TopUp) -> SafeString:
        return amount(row.amount, row.wallet.asset)

    @admin.display(description="price")
    def price_shown(self, row: TopUp) -> SafeString:
        return amount(row.price, row.currency)

    @admin.display(description="payment")
    def payment(self, row: TopUp) -> SafeString | str:
        return row.payment_key or NOTHING

    @admin.display(description="grant")
    def grant_link(self, row: TopUp) -> SafeString:
        return link(row.grant, row.grant.key) if row.grant else NOTHING

    @admin.display(description="asked for by rule")
    def rule_link(self, row: TopUp) -> SafeString:
        return link(row.rule, row.rule.key) if row.rule else NOTHING

    @admin.display(description="credit taken back")
    def taken(self, row: TopUp) -> SafeString:
        return amount(row.taken_back, row.wallet.asset) if row.closed_at else NOTHING

    @admin.display(description="money given back")
    def money(self, row: TopUp) -> SafeString:
        return amount(row.money_back, row.currency) if row.closed_at else NOTHING

    @admin.display(description="asked for")
    def created(self, row: TopUp) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="settled")
    def settled(self, row: TopUp) -> SafeString:
        return instant(row.settled_at)

    @admin.display(description="failed or refunded")
    def closed(self, row: TopUp) -> SafeString:
        return instant(row.closed_at)


transactions.register_corrected("topup", "Refund the top-up, or let it fail.")
