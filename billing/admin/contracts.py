"""Contracts: what was promised to be spent, how much of it is, and where it is heading."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import contracts
from billing.admin import timelines
from billing.admin.forms.rows import Column, RowsField
from billing.admin.subscriptions import CHARGE_COLUMNS, charge_row
from billing.admin.timelines import Commitment
from billing.contracts import Balance, StepBalance
from billing.models import Contract, Feature
from ledger import clocks
from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, amount, figures, instant, link
from ledger.admin.fields import AssetField, CustomerField, InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table, number
from ledger.models import Asset
from ledger.money import ZERO, add

_COLUMNS = (
    "From", "Until", number("Committed"), number("Drawn"), number("Remaining"),
    number("Burn rate a day"), number("Heading for"), number("Projected shortfall"),
    number("Beyond it"),
)  # fmt: skip


class ContractForm(OperationForm):
    customer = CustomerField()
    key = forms.CharField(max_length=255)
    name = forms.CharField(max_length=256, required=False)
    asset = AssetField(Asset.Kind.CURRENCY, Asset.Kind.CREDIT, label="Currency")
    starts_at = InstantField(label="From (UTC)")
    ramp = forms.CharField(
        label="Each step lasts", max_length=40, initial="P1Y", help_text="P1Y is a year."
    )
    amounts = RowsField(
        Column(name="amount", label="To be spent", is_number=True),
        label="Steps",
        help_text="One amount for each step of the term, in order.",
        add="Add a step",
    )
    overage_multiplier = forms.DecimalField(
        required=False,
        max_digits=20,
        decimal_places=6,
        help_text="Spending beyond costs so many times its price; empty is its price.",
    )
    features = forms.ModelMultipleChoiceField(
        Feature.objects.none(), required=False, help_text="Only their usage counts; none is all."
    )

    def prepare(self) -> None:
        field = self.fields["features"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = Feature.objects.filter(archived_at=None)

    def clean_amounts(self) -> list[Decimal]:
        try:
            return [Decimal(row["amount"]) for row in self.cleaned_data["amounts"]]
        except InvalidOperation:
            raise forms.ValidationError("Write numbers, like 120000.") from None


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    chosen = given.pop("features")
    contract = contracts.create(
        **given,
        feature_keys=[feature.key for feature in chosen],
        at=clocks.now_of(given["customer"], now()),
        cause=cause_of(request),
    )
    return Done(message=f"Entered the contract {contract.key}.", row=contract)


@admin.register(Contract)
class ContractAdmin(Listing):
    adding = Operation(
        name="add",
        label="Enter a contract",
        explanation="A promise to spend a minimum over a term, drawn down by rated usage. "
        "What is missing when a step ends is charged.",
        permission="billing.add_contract",
        form=ContractForm,
        run=_create,
    )
    fields = (
        ("customer_link", "key", "name"),
        ("asset", "committed", "covers"),
        ("starts", "ends", "due"),
        ("ramp", "time_zone", "overage_multiplier"),
        ("cause", "created"),
    )
    readonly_fields = (
        "customer_link", "key", "name", "asset", "committed", "covers", "starts", "ends", "due",
        "ramp", "time_zone", "overage_multiplier", "cause", "created",
    )  # fmt: skip
    list_display = ("key", "customer_link", "name", "committed", "starts", "ends", "due")
    list_filter = (BookFilter,)
    search_fields = ("key__istartswith", "customer__key__istartswith")
    search_help_text = "Beginning of the contract's or customer's key"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Contract.objects.select_related("book", "customer__clock", "asset")

    def panels(self, request: HttpRequest, obj: Contract) -> dict[str, Any]:
        at = clocks.now_of(obj.customer, now())
        standing = contracts.balance(contract=obj, at=at)
        drawn = [_step(obj, step, at) for step in standing.steps]
        found = obj.charges.select_related("asset").prefetch_related("changes").order_by("-due_at")
        charges = [charge_row(charge) for charge in found]
        return {
            "drawing": timelines.commitments(drawn) if drawn else "",
            "drawing_title": "Drawn down so far",
            "tables": [
                _steps(obj, standing),
                Table(title="Charges", columns=CHARGE_COLUMNS, rows=charges, empty="None so far."),
            ],
        }

    @admin.display(description="customer")
    def customer_link(self, row: Contract) -> SafeString:
        return link(row.customer)

    @admin.display(description="committed")
    def committed(self, row: Contract) -> SafeString:
        total = ZERO
        for step in row.amounts:
            total = add(total, step)
        return amount(total, row.asset)

    @admin.display(description="usage of")
    def covers(self, row: Contract) -> str:
        return ", ".join(row.feature_keys) or "everything"

    @admin.display(description="from")
    def starts(self, row: Contract) -> SafeString:
        return instant(row.starts_at)

    @admin.display(description="until")
    def ends(self, row: Contract) -> SafeString:
        return instant(row.ends_at)

    @admin.display(description="next due")
    def due(self, row: Contract) -> SafeString:
        return instant(row.due_at)

    @admin.display(description="entered")
    def created(self, row: Contract) -> SafeString:
        return instant(row.created_at)

    class Media:
        css = {"all": ["billing/admin.css"]}


def _step(contract: Contract, step: StepBalance, at: datetime) -> Commitment:
    zone = ZoneInfo(contract.time_zone)
    whole = step.ends_at - step.starts_at
    passed = min(max(at - step.starts_at, timedelta()), whole)
    drawn, committed, short, heading = (
        figures(value, contract.asset)
        for value in (step.drawn, step.committed, step.projected_shortfall, step.projected_drawn)
    )
    said = (
        f"From {step.starts_at.astimezone(zone):%Y-%m-%d}: {drawn} of {committed} drawn, heading "
        f"for {heading}, projected shortfall {short}"
    )
    return Commitment(
        label=f"{step.starts_at.astimezone(zone):%Y-%m-%d}",
        committed=step.committed,
        drawn=step.drawn,
        projected=step.projected_drawn,
        passed=Decimal(passed // _SECOND) / Decimal(whole // _SECOND),
        said=said,
    )


_SECOND = timedelta(seconds=1)


def _steps(contract: Contract, standing: Balance) -> Table:
    asset = contract.asset
    rows = [
        (
            instant(step.starts_at),
            instant(step.ends_at),
            amount(step.committed, asset),
            amount(step.drawn, asset),
            amount(step.remaining, asset),
            amount(step.burn_rate, asset),
            amount(step.projected_drawn, asset),
            amount(step.projected_shortfall, asset) if step.projected_shortfall else NOTHING,
            amount(step.overage, asset) if step.overage else NOTHING,
        )
        for step in standing.steps
    ]
    total = ("All steps", "", amount(standing.committed, asset), amount(standing.drawn, asset))
    footer = (*total, amount(standing.remaining, asset), "", "", "", "")
    return Table(
        title="Balance",
        columns=_COLUMNS,
        rows=rows,
        footer=footer,
        hint="The line in a bar is where an even pace would be now; the pale part is where it "
        "is heading.",
        empty="The term has not begun.",
    )
