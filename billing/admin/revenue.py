"""Revenue by product and month, what is owed in service, contract balances: on pages or as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict

from billing.reports import commitments, contract_balances, deferred, revenue
from billing.reports.contract_balances import Amounts, ContractRow
from billing.reports.ties import Tie
from ledger.admin import csv_download, pages
from ledger.admin.display import amount, period_name
from ledger.admin.fields import BookField
from ledger.admin.tables import Column, Table, number
from ledger.models import Asset, Book, Period
from ledger.money import ZERO, add, text, total

_MONTHS: Final = 60
ASSET: Final = "Asset"
_Cells = Sequence[object]
_Columns = Sequence[Column | str]


class Choices(forms.Form):
    book = BookField()
    since = forms.ChoiceField(label="From", required=False)
    until = forms.ChoiceField(label="To the end of", required=False)

    def __init__(self, data: QueryDict) -> None:
        asked = data.get("book", "")
        is_number = asked.isascii() and asked.isdigit() and len(asked) < 6  # noqa: PLR2004
        book = Book.objects.filter(pk=int(asked)).first() if is_number else None
        book = book or Book.objects.first()
        found = Period.objects.filter(book=book).select_related("book")[:_MONTHS]
        self.periods = {str(period.pk): period for period in found}
        newest = next(iter(self.periods), "")
        given = {"since": newest, "until": newest, **data.dict()}
        super().__init__(given | ({"book": str(book.pk)} if book else {}))
        for name in ("since", "until"):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(key, period_name(one)) for key, one in self.periods.items()]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Return the time that was asked for; None: there is nothing in the book."""
        given = self.cleaned_data
        if not given.get("since") or not given.get("until"):
            return None
        since, until = self.periods[given["since"]], self.periods[given["until"]]
        return since.starts_at, max(until.ends_at, since.ends_at)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One table of a report: headings, rows as they are; amounts are drawn on the page."""

    title: str
    columns: Sequence[Column | str]
    rows: list[_Cells]
    is_summed: bool = False  # of each asset, in lines below the others

    def table(self) -> Table:
        """Draw it."""
        assets = Asset.objects.in_bulk(self._assets, field_name="code")
        place = self._place
        rows = [
            [_drawn(cell, assets.get(str(row[place]))) for cell in row]
            for row in [*self.rows, *self._sums]
        ]
        return Table(title=self.title, columns=self.columns, rows=rows, css="mb-plain")

    @property
    def _place(self) -> int:
        return list(self.columns).index(ASSET)

    @property
    def _assets(self) -> list[str]:
        return sorted({str(row[self._place]) for row in self.rows})

    @property
    def _sums(self) -> list[_Cells]:
        found: list[_Cells] = []
        for asset in self._assets if self.is_summed else ():
            columns = zip(*(row for row in self.rows if row[self._place] == asset), strict=True)
            sums = [_sum(column) for column in columns]
            sums[0], sums[self._place] = "All", asset
            found.append(sums)
        return found

    def lines(self) -> list[_Cells]:
        """Write it."""
        headings = [c.label if isinstance(c, Column) else c for c in self.columns]
        rows = [*self.rows, *self._sums]
        written = [[text(c) if isinstance(c, Decimal) else c for c in row] for row in rows]
        return [[self.title], headings, *written, []]


def _drawn(cell: object, asset: Asset | None) -> object:
    return amount(cell, asset, is_named=False) if isinstance(cell, Decimal) else cell


def _sum(column: Sequence[object]) -> object:
    amounts = [cell for cell in column if isinstance(cell, Decimal)]
    return total(amounts) if amounts else ""


_Sheets = Callable[[Book, datetime, datetime], list[Sheet]]


def revenue_sheets(book: Book, since: datetime, until: datetime) -> list[Sheet]:
    """Return a row a product, a column a month; what is of none stands under what it was for."""
    found = revenue.revenue(book=book, starts_at=since, ends_at=until, by=revenue.GROUPS)
    months = sorted({row.month for row in found.rows})
    sums: defaultdict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for row in found.rows:
        place = row.asset, row.product or _of_no_product(row.source), row.month
        sums[place] = add(sums[place], row.amount)
    products = sorted({(asset, product) for asset, product, _ in sums})
    rows: list[_Cells] = [
        [
            product,
            asset,
            *(sums.get((asset, product, month), ZERO) for month in months),
        ]
        for asset, product in products
    ]
    columns: _Columns = ("Product", ASSET, *(number(month) for month in months))
    sheet = Sheet(title="Recognised revenue", columns=columns, rows=rows, is_summed=True)
    return [sheet, _ties(found.ties)]


def _of_no_product(source: str) -> str:
    if source == "one_off_revenue":
        return "One-off charges"
    return source.replace("_", " ").capitalize()


def deferred_sheets(book: Book, since: datetime, until: datetime) -> list[Sheet]:
    """Return the roll-forward of fees, and of credit."""
    found = deferred.deferred(book=book, starts_at=since, ends_at=until)
    names = ("opening", "billed", "returned", "earned", "closing")
    credit = ("opening", "sold", "granted", "consumed", "expired", "refunded", "closing")
    return [
        _roll("Fees paid in advance", names, found.fees),
        _roll("Prepaid credit", (*credit, "difference"), found.credit),
        _ties(found.ties),
    ]


def contract_sheets(book: Book, since: datetime, until: datetime) -> list[Sheet]:
    """Return customers' balances at the end, then those at the beginning: each fits a page."""
    found = contract_balances.contract_balances(book=book, starts_at=since, ends_at=until)
    names = ("unbilled", "receivable", "deferred", "credit", "unapplied")

    def sheet(when: str, balances: Callable[[ContractRow], Amounts]) -> Sheet:
        rows: list[_Cells] = [
            [row.customer, row.asset, *(getattr(balances(row), name) for name in names)]
            for row in found.rows
            if not balances(row).is_nothing
        ]
        columns: _Columns = ("Customer", ASSET, *(number(name) for name in names))
        title = f"Contract balances at the {when}"
        return Sheet(title=title, columns=columns, rows=rows, is_summed=True)

    ends = (sheet("end", lambda row: row.closing), sheet("beginning", lambda row: row.opening))
    return [*ends, _ties(found.ties)]


def commitment_sheets(book: Book, since: datetime, until: datetime) -> list[Sheet]:
    """Return contracts as of the end, with the minimums and the breakage of all time before it."""
    found = commitments.commitments(book=book, at=until)
    names = ("committed", "drawn", "remaining", "true_up", "overage", "rebate")
    rows: list[_Cells] = [
        [row.customer, row.contract, row.asset, *(getattr(row, name) for name in names)]
        for row in found.rows
    ]
    columns: _Columns = (
        "Customer",
        "Contract",
        ASSET,
        *(number(n.replace("_", "-")) for n in names),
    )
    more: list[_Cells] = [["Minimums of items", *one] for one in found.minimums.items()]
    more += [["Breakage of credit", *one] for one in found.breakage.items()]
    return [
        Sheet(title="Contracts", columns=columns, rows=rows),
        Sheet(title="Beside them", columns=("What", ASSET, number("Amount")), rows=more),
        _ties(found.ties),
    ]


def _roll(title: str, names: Sequence[str], rows: Sequence[Any]) -> Sheet:
    written: list[_Cells] = [[row.asset, *(getattr(row, name) for name in names)] for row in rows]
    return Sheet(title=title, columns=(ASSET, *(number(n) for n in names)), rows=written)


def _ties(ties: Sequence[Tie]) -> Sheet:
    rows: list[_Cells] = [
        [one.purpose, one.asset, one.said, one.trial_balance, one.difference] for one in ties
    ]
    columns: _Columns = (
        "Account",
        ASSET,
        number("Report"),
        number("Trial balance"),
        number("Difference"),
    )
    return Sheet(title="Against the trial balance", columns=columns, rows=rows)


def _page(name: str, title: str, lead: str, sheets: _Sheets) -> pages.Page:
    def view(request: HttpRequest) -> HttpResponse:
        choices = Choices(request.GET)
        found: list[Sheet] = []
        if choices.is_valid() and (span := choices.span):
            found = sheets(choices.cleaned_data["book"], *span)
        if "csv" in request.GET:
            lines = [line for sheet in found for line in sheet.lines()]
            return csv_download.response(name, lines)
        download = request.GET.copy()
        download["csv"] = "1"
        values = {
            "lead": lead,
            "choices": choices,
            "download_url": f"?{download.urlencode()}",
            "tables": [sheet.table() for sheet in found],
        }
        return pages.report(request, page, values)

    page = pages.Page(
        app_label="billing",
        name=name,
        title=title,
        permission="ledger.view_balance",
        view=view,
    )
    return pages.register(page)


PAGES: Final = (
    _page(
        "revenue",
        "Revenue",
        "What was recognised, by product and by the month it was booked in; discounts and rebates "
        "lower it.",
        revenue_sheets,
    ),
    _page(
        "deferred-revenue",
        "Deferred revenue",
        "What is owed in service: fees paid in advance, and prepaid credit; by when it happened.",
        deferred_sheets,
    ),
    _page(
        "contract-balances",
        "Contract balances",
        "What is not invoiced yet, what is invoiced and not paid, and what is owed in service.",
        contract_sheets,
    ),
    _page(
        "commitments",
        "Commitments",
        "What was promised to be spent, what is drawn of it, what was charged and given back.",
        commitment_sheets,
    ),
)
