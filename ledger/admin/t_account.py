"""The T-account: debits left, credits right, and the balance after each line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger import balances, ids, statements
from ledger.admin import sources
from ledger.admin.display import NOTHING, amount, instant, period_name, url
from ledger.admin.entries import account_link
from ledger.admin.fields import InstantField
from ledger.admin.tables import Table, number
from ledger.errors import InvalidInputError
from ledger.models import Account, Entry, Period, Transaction
from ledger.statements import Line, Statement

_LINES: Final = 50
_PERIODS: Final = 36
_ALL: Final = "all"
_COLUMNS: Final = (
    "Effective",
    "Transaction",
    "Other account",
    "Why",
    number("Debit"),
    number("Credit"),
    number("Balance"),
)
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


class Choices(forms.Form):
    """What of an account to show: a stretch of time, and a balance as of some instant."""

    period = forms.ChoiceField(required=False)
    starts_at = InstantField(label="or from (UTC)", required=False)
    ends_at = InstantField(label="to (UTC)", required=False)
    effective_at = InstantField(label="Balance as of: happened before (UTC)", required=False)
    posted_at = InstantField(label="and posted before (UTC)", required=False)

    def __init__(self, data: QueryDict, *, periods: list[Period]) -> None:
        newest = str(periods[0].pk) if periods else _ALL
        self.periods = {str(period.pk): period for period in periods}
        super().__init__({"period": newest, **data.dict()})
        period = self.fields["period"]
        assert isinstance(period, forms.ChoiceField)
        period.choices = [
            (_ALL, "All time"),
            *((key, period_name(period)) for key, period in self.periods.items()),
        ]

    def stretch(self) -> tuple[datetime, datetime]:
        """Return the chosen half-open stretch of time."""
        given = self.cleaned_data
        period = self.periods.get(given.get("period") or _ALL)
        starts_at, ends_at = (period.starts_at, period.ends_at) if period else (_FIRST, _LAST)
        if given.get("starts_at") or given.get("ends_at"):
            starts_at, ends_at = given.get("starts_at") or _FIRST, given.get("ends_at") or _LAST
        return starts_at, ends_at


def panels(request: HttpRequest, account: Account) -> dict[str, Any]:
    """Return the statement of an account, and its balance as of an instant if one is asked for."""
    recent = list(Period.objects.filter(book_id=account.book_id).select_related("book")[:_PERIODS])
    choices = Choices(request.GET, periods=recent)
    if not choices.is_valid():
        return {"choices": choices}
    starts_at, ends_at = choices.stretch()
    try:
        page = statements.statement(
            account=account,
            starts_at=starts_at,
            ends_at=ends_at,
            cursor=request.GET.get("cursor"),
            limit=_LINES,
        )
    except InvalidInputError as error:
        choices.add_error(None, str(error))
        return {"choices": choices}
    past = _as_of(account, choices.cleaned_data)
    return {"choices": choices, "tables": [*past, _table(request, page)]}


def _as_of(account: Account, given: dict[str, Any]) -> list[Table]:
    effective_at, posted_at = given.get("effective_at"), given.get("posted_at")
    if effective_at is None and posted_at is None:
        return []
    held = balances.as_of(account_ids=[account.pk], effective_at=effective_at, posted_at=posted_at)[
        account.pk
    ]
    row = (
        instant(effective_at),
        instant(posted_at),
        amount(held.debits, account.asset, is_named=False),
        amount(held.credits, account.asset, is_named=False),
        amount(held.settled, account.asset),
    )
    columns = (
        "Happened before",
        "Posted before",
        number("Debits"),
        number("Credits"),
        number("Balance"),
    )
    return [Table(title="Balance as of", columns=columns, rows=[row])]


def _table(request: HttpRequest, page: Statement) -> Table:
    asset = page.account.asset
    entry_ids = [line.entry_id for line in page.lines if line.entry_id is not None]
    source_ids = dict(Entry.objects.filter(pk__in=entry_ids).values_list("pk", "source_id"))
    reasons = sources.links(source_ids.values())
    opening = ("", "opening balance", "", "", NOTHING, NOTHING, amount(page.opening, asset))
    rows = [opening] + [
        (
            instant(line.effective_at),
            _origin(line),
            account_link(line.counter_account) if line.counter_account else NOTHING,
            reasons.get(source_ids.get(line.entry_id or 0) or 0, NOTHING),
            amount(line.debit, asset, is_named=False) if line.debit else "",
            amount(line.credit, asset, is_named=False) if line.credit else "",
            amount(line.balance, asset, is_named=False),
        )
        for line in page.lines
    ]
    is_house = ids.is_house(page.account.pk)
    parameters = request.GET.copy()
    has_cursor = parameters.pop("cursor", None) is not None
    return Table(
        title="T-account",
        hint="One line per transaction, by the time of posting." if is_house else "",
        columns=_COLUMNS,
        rows=rows,
        footer=("", "balance after this page", "", "", "", "", amount(page.closing, asset)),
        previous_url=f"?{parameters.urlencode()}" if has_cursor else "",
        next_url=f"?{_with(parameters, page.cursor)}" if page.cursor else "",
        css="mb-t-account",
    )


def _with(parameters: QueryDict, cursor: str) -> str:
    further = parameters.copy()
    further["cursor"] = cursor
    return further.urlencode()


def _origin(line: Line) -> SafeString:
    entry = ""
    if line.entry_id is not None:
        entry = format_html(
            ' · <a href="{}">entry {}</a>',
            url(Entry, "change", line.entry_id),
            line.entry_id - line.transaction_id,
        )
    return format_html(
        '<a href="{}">{}</a>{}<br><span class="mb-hint">{}{}</span>',
        url(Transaction, "change", line.transaction_id),
        line.key,
        entry,
        line.kind,
        f" · {line.memo}" if line.memo else "",
    )
