"""The ageing report: who owes what for how long, on the page or as CSV."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timezone import now

from billing.admin import statements
from billing.payments.ageing import Aged, Ageing, ageing
from ledger.admin import csv_download, pages
from ledger.admin.display import amount, anchor
from ledger.admin.fields import BookField, InstantField
from ledger.admin.tables import Table, number
from ledger.models import Asset, Book


class Choices(forms.Form):
    book = BookField()
    at = InstantField(label="As of (UTC)", required=False)


def view(request: HttpRequest) -> HttpResponse:
    """Draw the report that was asked for."""
    first = Book.objects.first()
    given: dict[str, Any] = {"book": first.pk if first else None} | request.GET.dict()
    choices = Choices(given)
    if not choices.is_valid():
        return pages.report(request, PAGE, {"choices": choices})
    book = choices.cleaned_data["book"]
    made = ageing(book=book, at=choices.cleaned_data["at"] or now())
    if request.GET.get("format") == "csv":
        return csv_download.response("ageing", [_headings(made), *map(_plain, made.rows)])
    return pages.report(request, PAGE, {"choices": choices, "tables": [_table(made, book)]})


def _headings(made: Ageing) -> list[str]:
    return ["Payer", "Currency", *made.labels, "Total", "Credit notes", "Unapplied", "Net"]


def _plain(row: Aged) -> list[object]:
    return [row.payer_key, row.currency, *row.owed, row.total, row.credits, row.unapplied, row.net]


def _table(made: Ageing, book: Book) -> Table:
    assets = {asset.code: asset for asset in Asset.objects.filter(kind=Asset.Kind.CURRENCY)}
    sums = [[*_shown(row, assets, "All"), ""] for row in made.sums()]
    return Table(
        title="What is owed, by days overdue",
        columns=[
            "Payer",
            "Currency",
            *(number(label) for label in _headings(made)[2:]),
            "",
        ],
        rows=[
            *([*_shown(row, assets, _link(row)), _statement(row, book)] for row in made.rows),
            *sums,
        ],
        empty="Nobody owes anything.",
    )


def _shown(row: Aged, assets: dict[str, Asset], name: object) -> list[object]:
    figures = (*row.owed, row.total, row.credits, row.unapplied, row.net)
    asset = assets[row.currency]
    return [name, row.currency, *(amount(one, asset, is_named=False) for one in figures)]


def _link(row: Aged) -> object:
    documents = reverse("admin:billing_invoice_changelist")
    return anchor(f"{documents}?q={row.payer_key}", row.payer_name or row.payer_key)


def _statement(row: Aged, book: Book) -> object:
    return statements.link(f"{book.key}:{row.payer_key}", row.currency, "Statement")


PAGE: Final = pages.register(
    pages.Page(
        app_label="billing",
        name="ageing",
        title="Ageing",
        permission="billing.view_invoice",
        view=view,
    )
)
