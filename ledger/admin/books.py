"""Books and assets."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.timezone import now

from ledger import registry
from ledger.admin.base import Listing
from ledger.admin.fields import JsonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.models import Asset, Book


class BookForm(OperationForm):
    key = forms.CharField(max_length=100)
    name = forms.CharField(max_length=200)
    base_currency = forms.CharField(max_length=3, help_text="Like USD; it cannot be changed later.")
    time_zone = forms.ChoiceField(
        initial="UTC", help_text="It cuts the book's periods and cannot be changed later."
    )
    tax_ids = JsonField(label="Tax ids", help_text='Like {"eu_vat": "DE129273398"}.')

    def prepare(self) -> None:
        zones = self.fields["time_zone"]
        assert isinstance(zones, forms.ChoiceField)
        zones.choices = [(zone, zone) for zone in sorted(available_timezones())]


class RenameForm(OperationForm):
    name = forms.CharField(max_length=200)
    tax_ids = JsonField(label="Tax ids")

    def prepare(self) -> None:
        self.initial = {"name": self.row.name, "tax_ids": self.row.tax_ids}


class AssetForm(OperationForm):
    code = forms.CharField(max_length=100)
    name = forms.CharField(max_length=200)
    kind = forms.ChoiceField(choices=Asset.Kind.choices)
    scale = forms.IntegerField(
        min_value=0, max_value=12, initial=12, help_text="Decimal places that are kept, for ever."
    )


def _open_book(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    book = registry.create_book(at=now(), **given)
    return Done(message=f"Opened the book {book.key}.", row=book)


def _rename_book(request: HttpRequest, row: Book, given: dict[str, Any]) -> Done:
    return Done(message=f"Changed {row.key}.", row=registry.update_book(book=row, **given))


def _create_asset(request: HttpRequest, row: None, given: dict[str, Any]) -> Done:
    asset = registry.create_asset(**given)
    return Done(message=f"Added the asset {asset.code}.", row=asset)


RENAME_BOOK: Final = Operation(
    name="rename",
    label="Rename",
    explanation="Changes what the book is called and its tax ids.",
    permission="ledger.change_book",
    form=RenameForm,
    run=_rename_book,
)


@admin.register(Book)
class BookAdmin(Listing):
    adding = Operation(
        name="add",
        label="Open a book",
        explanation="A book is one legal entity's set of accounts. Books are never deleted.",
        permission="ledger.add_book",
        form=BookForm,
        run=_open_book,
    )
    keyset = ("key", "pk")
    list_display = ("key", "name", "base_currency", "time_zone")
    operations = (RENAME_BOOK,)


@admin.register(Asset)
class AssetAdmin(Listing):
    adding = Operation(
        name="add",
        label="Add an asset",
        explanation="Something to be counted: a currency, a credit, a meter's unit.",
        permission="ledger.add_asset",
        form=AssetForm,
        run=_create_asset,
    )
    keyset = ("code", "pk")
    list_display = ("code", "name", "kind", "scale")
    list_filter = ("kind",)
    search_fields = ("code", "name")
