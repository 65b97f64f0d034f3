"""Rates of tax, tax ids with their evidence, and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.models import Exemption, TaxCode, TaxEvidence, TaxId, TaxRate
from billing.tax import ids as tax_ids
from billing.taxation import exemptions, ids, rates
from ledger.admin.base import BookFilter, CustomersBookFilter, Listing, cause_of
from ledger.admin.display import NOTHING, badge, instant, link
from ledger.admin.fields import BookField, CustomerField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table

_SHOWN: Final = 100
_TONES: Final = {"valid": "good", "invalid": "bad", "unverified": "warn", "unavailable": "warn"}


def _day(label: str, *, is_required: bool = True) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(label=label, required=is_required, widget=widget)


# --- Rates ---------------------------------------------------------------------------------------


class RateForm(OperationForm):
    book = BookField()
    jurisdiction = forms.CharField(
        max_length=40, help_text="A country like DE, or a part of one like US-CA."
    )
    tax_code = forms.ModelChoiceField(
        TaxCode.objects.none(),
        required=False,
        empty_label="All without an own rate",
    )
    category = forms.ChoiceField(choices=TaxRate.Category.choices)
    percentage = forms.DecimalField(max_digits=9, decimal_places=6, min_value=0)
    name = forms.CharField(
        max_length=100, required=False, help_text="Why, on documents, where nothing is taken."
    )
    valid_from = _day("Holds from")

    def prepare(self) -> None:
        field = self.fields["tax_code"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = TaxCode.objects.order_by("book__key", "key")


class EndForm(OperationForm):
    valid_to = _day("Holds no longer from")


def _enter_rate(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    rate = rates.enter(at=now(), **given)
    return Done(message=f"Entered {rate}.", row=rate)


def _end_rate(request: HttpRequest, row: TaxRate, given: dict[str, Any]) -> Done:
    rate = rates.end(rate=row, **given)
    return Done(message=f"{rate} ends on {rate.valid_to}.", row=rate)


END_RATE: Final = Operation(
    name="end",
    label="End",
    explanation="Documents from that day on do not bear it. What was issued stays.",
    permission="billing.change_taxrate",
    form=EndForm,
    run=_end_rate,
    applies=lambda row: row.valid_to is None,
)


@admin.register(TaxRate)
class TaxRateAdmin(Listing):
    adding = Operation(
        name="add",
        label="Enter a rate",
        explanation="It ends the rate of the same place and code that holds until then.",
        permission="billing.add_taxrate",
        form=RateForm,
        run=_enter_rate,
    )
    fields = (
        *("jurisdiction", "code", "category", "percentage", "name", "valid_from", "valid_to"),
        "book",
    )
    readonly_fields = fields
    keyset = ("jurisdiction", "pk")
    list_display = ("jurisdiction", "code", "category", "rate", "valid_from", "valid_to", "book")
    list_filter = (BookFilter, "category")
    list_select_related = ("book", "tax_code")
    operations = (END_RATE,)
    search_fields = ("jurisdiction__istartswith", "tax_code__key__istartswith")

    @admin.display(description="tax code")
    def code(self, row: TaxRate) -> object:
        return link(row.tax_code) if row.tax_code else "all others"

    @admin.display(description="rate", ordering="percentage")
    def rate(self, row: TaxRate) -> str:
        return f"{row.percentage.normalize():f} %"


# --- Tax ids -------------------------------------------------------------------------------------


class TaxIdForm(OperationForm):
    customer = CustomerField()
    kind = forms.ChoiceField(label="Type", choices=[(kind, kind) for kind in tax_ids.TYPES])
    number = forms.CharField(max_length=40)


def _enter_id(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    entered = ids.enter(at=now(), cause=cause_of(request), **given)
    return Done(message=f"Entered {entered}.", row=entered)


def _end_id(request: HttpRequest, row: TaxId, given: dict[str, Any]) -> Done:
    return Done(message=f"Ended {row}.", row=ids.end(tax_id=row, at=now()))


END_ID: Final = Operation(
    name="end",
    label="End",
    explanation="It decides about no tax any more. What was found out about it stays.",
    permission="billing.change_taxid",
    run=_end_id,
    applies=lambda row: row.ended_at is None,
    is_grave=True,
)


@admin.register(TaxId)
class TaxIdAdmin(Listing):
    adding = Operation(
        name="add",
        label="Enter a tax id",
        explanation="In place of the customer's one of that type so far.",
        permission="billing.add_taxid",
        form=TaxIdForm,
        run=_enter_id,
    )
    fields = ("customer", "type", "number", "country", "standing", "checked", "created", "ended")
    readonly_fields = fields
    keyset = ("-pk",)
    list_display = ("number", "type", "who", "standing", "checked", "ended")
    list_filter = (CustomersBookFilter, "status", "type")
    list_select_related = ("customer",)
    operations: tuple[Operation, ...] = (END_ID,)
    search_fields = ("number__istartswith", "customer__key__istartswith")

    @admin.display(description="customer")
    def who(self, row: TaxId) -> SafeString:
        return link(row.customer)

    @admin.display(description="status")
    def standing(self, row: TaxId) -> SafeString:
        return badge(row.get_status_display(), _TONES[row.status])

    @admin.display(description="checked")
    def checked(self, row: TaxId) -> SafeString:
        return instant(row.checked_at)

    @admin.display(description="entered")
    def created(self, row: TaxId) -> SafeString:
        return instant(row.created_at)

    @admin.display(description="ended")
    def ended(self, row: TaxId) -> SafeString:
        return instant(row.ended_at)

    def panels(self, request: HttpRequest, obj: TaxId) -> dict[str, Any]:
        rows = obj.evidence.order_by("-id")[:_SHOWN]
        return {
            "tables": [
                Table(
                    title="What was found out",
                    columns=("when", "what", "answer", "request", "by"),
                    rows=[
                        (
                            instant(each.recorded_at),
                            each.get_kind_display(),
                            str(each.answer),
                            each.request_identifier or NOTHING,
                            each.cause or NOTHING,
                        )
                        for each in rows
                    ],
                )
            ]
        }


def extend(*, operations: Sequence[Operation]) -> None:
    """Let a package above say how an authority is asked about tax ids."""
    TaxIdAdmin.operations = (*TaxIdAdmin.operations, *operations)


@admin.register(TaxEvidence)
class TaxEvidenceAdmin(Listing):
    fields = ("customer", "tax_id", "kind", "answer", "request_identifier", "cause", "recorded")
    readonly_fields = fields
    keyset = ("-pk",)
    list_display = ("kind", "who", "tax_id", "request_identifier", "recorded")
    list_filter = (CustomersBookFilter, "kind")
    list_select_related = ("customer", "tax_id")
    search_fields = ("customer__key__istartswith",)

    @admin.display(description="customer")
    def who(self, row: TaxEvidence) -> SafeString:
        return link(row.customer)

    @admin.display(description="recorded")
    def recorded(self, row: TaxEvidence) -> SafeString:
        return instant(row.recorded_at)


# --- Certificates --------------------------------------------------------------------------------


class ExemptionForm(OperationForm):
    customer = CustomerField()
    jurisdiction = forms.CharField(max_length=40)
    certificate = forms.CharField(max_length=100, label="Number of the certificate")
    tax_codes = forms.ModelMultipleChoiceField(
        TaxCode.objects.none(), required=False, help_text="None is all that is sold."
    )
    valid_from = _day("Holds from")
    valid_to = _day("Holds no longer from", is_required=False)

    def prepare(self) -> None:
        field = self.fields["tax_codes"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = TaxCode.objects.order_by("book__key", "key")


def _grant(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    codes = [code.key for code in given.pop("tax_codes")]
    made = exemptions.grant(at=now(), tax_codes=codes, cause=cause_of(request), **given)
    return Done(message=f"Entered the certificate {made}.", row=made)


def _revoke(request: HttpRequest, row: Exemption, given: dict[str, Any]) -> Done:
    return Done(message=f"Revoked {row}.", row=exemptions.revoke(exemption=row, at=now()))


REVOKE: Final = Operation(
    name="revoke",
    label="Revoke",
    explanation="Drafts bear the tax again. What was issued stays.",
    permission="billing.change_exemption",
    run=_revoke,
    applies=lambda row: row.revoked_at is None,
    is_grave=True,
)


@admin.register(Exemption)
class ExemptionAdmin(Listing):
    adding = Operation(
        name="add",
        label="Enter a certificate",
        explanation="Frees a customer from the tax of a jurisdiction.",
        permission="billing.add_exemption",
        form=ExemptionForm,
        run=_grant,
    )
    fields = (
        *("customer", "jurisdiction", "certificate", "tax_codes", "valid_from", "valid_to"),
        *("revoked", "created"),
    )
    readonly_fields = fields
    keyset = ("-pk",)
    list_display = ("certificate", "jurisdiction", "who", "valid_from", "valid_to", "revoked")
    list_filter = (CustomersBookFilter,)
    list_select_related = ("customer",)
    operations = (REVOKE,)
    search_fields = ("certificate__istartswith", "customer__key__istartswith")

    @admin.display(description="customer")
    def who(self, row: Exemption) -> SafeString:
        return link(row.customer)

    @admin.display(description="revoked")
    def revoked(self, row: Exemption) -> SafeString:
        return instant(row.revoked_at)

    @admin.display(description="entered")
    def created(self, row: Exemption) -> SafeString:
        return instant(row.created_at)
