"""Tax codes: what something is to the tax office."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing import taxcodes
from billing.models import TaxCode
from ledger.admin.base import BookFilter, Listing
from ledger.admin.display import instant
from ledger.admin.fields import BookField
from ledger.admin.operations import Done, Operation, OperationForm


class NameForm(OperationForm):
    name = forms.CharField(max_length=256)
    description = forms.CharField(max_length=1024, required=False)
    classification = forms.ChoiceField(
        label="Sold as",
        choices=TaxCode.Classification.choices,
        help_text="Decides where it is taxed.",
    )

    def prepare(self) -> None:
        if self.row is not None:
            names = ("name", "description", "classification")
            self.initial = {name: getattr(self.row, name) for name in names}


class TaxCodeForm(NameForm):
    book = BookField()
    key = forms.CharField(max_length=100)
    field_order = ("book", "key")


def _create(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    code = taxcodes.create(at=now(), **given)
    return Done(message=f"Added the tax code {code.key}.", row=code)


def _change(request: HttpRequest, row: TaxCode, given: dict[str, Any]) -> Done:
    code = taxcodes.update(tax_code=row, metadata=row.metadata, **given)
    return Done(message=f"Changed {code.key}.", row=code)


CHANGE: Final = Operation(
    name="edit",
    label="Change",
    explanation="What was issued stays as it was taxed. The key stays.",
    permission="billing.change_taxcode",
    form=NameForm,
    run=_change,
)


@admin.register(TaxCode)
class TaxCodeAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add a tax code",
        explanation="A kind of goods or services that is taxed alike.",
        permission="billing.add_taxcode",
        form=TaxCodeForm,
        run=_create,
    )
    fields = ("key", "name", "description", "classification", "book", "created")
    readonly_fields = fields
    keyset = ("key", "pk")
    list_display = ("key", "name", "classification", "description", "book")
    list_filter = (BookFilter,)
    list_select_related = ("book",)
    operations = (CHANGE,)
    search_fields = ("key__istartswith", "name__icontains")

    @admin.display(description="created")
    def created(self, row: TaxCode) -> SafeString:
        return instant(row.created_at)
