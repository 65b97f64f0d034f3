"""Whose usage a subject's is, and how that customer pays."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import catalogue
from billing.metering import unattributed
from billing.models import BillingProfile, RateCard, Subject
from ledger.admin.base import BookFilter, CustomersBookFilter, Listing
from ledger.admin.display import amount, instant, link
from ledger.admin.fields import BookField, CustomerField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import Book, Customer


class SubjectForm(OperationForm):
    book = BookField()
    key = forms.CharField(max_length=255, help_text="As usage events name it.")
    customer = CustomerField()


class RemapForm(OperationForm):
    customer = CustomerField()


def map_and_post(*, book: Book, key: str, customer: Customer) -> Done:
    """Map a subject, post what waited for it, and say how much that was."""
    at = now()
    subject = catalogue.map_subject(book=book, key=key, customer=customer, at=at)
    outcome = unattributed.post_mapped(book=book, at=at)
    waited = f" {outcome.accepted:,} waiting events were posted." if outcome.accepted else ""
    return Done(message=f"{key} is {customer.key}'s now.{waited}", row=subject)


def _map(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    return map_and_post(**given)


def _remap(request: HttpRequest, row: Subject, given: dict[str, Any]) -> Done:
    return map_and_post(book=row.book, key=row.key, **given)


REMAP: Final = Operation(
    name="remap",
    label="Give to another customer",
    explanation="From now on. What has been posted stays with the customer it was posted to.",
    permission="billing.change_subject",
    form=RemapForm,
    run=_remap,
)


@admin.register(Subject)
class SubjectAdmin(Listing):
    adding = Operation(
        name="add",
        label="Map a subject",
        explanation="Says whose usage a subject's is. Usage that waited for it is posted at once.",
        permission="billing.add_subject",
        form=SubjectForm,
        run=_map,
    )
    fields = ("key", "book", "customer_link", "created")
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "book", "customer_link", "created")
    list_filter = (BookFilter,)
    list_select_related = ("book", "customer")
    operations = (REMAP,)
    search_fields = ("key__istartswith", "customer__key__istartswith")
    search_help_text = "Beginning of the subject's or customer's key"

    @admin.display(description="customer")
    def customer_link(self, row: Subject) -> SafeString:
        return link(row.customer)

    @admin.display(description="mapped first")
    def created(self, row: Subject) -> SafeString:
        return instant(row.created_at)


class TermsForm(OperationForm):
    settlement = forms.ChoiceField(choices=BillingProfile.Settlement.choices)
    rate_card = forms.ModelChoiceField(
        RateCard.objects.select_related("book"),
        required=False,
        help_text="Empty is the parent's, then the book's default.",
    )
    credit_limit = forms.DecimalField(
        required=False,
        min_value=0,
        max_digits=38,
        decimal_places=12,
        help_text="How much may be owed, in each asset; empty is without end.",
    )
    limit_covers = forms.ChoiceField(
        choices=BillingProfile.LimitCovers.choices,
        required=False,
        label="The limit covers",
        help_text="Whether unpaid documents count, or only what is not billed yet.",
    )

    def clean_limit_covers(self) -> str:
        return str(
            self.cleaned_data["limit_covers"] or BillingProfile.LimitCovers.UNBILLED_AND_RECEIVABLE
        )


class ProfileForm(TermsForm):
    customer = CustomerField()
    field_order = ("customer",)


class ChangeForm(TermsForm):
    def prepare(self) -> None:
        names = ("settlement", "rate_card", "credit_limit", "limit_covers")
        self.initial = {name: getattr(self.row, name) for name in names}


def _set(request: HttpRequest, row: BillingProfile | None, given: dict[str, Any]) -> Done:
    terms = given if row is None else {**given, "customer": row.customer}
    profile = catalogue.set_profile(**terms)
    return Done(message=f"Set how {profile.customer.key} pays.", row=profile)


CHANGE: Final = Operation(
    name="edit",
    label="Change",
    explanation="For usage that is received from now on.",
    permission="billing.change_billingprofile",
    form=ChangeForm,
    run=_set,
)


@admin.register(BillingProfile)
class BillingProfileAdmin(Listing):
    adding = Operation(
        name="add",
        label="Set a billing profile",
        explanation="How a customer is priced and pays; what it has already is replaced.",
        permission="billing.add_billingprofile",
        form=ProfileForm,
        run=_set,
    )
    fields = ("customer_link", "settlement", "rate_card", "limit", "limit_covers")
    readonly_fields = fields
    list_display = ("customer_link", "settlement", "rate_card", "limit")
    list_filter = (CustomersBookFilter, "settlement")
    list_select_related = ("customer", "rate_card")
    operations = (CHANGE,)
    search_fields = ("customer__key__istartswith",)

    @admin.display(description="customer")
    def customer_link(self, row: BillingProfile) -> SafeString:
        return link(row.customer)

    @admin.display(description="credit limit")
    def limit(self, row: BillingProfile) -> SafeString:
        return amount(row.credit_limit)
