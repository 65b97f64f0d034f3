"""The trial balance of a book, for a period or as of an instant, on the page or as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict

from ledger import balances
from ledger.admin import csv_download, pages
from ledger.admin.display import amount, period_name
from ledger.admin.fields import BookField, InstantField
from ledger.admin.tables import Table, number
from ledger.balances import TrialRow
from ledger.errors import OutOfBalanceError
from ledger.models import Account, Asset, Book, Period
from ledger.money import ZERO, exactly

_PERIODS: Final = 60
_HEADINGS: Final = ("Type", "Purpose", "Asset", "Opening", "Debits", "Credits", "Closing")


class Choices(forms.Form):
    book = BookField()
    period = forms.ChoiceField(required=False)
    effective_at = InstantField(label="or everything before (UTC)", required=False)

    def __init__(self, data: QueryDict) -> None:
        book = Book.objects.filter(pk=data.get("book") or 0).first() if _is_number(data) else None
        book = book or Book.objects.first()
        given = data.dict() | ({"book": str(book.pk)} if book else {})
        super().__init__(given)
        self.periods = {
            str(period.pk): period
            for period in Period.objects.filter(book=book).select_related("book")[:_PERIODS]
        }
        period = self.fields["period"]
        assert isinstance(period, forms.ChoiceField)
        period.choices = [("", "All time"), *((k, period_name(p)) for k, p in self.periods.items())]

    def rows(self) -> list[TrialRow]:
        """Return the trial balance that was asked for; errors as ``balances.trial_balance``."""
        given = self.cleaned_data
        before = given["effective_at"]
        period = None if before else self.periods.get(given["period"])
        return balances.trial_balance(book=given["book"], period=period, effective_at=before)


def _is_number(data: QueryDict) -> bool:
    text = data.get("book", "")
    return text.isascii() and text.isdigit() and len(text) < 6  # noqa: PLR2004


def view(request: HttpRequest) -> HttpResponse:
    choices = Choices(request.GET)
    rows: list[TrialRow] = []
    problem = ""
    if choices.is_valid():
        try:
            rows = choices.rows()
        except OutOfBalanceError as error:
            problem = str(error)
        if "csv" in request.GET and not problem:
            return _csv(choices.cleaned_data["book"], rows)
    download = request.GET.copy()
    download["csv"] = "1"
    context = {
        "lead": "All accounts of the same purpose and asset together. Debits less credits; "
        "units of meters are memo accounts and balance among themselves.",
        "choices": choices,
        "download_url": f"?{download.urlencode()}",
        "problem": problem,
        "tables": list(_tables(rows)),
    }
    return pages.report(request, PAGE, context)


def _csv(book: Book, rows: Sequence[TrialRow]) -> HttpResponse:
    lines: list[Sequence[object]] = [_HEADINGS]
    lines += [(*row, row.closing) for row in rows]
    return csv_download.response(f"trial-balance-{book.key}", lines)


def _tables(rows: Sequence[TrialRow]) -> Iterator[Table]:
    assets = {asset.code: asset for asset in Asset.objects.filter(code__in={r.asset for r in rows})}
    by_asset = sorted(rows, key=lambda row: (row.type == Account.Type.MEMO, row.asset))
    for (_, code), group in groupby(by_asset, key=lambda r: (r.type == Account.Type.MEMO, r.asset)):
        yield _table(list(group), assets[code])


def _table(rows: Sequence[TrialRow], asset: Asset) -> Table:
    with exactly():
        sums = [sum((values[place] for values in map(_amounts, rows)), ZERO) for place in range(4)]
    return Table(
        title=f"{asset.code} · {asset.name}" if asset.name != asset.code else asset.code,
        columns=("Type", "Purpose", *(number(heading) for heading in _HEADINGS[3:])),
        rows=[
            (
                row.type,
                row.purpose,
                *(amount(value, asset, is_named=False) for value in _amounts(row)),
            )
            for row in rows
        ],
        css="mb-plain",
        footer=("", "Total", *(amount(value, asset, is_named=False) for value in sums)),
    )


def _amounts(row: TrialRow) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    return row.opening, row.debits, row.credits, row.closing


PAGE: Final = pages.register(
    pages.Page(
        app_label="ledger",
        name="trial-balance",
        title="Trial balance",
        permission="ledger.view_balance",
        view=view,
    )
)
