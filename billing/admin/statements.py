"""A payer's statement of account: on the page, as PDF, as CSV."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.payments import printing
from billing.payments.statements import Statement, statement
from ledger import clocks
from ledger.admin import pages
from ledger.admin.display import amount, anchor, instant
from ledger.admin.fields import AssetField, CustomerField, InstantField
from ledger.admin.tables import Table, number
from ledger.errors import InvalidInputError
from ledger.models import Asset

_USUAL: Final = timedelta(days=365)


class Choices(forms.Form):
    payer = CustomerField()
    currency = AssetField(Asset.Kind.CURRENCY, to_field_name="code")
    starts_at = InstantField(label="From (UTC)")
    ends_at = InstantField(label="Until (UTC)")


def view(request: HttpRequest) -> HttpResponse:
    """Draw the statement that was asked for, or hand it out as a file."""
    if not request.GET.get("payer"):
        return pages.report(request, PAGE, {"choices": Choices(initial=_usual())})
    choices = Choices(_usual() | request.GET.dict())
    if not choices.is_valid():
        return pages.report(request, PAGE, {"choices": choices})
    given = choices.cleaned_data
    try:
        made = statement(
            payer=given["payer"],
            asset=given["currency"],
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
        )
    except InvalidInputError as error:
        return pages.report(request, PAGE, {"choices": choices, "problem": str(error)})
    if (wanted := request.GET.get("format")) in printing.FORMATS:
        return _file(made, str(wanted))
    shown = {"choices": choices, "tables": [_table(made)], "lead": _files(request)}
    return pages.report(request, PAGE, shown)


def link(payer: str, currency: str, label: object) -> SafeString:
    """Link to the statement of a payer, named as fields of the admin do, over the last year."""
    asked = urlencode({"payer": payer, "currency": currency})
    return anchor(f"{reverse(f'admin:{PAGE.url_name}')}?{asked}", label)


def _usual() -> dict[str, Any]:
    until = now().replace(microsecond=0)
    return {"starts_at": until - _USUAL, "ends_at": until}


def _file(made: Statement, wanted: str) -> HttpResponse:
    file = printing.write(made, format=wanted, at=clocks.now_of(made.payer, now()))
    answer = HttpResponse(file.content, content_type=file.media)
    answer["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return answer


def _files(request: HttpRequest) -> SafeString:
    asked = request.GET.dict()
    pdf, csv = (
        anchor(f"?{urlencode(asked | {'format': one})}", f"Download as {one.upper()}")
        for one in printing.FORMATS
    )
    return format_html("{} · {}", pdf, csv)


def _table(made: Statement) -> Table:
    def shown(value: Any) -> object:
        return amount(value, made.asset, is_named=False)

    return Table(
        title=f"{made.payer.name or made.payer.key}, in {made.asset.code}",
        columns=["Date", "What", "Number", "Text", number("Amount"), number("Balance")],
        rows=[
            [instant(made.starts_at), "Opening balance", "", "", "", shown(made.opening)],
            *(
                [
                    instant(line.at),
                    line.name,
                    line.number,
                    line.text,
                    shown(line.amount),
                    shown(line.balance),
                ]
                for line in made.lines
            ),
        ],
        footer=[instant(made.ends_at), "Closing balance", "", "", "", shown(made.closing)],
    )


PAGE: Final = pages.register(
    pages.Page(
        app_label="billing",
        name="account-statement",
        title="Statement of account",
        permission="billing.view_invoice",
        view=view,
    )
)
