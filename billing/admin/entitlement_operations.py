"""What may be done with entitlements: given by hand, added to, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django import forms
from django.http import HttpRequest
from django.utils.timezone import now

from billing.entitlements import giving
from billing.entitlements.rights import right_of
from billing.models import Entitlement, Feature
from ledger import clocks
from ledger.admin.display import figures
from ledger.admin.fields import CustomerField, InstantField, JsonField
from ledger.admin.operations import Done, Operation, OperationForm
from wallets.admin import changes
from wallets.admin.changes import ReasonedForm
from wallets.admin.fields import CreditField

if TYPE_CHECKING:
    _FeatureField: TypeAlias = forms.ModelChoiceField[Feature]
else:
    _FeatureField = forms.ModelChoiceField

_METERED: Final = {"data-shown-for": "kind=metered"}
_STATIC: Final = {"data-shown-for": "kind=static"}


class FeatureField(_FeatureField):
    """A feature, named with its book."""

    def label_from_instance(self, obj: Feature) -> str:
        return f"{obj.book.key}: {obj.key}"


class GiveForm(OperationForm):
    customer = CustomerField(help_text="Its key. All below it have the right, too.")
    feature = FeatureField(Feature.objects.none())
    kind = forms.ChoiceField(
        choices=[
            ("boolean", "there or not"),
            ("metered", "metered: so many units"),
            ("static", "static: with a configuration"),
        ]
    )
    limit = forms.DecimalField(
        label="Units",
        required=False,
        min_value=0,
        max_digits=38,
        decimal_places=12,
        help_text="In the meter's unit; empty is without end.",
    )
    is_soft_limit = forms.BooleanField(
        label="Soft limit", required=False, help_text="Use goes on when the limit is reached."
    )
    usage_period = forms.CharField(
        label="Counted anew every",
        required=False,
        max_length=40,
        help_text="P1M is a month, P1D a day, PT1H an hour; empty is never.",
    )
    preserves_overage = forms.BooleanField(
        label="Preserve overage",
        required=False,
        help_text="What is used beyond is taken off the next period; else it is forgiven.",
    )
    config = JsonField(label="Configuration", help_text="What is given to who asks: {…}.")
    anchor = InstantField(
        label="Periods counted from (UTC)", required=False, help_text="Empty is its start."
    )
    time_zone = forms.CharField(max_length=64, required=False, help_text="Empty is the book's.")
    starts_at = InstantField(label="From (UTC)", required=False, help_text="Empty is now.")
    ends_at = InstantField(label="Until (UTC)", required=False, help_text="Empty is without end.")

    def prepare(self) -> None:
        field = self.fields["feature"]
        assert isinstance(field, FeatureField)
        offered = Feature.objects.filter(archived_at=None).select_related("book")
        field.queryset = offered.order_by("book__key", "key")
        metered = ("limit", "is_soft_limit", "usage_period", "preserves_overage", "anchor")
        for name in (*metered, "time_zone"):
            self.fields[name].widget.attrs |= _METERED
        self.fields["config"].widget.attrs |= _STATIC

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        # What the page hides plays no part.
        given["config"] = (given.get("config") or None) if given.get("kind") == "static" else None
        if given.get("kind") != Entitlement.Kind.METERED:
            no = {"is_soft_limit": False, "preserves_overage": False, "usage_period": ""}
            given |= {"limit": None, "anchor": None, "time_zone": "", **no}
        return given

    class Media:
        js = ["billing/choices.js"]


class AddForm(ReasonedForm):
    amount = CreditField(label="Units")
    expires_at = InstantField(label="Until (UTC)", required=False, help_text="Empty is never.")

    def prepare(self) -> None:
        super().prepare()
        row: Entitlement = self.row
        at = clocks.now_of(row.customer, now())
        self.fields["expires_at"].initial = right_of(row).resets_at(at)
        meter = row.feature.meter
        self.fields["amount"].help_text = f"In {meter.unit.code}." if meter else ""


def _give(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    at = clocks.now_of(given["customer"], now())
    made = giving.give(at=at, **given)
    return Done(message=f"{made.customer.key} may use {made.feature.key}.", row=made)


def _add(request: HttpRequest, row: Entitlement, given: dict[str, Any]) -> Done:
    packs = giving.packs(entitlement=row, at=clocks.now_of(row.customer, now()))
    terms = {"amount": given["amount"], "expires_at": given["expires_at"], **packs.terms}
    return changes.submit(
        request,
        book=row.customer.book,
        operation="grant",
        arguments={"wallet": packs.wallet, **terms},
        given=given,
        done=f"Added {figures(given['amount'])} {packs.wallet.asset.code}.",
    )


def _end(request: HttpRequest, row: Entitlement, given: dict[str, Any]) -> Done:
    giving.end(entitlement=row, at=clocks.now_of(row.customer, now()))
    return Done(message=f"Ended {row.feature.key} of {row.customer.key}.", row=row)


def _is_open(row: Entitlement) -> bool:
    at = clocks.now_of(row.customer, now())
    return row.ends_at is None or at < row.ends_at


GIVE: Final = Operation(
    name="add",
    label="Give a right",
    explanation="Lets a customer, and all below it, use a feature, whatever its plan says. Units "
    "are added to those that it has from elsewhere; without an end they lift every limit.",
    permission="billing.add_entitlement",
    form=GiveForm,
    run=_give,
)
ADD: Final = Operation(
    name="add-units",
    label="Add units",
    explanation="On top of the allowance, until they lapse. What lapses first is used first.",
    permission="wallets.add_creditgrant",
    form=AddForm,
    run=_add,
    applies=lambda row: row.limit is not None and _is_open(row),
)
END: Final = Operation(
    name="end",
    label="End",
    explanation="What is left of its allowance is void. A subscription's ends with its item.",
    permission="billing.change_entitlement",
    run=_end,
    applies=lambda row: row.item_id is None and _is_open(row),
    is_grave=True,
)
ALL: Final = (ADD, END)
