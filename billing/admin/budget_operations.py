"""What may be done with a budget: each a form, one call of the domain, who and why."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest
from django.utils.timezone import now

from billing.admin.forms.limits import LabelsField, PercentsField
from billing.budgets import defining
from billing.models import Budget
from ledger import clocks
from ledger.admin.base import cause_of
from ledger.admin.display import figures
from ledger.admin.fields import AssetField, CustomerField, InstantField, ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from wallets.admin.fields import CreditField, new_key

ACTIONS: Final = {
    Budget.Action.WARN: "warns only",
    Budget.Action.BLOCK: "blocks",
    Budget.Action.APPROVE: "allows with approval",
}
_CHOICES: Final = [(action.value, said) for action, said in ACTIONS.items()]


class TermsForm(OperationForm):
    """What may change about a budget."""

    name = forms.CharField(max_length=200, required=False)
    amount = forms.DecimalField(max_digits=38, decimal_places=12, min_value=0)
    action = forms.ChoiceField(label="At its end it", choices=_CHOICES, initial="block")
    warn_at = PercentsField(
        label="Warns at (percent)", help_text="With commas, like 80, 95; at 100 it always does."
    )

    def prepare(self) -> None:
        if self.row is not None:
            names = ("name", "amount", "action", "warn_at")
            self.initial = {name: getattr(self.row, name) for name in names}
            self.fields["amount"].help_text = f"In {self.row.asset.code}, per period."


class BudgetForm(TermsForm):
    key = forms.CharField(max_length=200, help_text="How programs name it; it stays.")
    customer = CustomerField(help_text="Its key. All below it count, too.")
    asset = AssetField(
        label="In", help_text="What prices are in, or the unit of a meter to limit units."
    )
    feature = forms.CharField(max_length=200, required=False, help_text="Its key; empty is all.")
    labels = LabelsField(help_text="Only usage with these, like model=gpt-5; empty is all.")
    cadence = forms.CharField(
        label="Per",
        max_length=40,
        initial="P1M",
        help_text="P1M is a month, P1D a day, PT1H an hour.",
    )
    anchor = InstantField(
        label="Periods counted from (UTC)",
        required=False,
        help_text="Empty is the start of the month.",
    )
    time_zone = forms.CharField(max_length=64, required=False, help_text="Empty is the book's.")
    field_order = (
        "key", "name", "customer", "feature", "labels", "amount", "asset", "cadence", "action",
        "warn_at", "anchor", "time_zone",
    )  # fmt: skip


class ApproveForm(OperationForm):
    extra = CreditField(label="More by")
    reason = ReasonField()
    key = forms.CharField(
        max_length=255,
        initial=new_key,
        help_text="Your own reference; the same key allows it only once.",
    )

    def prepare(self) -> None:
        self.fields["extra"].help_text = f"In {self.row.asset.code}, in the period that is running."


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    feature_key = given.pop("feature")
    at = clocks.now_of(given["customer"], now())
    budget = defining.create(**given, feature_key=feature_key, at=at)
    return Done(message=f"Added the budget {budget.key}.", row=budget)


def _change(request: HttpRequest, row: Budget, given: dict[str, Any]) -> Done:
    budget = defining.update(budget=row, **given)
    return Done(message=f"Changed {budget.key}.", row=budget)


def _approve(request: HttpRequest, row: Budget, given: dict[str, Any]) -> Done:
    at = clocks.now_of(row.customer, now())
    made = defining.approve(budget=row, at=at, cause=cause_of(request), **given)
    return Done(message=f"Allowed {figures(made.extra, row.asset)} {row.asset.code} more.", row=row)


def _end(request: HttpRequest, row: Budget, given: dict[str, Any]) -> Done:
    budget = defining.end(budget=row, at=clocks.now_of(row.customer, now()))
    return Done(message=f"Ended {budget.key}.", row=budget)


def _goes_on(row: Budget) -> bool:
    return row.ended_at is None


ADD: Final = Operation(
    name="add",
    label="Add a budget",
    explanation="Bounds what a customer and all below it may spend per period, of one feature "
    "or of all. What the period has seen so far counts.",
    permission="billing.add_budget",
    form=BudgetForm,
    run=_create,
)
CHANGE: Final = Operation(
    name="edit",
    label="Change",
    explanation="From now on. What the period has seen counts against the new amount at once.",
    permission="billing.change_budget",
    form=TermsForm,
    run=_change,
    applies=_goes_on,
)
APPROVE: Final = Operation(
    name="approve",
    label="Approve more",
    explanation="Lets more be spent than the budget's amount, in the period that is running only.",
    permission="billing.add_budgetapproval",
    form=ApproveForm,
    run=_approve,
    applies=lambda row: _goes_on(row) and row.action == Budget.Action.APPROVE,
)
END: Final = Operation(
    name="end",
    label="End",
    explanation="It bounds nothing any more, for good. What it has counted stays.",
    permission="billing.change_budget",
    run=_end,
    applies=_goes_on,
    is_grave=True,
)
ALL: Final = (APPROVE, CHANGE, END)
