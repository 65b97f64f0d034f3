"""How a wallet's credit went and is going to go, as SVG, and in words for who does not see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.admin import charts
from ledger.admin.charts import Frame, Plane, Tick
from ledger.admin.display import figures
from ledger.models import Asset
from ledger.money import ONE, SCALE, ZERO, multiply, subtract
from wallets.days import Day
from wallets.forecast import Forecast, Left

_FRAME: Final = Frame(width=960, height=300, left=66, right=20, top=26, base=250)
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_DATES: Final = 8  # written along the base, about
_PLACES, _MORE_PLACES = 2, 6  # of what is used per day, if it is less than one
_LEAST_AHEAD: Final = 6  # the part of the past that is drawn ahead, at least
_NAME_ROOM: Final = 110  # that the name of the run-out needs beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is drawn: days in order with the present one last, and what is to come from ``at``."""

    days: Sequence[Day]
    forecast: Forecast
    at: datetime
    asset: Asset

    @property
    def starts_at(self) -> datetime:
        """The end of the first day: what is known of it is what was left then."""
        return _midnight(self.days[0].date) + _DAY

    @property
    def ends_at(self) -> datetime:
        """As far ahead as behind, or a bit further than credit lasts."""
        behind = len(self.days) * _DAY
        runs_out_at = self.forecast.runs_out_at
        if runs_out_at is None:
            return self.at + behind
        return self.at + min(behind, max((runs_out_at - self.at) * 1.2, behind / _LEAST_AHEAD))

    @property
    def past(self) -> list[Left]:
        """What was left at the end of each day, and is left now."""
        ends = [Left(_midnight(day.date) + _DAY, max(day.balance, ZERO)) for day in self.days[:-1]]
        return [*ends, Left(self.at, max(self.days[-1].balance, ZERO))]

    @property
    def future(self) -> list[Left]:
        """What will be left, from what is left now as far as is drawn; what is held drops out."""
        course = [self.past[-1], *self.forecast.course]
        if self.forecast.runs_out_at is None:
            course.append(Left(max(self.ends_at, course[-1].at), course[-1].amount))
        return list(_until(course, self.ends_at))


def draw(story: Story, *, name: str) -> SafeString:
    """Draw what was left day by day, and dashed what will be, at the pace of these days."""
    past, future = story.past, story.future
    highest = max(left.amount for left in (*past, *future))
    plane = Plane(_FRAME, _seconds(story, story.ends_at), charts.with_headroom(highest))
    return format_html(
        '<svg class="mb-plane mb-balance" viewBox="0 0 {} {}" role="img"'
        ' aria-labelledby="mb-balance-title mb-balance-said">'
        '<title id="mb-balance-title">{}</title><desc id="mb-balance-said">{}</desc>'
        "{}{}{}{}{}{}</svg>",
        _FRAME.width, _FRAME.height,
        f"What is left in {name}, in {story.asset.code}", " ".join(sentences(story)),
        charts.axes(plane, amounts_in=story.asset.code, ticks=_dates(story, plane), places_in=""),
        charts.area([(_seconds(story, left.at), left.amount) for left in past], plane),
        _dashed(story, future, plane), _now(story, plane), _run_out(story, plane),
        _days(story, plane),
    )  # fmt: skip


def pace(forecast: Forecast) -> Decimal:
    """Return what is used per day, as exactly as anybody wants to read it."""
    burn = forecast.burn_per_day
    return round(burn, _PLACES if burn >= ONE else _MORE_PLACES)


def sentences(story: Story) -> Iterator[str]:
    """Say what the picture shows."""
    first, last = story.past[0], story.past[-1]
    yield (
        f"{_shown(story, first.amount)} was left at the end of {story.days[0].date}"
        f" and {_shown(story, last.amount)} is left now."
    )
    burn = _shown(story, pace(story.forecast))
    runs_out_at = story.forecast.runs_out_at
    if runs_out_at is None:
        yield f"At {burn} per day it does not run out."
    elif runs_out_at <= story.at:
        yield "Nothing is left to be used."
    else:
        yield f"At {burn} per day nothing is left to be used from {runs_out_at:%Y-%m-%d} on."


def _dashed(story: Story, future: Sequence[Left], plane: Plane) -> SafeString:
    path = " L".join(
        f"{plane.x(_seconds(story, left.at))} {plane.y(left.amount)}" for left in future
    )
    return format_html('<path class="mb-ahead" d="M{}"/>', path)


def _now(story: Story, plane: Plane) -> SafeString:
    x = plane.x(_seconds(story, story.at))
    return format_html(
        '<line class="mb-now" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-tick" x="{}" y="{}" text-anchor="middle">now</text>',
        x, _FRAME.top, x, _FRAME.base, x, _FRAME.top - 6,
    )  # fmt: skip


def _run_out(story: Story, plane: Plane) -> SafeString:
    ends_at = story.forecast.runs_out_at
    if ends_at is None or not story.at < ends_at <= story.ends_at:
        return SafeString("")
    x, y = plane.x(_seconds(story, ends_at)), plane.y(story.forecast.course[-1].amount)
    is_near_the_end = float(x) + _NAME_ROOM > plane.end
    return format_html(
        '<circle class="mb-mark" cx="{}" cy="{}" r="5"><title>{}</title></circle>'
        '<text class="mb-mark-name" x="{}" y="{}" text-anchor="{}">{}</text>',
        x, y, f"Nothing is left to be used from {ends_at:%Y-%m-%d %H:%M} UTC on",
        x, f"{float(y) - 12:.2f}", "end" if is_near_the_end else "start",
        f"runs out {ends_at:%Y-%m-%d}",
    )  # fmt: skip


def _days(story: Story, plane: Plane) -> SafeString:
    """Draw nothing to be seen, but what each day says when pointed at."""
    ends = [left.at for left in story.past]
    starts = [story.starts_at, *ends[:-1]]
    return format_html_join(
        "",
        '<rect class="mb-day" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (
                (x := plane.x(_seconds(story, start))),
                _FRAME.top,
                f"{max(float(plane.x(_seconds(story, end))) - float(x), 0):.2f}",
                _FRAME.base - _FRAME.top,
                _said(story, day),
            )
            for day, start, end in zip(story.days, starts, ends, strict=True)
        ),
    )


def _said(story: Story, day: Day) -> str:
    parts = [f"{day.date}: {_shown(story, day.balance)} left"]
    parts += [f"{_shown(story, day.used)} used"] if day.used else []
    parts += [f"{_shown(story, day.other)} granted or lapsed"] if day.other else []
    return ", ".join(parts)


def _dates(story: Story, plane: Plane) -> Iterator[Tick]:
    whole = (story.ends_at - story.starts_at) // _DAY
    every = max(-(-whole // _DATES), 1)
    for number in range(0, whole + 1, every):
        when = story.starts_at + number * _DAY
        yield Tick(plane.x(_seconds(story, when)), f"{when:%b} {when.day}")


def _until(course: Sequence[Left], ends_at: datetime) -> Iterator[Left]:
    """Yield the points of a course up to an instant, the last one where it is cut."""
    yield course[0]
    for before, after in pairwise(course):
        if after.at <= ends_at:
            yield after
            continue
        whole, part = (after.at - before.at) // _SECOND, (ends_at - before.at) // _SECOND
        share = multiply(subtract(before.amount, after.amount), Decimal(part)) / whole
        yield Left(ends_at, subtract(before.amount, round(share, SCALE)))
        return


def _seconds(story: Story, when: datetime) -> Decimal:
    return Decimal((when - story.starts_at) // _SECOND)


def _shown(story: Story, amount: Decimal) -> str:
    return f"{figures(amount, story.asset)} {story.asset.code}"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
