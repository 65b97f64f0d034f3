"""Refunds and disputes: what goes back, and what a rail holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from billing import payments
from billing.admin.money import time_of
from billing.models import Dispute, Refund
from billing.payments.disputes import DECISIONS
from ledger.admin import transactions
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import amount, badge, instant, link
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm

_TONES: Final = {
    "settled": "good",
    "failed": "bad",
    "sent": "warn",
    "requested": "warn",
    "open": "warn",
    "won": "good",
    "lost": "bad",
}
_OPEN: Final = (Refund.State.REQUESTED, Refund.State.SENT)


class SentForm(OperationForm):
    external_id = forms.CharField(max_length=255, label="The rail's name of it")


class SettledForm(OperationForm):
    external_id = forms.CharField(max_length=255, required=False, label="The rail's name of it")


class ReasonForm(OperationForm):
    reason = ReasonField()


class DecisionForm(OperationForm):
    outcome = forms.ChoiceField(choices=[(one.value, one.label) for one in DECISIONS])
    decision = ReasonField(label="Why")


def _step(do: Callable[..., Refund]) -> Callable[[HttpRequest, Refund, dict[str, Any]], Done]:
    def run(request: HttpRequest, row: Refund, given: dict[str, Any]) -> Done:
        done = do(refund=row, by=cause_of(request), at=time_of(row.payer), **given)
        return Done(message=f"{row} is {done.get_state_display().lower()}.")

    return run


def _decide(request: HttpRequest, row: Dispute, given: dict[str, Any]) -> Done:
    done = payments.decide(
        dispute=row, by=cause_of(request), at=time_of(row.payment.payer), **given
    )
    return Done(message=f"{row} is {done.get_state_display().lower()}.")


_MAY: Final = "billing.refund_payment"
SEND: Final = Operation(
    name="send",
    label="Sent",
    explanation="A rail has taken the order.",
    permission=_MAY,
    form=SentForm,
    run=_step(payments.send),
    applies=lambda row: row.state == Refund.State.REQUESTED,
)
SETTLE: Final = Operation(
    name="settle",
    label="Settled",
    explanation="The money is with the payer.",
    permission=_MAY,
    form=SettledForm,
    run=_step(payments.settle),
    applies=lambda row: row.state in _OPEN,
)
FAIL: Final = Operation(
    name="fail",
    label="Failed",
    explanation="The money did not reach the payer: it is unapplied cash again.",
    permission=_MAY,
    form=ReasonForm,
    run=_step(payments.fail),
    applies=lambda row: row.state in _OPEN,
    is_grave=True,
)
DECIDE: Final = Operation(
    name="decide",
    label="Decide",
    explanation="Won or withdrawn, the money comes back; lost, what it had paid is open again.",
    permission="billing.decide_dispute",
    form=DecisionForm,
    run=_decide,
    applies=lambda row: row.state == Dispute.State.OPEN,
)


@admin.register(Refund)
class RefundAdmin(Listing):
    fields = (
        ("key", "shown_state", "payer_link", "shown_amount"),
        ("source_link", "rail", "external_id"),
        ("reason", "failure", "cause"),
        ("requested", "sent", "closed"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("key", "payer_link", "shown_amount", "shown_state", "rail", "requested")
    list_filter = (BookFilter, "state")
    operations = (SEND, SETTLE, FAIL)
    search_fields = ("key__istartswith", "payer__key__istartswith")
    search_help_text = "Beginning of its key, or of the payer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Refund.objects.select_related(
            "payer__clock", "asset", "book", "source__payment", "source__note"
        )

    @admin.display(description="state")
    def shown_state(self, row: Refund) -> SafeString:
        return badge(row.get_state_display().lower(), _TONES[row.state])

    @admin.display(description="payer")
    def payer_link(self, row: Refund) -> SafeString:
        return link(row.payer)

    @admin.display(description="amount")
    def shown_amount(self, row: Refund) -> SafeString:
        return amount(row.amount, row.asset)

    @admin.display(description="of")
    def source_link(self, row: Refund) -> SafeString:
        return link(row.source)

    @admin.display(description="requested")
    def requested(self, row: Refund) -> SafeString:
        return instant(row.requested_at)

    @admin.display(description="sent")
    def sent(self, row: Refund) -> SafeString:
        return instant(row.sent_at)

    @admin.display(description="closed")
    def closed(self, row: Refund) -> SafeString:
        return instant(row.closed_at)


@admin.register(Dispute)
class DisputeAdmin(Listing):
    fields = (
        ("key", "shown_state", "payment_link", "shown_amount"),
        ("external_id", "shown_fee", "cause"),
        ("reason", "decision"),
        ("opened", "answer", "decided"),
    )
    readonly_fields = tuple(name for line in fields for name in line)
    list_display = ("key", "payment_link", "shown_amount", "shown_state", "opened", "answer")
    list_filter = (BookFilter, "state")
    operations = (DECIDE,)
    search_fields = ("key__istartswith", "external_id__istartswith")
    search_help_text = "Beginning of its key, or of the rail's name of it"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Dispute.objects.select_related("payment__payer__clock", "payment__asset", "book")

    @admin.display(description="state")
    def shown_state(self, row: Dispute) -> SafeString:
        return badge(row.get_state_display().lower(), _TONES.get(row.state, ""))

    @admin.display(description="payment")
    def payment_link(self, row: Dispute) -> SafeString:
        return link(row.payment)

    @admin.display(description="amount")
    def shown_amount(self, row: Dispute) -> SafeString:
        return amount(row.amount, row.payment.asset)

    @admin.display(description="fee")
    def shown_fee(self, row: Dispute) -> SafeString:
        return amount(row.fee, row.payment.asset)

    @admin.display(description="opened")
    def opened(self, row: Dispute) -> SafeString:
        return instant(row.opened_at)

    @admin.display(description="answer by")
    def answer(self, row: Dispute) -> SafeString:
        return instant(row.answer_by)

    @admin.display(description="decided")
    def decided(self, row: Dispute) -> SafeString:
        return instant(row.decided_at)


transactions.register_corrected("refund", "Let the refund fail.")
transactions.register_corrected("dispute", "Decide the dispute.")
