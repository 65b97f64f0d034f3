"""Drawings of time: what a subscription sells when, how a commitment is drawn down (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH: Final = 1000
_LEFT: Final = 190
_RIGHT: Final = 10
_ROW: Final = 26
_TOP: Final = 34
_TICKS: Final = 6
_LONGEST_NAME: Final = 26
_LEAST_SPAN: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Something that lasts, in one of the rows; without an end it goes on."""

    row: str
    starts_at: datetime
    ends_at: datetime | None
    label: str
    tone: str = ""  # phase, paused or none


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that happens at an instant."""

    at: datetime
    label: str


@dataclass(kw_only=True)
class Picture:
    """Rows of stretches, marks across them, and now."""

    stretches: Sequence[Stretch]
    marks: Sequence[Mark]
    now: datetime
    zone: tzinfo
    rows: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = list(dict.fromkeys(stretch.row for stretch in self.stretches))
        known = [stretch.starts_at for stretch in self.stretches] + [mark.at for mark in self.marks]
        ends = [stretch.ends_at for stretch in self.stretches if stretch.ends_at is not None]
        self.first = min([*known, self.now])
        last = max([*known, *ends, self.now])
        self.last = last + max((last - self.first) / 12, _LEAST_SPAN)

    def x(self, instant: datetime) -> float:
        """Return where an instant is drawn."""
        share = (instant - self.first) / (self.last - self.first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def day(self, instant: datetime) -> str:
        """Write an instant's day."""
        return f"{instant.astimezone(self.zone):%Y-%m-%d}"


def draw(picture: Picture) -> SafeString:
    """Draw what is sold when; nothing without anything to show."""
    if not picture.stretches:
        return SafeString("")
    height = _TOP + _ROW * len(picture.rows) + 10
    return format_html(
        '<svg class="mb-timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>',
        _WIDTH, height, _said(picture), _axis(picture, height), _names(picture),
        format_html_join("", "{}", ((_bar(picture, each),) for each in picture.stretches)),
        _marks(picture, height),
    )  # fmt: skip


def _said(picture: Picture) -> str:
    bars = (
        f"{each.row}: {each.label} from {picture.day(each.starts_at)}"
        + (f" until {picture.day(each.ends_at)}" if each.ends_at else " on")
        for each in picture.stretches
    )
    return "; ".join(["Timeline", *bars])


def _axis(picture: Picture, height: int) -> SafeString:
    step = (picture.last - picture.first) / _TICKS
    instants = [picture.first + step * place for place in range(_TICKS)]
    lines = format_html_join(
        "",
        '<line class="mb-grid" x1="{}" y1="18" x2="{}" y2="{}"/><text x="{}" y="12">{}</text>',
        (
            (f"{x:.1f}", f"{x:.1f}", height, f"{x + 3:.1f}", picture.day(instant))
            for instant in instants
            for x in [picture.x(instant)]
        ),
    )
    x = f"{picture.x(picture.now):.1f}"
    now = format_html(
        '<line class="mb-now" x1="{}" y1="18" x2="{}" y2="{}"><title>now</title></line>',
        x, x, height,
    )  # fmt: skip
    return lines + now


def _names(picture: Picture) -> SafeString:
    return format_html_join(
        "",
        '<text class="mb-name" x="0" y="{}">{}<title>{}</title></text>',
        ((_TOP + place * _ROW + 15, _cut(name), name) for place, name in enumerate(picture.rows)),
    )


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _bar(picture: Picture, stretch: Stretch) -> SafeString:
    left = picture.x(stretch.starts_at)
    right = picture.x(stretch.ends_at or picture.last)
    ends = f"until {picture.day(stretch.ends_at)}" if stretch.ends_at else "without end"
    said = f"{stretch.label}: {picture.day(stretch.starts_at)} {ends}"
    return format_html(
        '<rect class="mb-bar mb-{}" x="{}" y="{}" width="{}" height="18" rx="3">'
        "<title>{}</title></rect>",
        stretch.tone or "item",
        f"{left:.1f}",
        _TOP + picture.rows.index(stretch.row) * _ROW,
        f"{max(right - left, 2):.1f}",
        said,
    )


def _marks(picture: Picture, height: int) -> SafeString:
    return format_html_join(
        "",
        '<g class="mb-event"><line x1="{}" y1="22" x2="{}" y2="{}"/><circle cx="{}" cy="22" r="4"/>'
        "<title>{}</title></g>",
        (
            (x, x, height, x, f"{picture.day(mark.at)}: {mark.label}")
            for mark in picture.marks
            for x in [f"{picture.x(mark.at):.1f}"]
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Commitment:
    """One step of a commitment: amounts, and how much of its time has passed."""

    label: str
    committed: Decimal
    drawn: Decimal
    projected: Decimal
    passed: Decimal  # a share of one
    said: str


def commitments(steps: Sequence[Commitment]) -> SafeString:
    """Draw how far each step is drawn down, with where it is heading."""
    height = _ROW * len(steps) + 8
    return format_html(
        '<svg class="mb-timeline mb-commitments" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "{}</svg>",
        _WIDTH,
        height,
        "; ".join(step.said for step in steps),
        format_html_join("", "{}", ((_step(place, step),) for place, step in enumerate(steps))),
    )


def _step(place: int, step: Commitment) -> SafeString:
    whole = max(step.committed, step.drawn, step.projected, Decimal(1))
    room = Decimal(_WIDTH - _LEFT - _RIGHT)
    committed, drawn, projected = (
        f"{amount / whole * room:.1f}" for amount in (step.committed, step.drawn, step.projected)
    )
    y = place * _ROW + 4
    expected = Decimal(_LEFT) + step.committed * min(step.passed, Decimal(1)) / whole * room
    return format_html(
        '<g><title>{}</title><text class="mb-name" x="0" y="{}">{}</text>'
        '<rect class="mb-promised" x="{}" y="{}" width="{}" height="18" rx="3"/>'
        '<rect class="mb-heading" x="{}" y="{}" width="{}" height="18" rx="3"/>'
        '<rect class="mb-bar" x="{}" y="{}" width="{}" height="18" rx="3"/>'
        '<line class="mb-now" x1="{}" y1="{}" x2="{}" y2="{}"/></g>',
        step.said, y + 14, step.label, _LEFT, y, committed, _LEFT, y, projected, _LEFT, y, drawn,
        f"{expected:.1f}", y - 3, f"{expected:.1f}", y + 21,
    )  # fmt: skip
