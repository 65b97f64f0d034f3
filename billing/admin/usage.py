"""Usage of a meter by window, customer and dimensions: a table and a chart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.timezone import now

from billing.admin import chart
from billing.metering import usage
from billing.metering.usage import UsagePage, UsageRow
from billing.metering.windows import Window
from billing.models import Meter
from ledger.admin import csv_download, pages
from ledger.admin.display import amount, figures, instant
from ledger.admin.fields import CustomerField, InstantField
from ledger.admin.tables import Table, number
from ledger.errors import InvalidInputError
from ledger.money import ZERO, add

_ROWS: Final = 1000
_DAYS: Final = 30
_ADDITIVE: Final = {Meter.Aggregation.SUM, Meter.Aggregation.COUNT}


class Choices(forms.Form):
    meter = forms.ModelChoiceField(Meter.objects.select_related("book", "unit"), empty_label=None)
    customer = CustomerField(required=False)
    below = forms.BooleanField(required=False, label="With those below")
    starts_at = InstantField(label="From (UTC)", required=False)
    ends_at = InstantField(label="To (UTC)", required=False)
    window = forms.ChoiceField(
        required=False, choices=[("", "the whole range"), *((w, w) for w in Window)]
    )
    zone = forms.ChoiceField(required=False, choices=[("UTC", "UTC"), ("book", "the book's")])
    group_by = forms.CharField(required=False, label="Group by (with commas)")

    def __init__(self, data: QueryDict, *, at: datetime) -> None:
        tomorrow = at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        first = Meter.objects.values_list("pk", flat=True).first()
        defaults = {
            "meter": first,
            "starts_at": f"{tomorrow - timedelta(days=_DAYS):%Y-%m-%dT%H:%M:%S}",
            "ends_at": f"{tomorrow:%Y-%m-%dT%H:%M:%S}",
            "window": Window.DAY.value,
        }
        super().__init__({**defaults, **data.dict()})

    @property
    def meter_chosen(self) -> Meter:
        meter: Meter = self.cleaned_data["meter"]
        return meter

    def groups(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["group_by"].split(",") if name.strip()]

    def zone_chosen(self) -> tzinfo:
        is_book = self.cleaned_data["zone"] == "book"
        return ZoneInfo(self.meter_chosen.book.time_zone) if is_book else UTC

    def window_chosen(self) -> Window | None:
        return Window(self.cleaned_data["window"]) if self.cleaned_data["window"] else None

    def page(self, at: datetime) -> UsagePage:
        """Return the usage that was asked for; errors as ``usage.query``."""
        given = self.cleaned_data
        return usage.query(
            book=self.meter_chosen.book,
            meter=self.meter_chosen,
            starts_at=given["starts_at"] or at - timedelta(days=_DAYS),
            ends_at=given["ends_at"] or at,
            customers=[given["customer"]] if given["customer"] else None,
            include_descendants=given["below"],
            window=self.window_chosen(),
            zone=self.zone_chosen(),
            group_by=self.groups(),
            limit=_ROWS,
        )


def view(request: HttpRequest) -> HttpResponse:
    at = now()
    choices = Choices(request.GET, at=at)
    context: dict[str, Any] = {"choices": choices}
    if choices.is_valid():
        try:
            page = choices.page(at)
        except InvalidInputError as error:
            context["problem"] = str(error)
        else:
            if "csv" in request.GET:
                return _csv(choices, page)
            context |= _shown(request, choices, page)
    return pages.report(request, PAGE, context, "admin/billing/usage.html")


def _shown(request: HttpRequest, choices: Choices, page: UsagePage) -> dict[str, Any]:
    meter, groups, zone = choices.meter_chosen, choices.groups(), choices.zone_chosen()
    rows = [
        (
            instant(row.window_start, zone),
            *(row.group[name] or "–" for name in groups),
            amount(row.value, meter.unit),
            f"{row.events:,}",
        )
        for row in page.rows
    ]
    table = Table(
        title=f"{meter.key}: {meter.get_aggregation_display()} by window",
        columns=(
            "From",
            *groups,
            number("Value"),
            number("Events"),
        ),
        rows=rows,
        hint=f"Only the first {_ROWS:,} rows are shown: ask for less." if page.cursor else "",
        empty="No usage in this time.",
    )
    download = request.GET.copy()
    download["csv"] = "1"
    chart_ = _chart(meter, page.rows, zone, has_groups=bool(groups))
    return {"tables": [table], "chart": chart_, "download_url": f"?{download.urlencode()}"}


def _chart(meter: Meter, rows: Sequence[UsageRow], zone: tzinfo, *, has_groups: bool) -> Any:
    if has_groups and meter.aggregation not in _ADDITIVE:
        return ""  # values of groups do not add up
    values: defaultdict[datetime, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        values[row.window_start] = add(values[row.window_start], row.value)
    unit = meter.unit.code
    data = [
        chart.Bar(
            f"{start.astimezone(zone):%Y-%m-%d %H:%M}",
            value,
            f"{start.astimezone(zone):%Y-%m-%d %H:%M %Z}: {figures(value)} {unit}",
        )
        for start, value in sorted(values.items())
    ]
    return chart.bars(data, unit=unit)


def _csv(choices: Choices, page: UsagePage) -> HttpResponse:
    groups = choices.groups()
    lines: list[Sequence[object]] = [("from", "to", *groups, "value", "unit", "events")]
    for row in page.rows:
        times = (row.window_start.isoformat(), row.window_end.isoformat())
        labels = (row.group[name] for name in groups)
        lines.append((*times, *labels, row.value, choices.meter_chosen.unit.code, row.events))
    return csv_download.response(f"usage-{choices.meter_chosen.key}", lines)


PAGE: Final = pages.register(
    pages.Page(
        app_label="billing",
        name="usage",
        title="Usage",
        permission="billing.view_meter",
        view=view,
    )
)
