"""Drawings of limits: how much of one is used, and what its periods came to (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.admin import charts
from ledger.admin.charts import Frame, Plane, Tick
from ledger.admin.display import figures
from ledger.models import Asset
from ledger.money import ZERO, add, multiply

_WIDTH: Final = 120
_HEIGHT: Final = 14
_HUNDRED: Final = Decimal(100)
_FRAME: Final = Frame(width=1000, height=250, left=62, right=14, top=24, base=200)
_GAP: Final = Decimal("0.12")  # beside a bar, of a period's room
_MOST_LABELS: Final = 8
_MOST: Final = 9999  # percent that are worth a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How much of a limit is used and held in one of its periods."""

    label: str  # of the period
    used: Decimal
    held: Decimal
    limit: Decimal
    warn_at: Sequence[Decimal] = ()  # percent

    @property
    def taken(self) -> Decimal:
        """What is not left: used or held."""
        return add(max(self.used, ZERO), self.held)

    @property
    def warned_at(self) -> Decimal | None:
        """The highest threshold that is reached, in percent."""
        reached = [at for at in [*self.warn_at, _HUNDRED] if self.taken and self._is_beyond(at)]
        return max(reached, default=None)

    @property
    def tone(self) -> str:
        """Whether all is well: good, warn or bad."""
        reached = self.warned_at
        return "good" if reached is None else "warn" if reached < _HUNDRED else "bad"

    @property
    def percent(self) -> str:
        """How much of it is not left."""
        if not self.limit:
            return "100 %" if self.taken else "0 %"
        share = self.taken / self.limit * _HUNDRED
        return f"over {_MOST} %" if share > _MOST else f"{figures(round(share, 1))} %"

    def said(self, asset: Asset) -> str:
        """Say it in words."""
        held = f", {figures(self.held, asset)} held" if self.held else ""
        return (
            f"{figures(self.used, asset)} of {figures(self.limit, asset)} {asset.code} used"
            f"{held} ({self.percent})"
        )

    def _is_beyond(self, percent: Decimal) -> bool:
        return multiply(self.taken, _HUNDRED) >= multiply(self.limit, percent)


def gauge(level: Level, asset: Asset) -> SafeString:
    """Draw one period as a bar: used, held, and marks where it warns and where it ends."""
    whole = max(level.limit, level.taken) or Decimal(1)
    used, taken = (_across(part, whole) for part in (max(level.used, ZERO), level.taken))
    marks = [multiply(level.limit, percent) / _HUNDRED for percent in level.warn_at]
    return format_html(
        '<svg class="mb-gauge" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        '<rect class="mb-whole" x="0" y="2" width="{}" height="10" rx="2"/>'
        '<rect class="mb-held" x="0" y="2" width="{}" height="10" rx="2"/>'
        '<rect class="mb-used mb-is-{}" x="0" y="2" width="{}" height="10" rx="2"/>{}{}</svg>',
        _WIDTH, _HEIGHT, level.said(asset), level.said(asset), _WIDTH, taken, level.tone, used,
        format_html_join(
            "",
            '<line class="mb-warns" x1="{}" y1="0" x2="{}" y2="14"/>',
            ((x, x) for mark in marks if mark <= whole for x in [_across(mark, whole)]),
        ),
        _end(level, whole),
    )  # fmt: skip


def history(levels: Sequence[Level], asset: Asset) -> SafeString:
    """Draw periods side by side, each below its limit; nothing if there are none."""
    if not levels:
        return SafeString("")
    highest = max(max(level.taken, level.limit) for level in levels)
    plane = Plane(_FRAME, Decimal(len(levels)), charts.with_headroom(highest))
    every = -(-len(levels) // _MOST_LABELS)
    ticks = [
        Tick(plane.x(place + Decimal("0.5")), level.label)
        for place, level in _placed(levels)
        if not int(place) % every
    ]
    drawn = format_html_join(
        "", "{}", ((_period(place, level, plane, asset),) for place, level in _placed(levels))
    )
    return format_html(
        '<svg class="mb-plane mb-periods" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "{}{}</svg>",
        _FRAME.width, _FRAME.height,
        "; ".join(f"{level.label}: {level.said(asset)}" for level in levels),
        charts.axes(plane, amounts_in=asset.code, ticks=ticks, places_in="period"), drawn,
    )  # fmt: skip


def _placed(levels: Sequence[Level]) -> list[tuple[Decimal, Level]]:
    return [(Decimal(place), level) for place, level in enumerate(levels)]


def _across(amount: Decimal, whole: Decimal) -> str:
    return f"{float(amount / whole) * _WIDTH:.1f}"


def _end(level: Level, whole: Decimal) -> SafeString:
    x = float(_across(level.limit, whole)) - 1
    return format_html(
        '<line class="mb-ends" x1="{}" y1="0" x2="{}" y2="14"/>', f"{x:.1f}", f"{x:.1f}"
    )


def _period(place: Decimal, level: Level, plane: Plane, asset: Asset) -> SafeString:
    left, right = plane.x(place + _GAP), plane.x(place + 1 - _GAP)
    width = f"{float(right) - float(left):.2f}"
    used, taken = plane.y(max(level.used, ZERO)), plane.y(level.taken)
    marks = [multiply(level.limit, percent) / _HUNDRED for percent in level.warn_at]
    return format_html(
        "<g><title>{}: {}</title>"
        '<rect class="mb-held" x="{}" y="{}" width="{}" height="{}"/>'
        '<rect class="mb-used mb-is-{}" x="{}" y="{}" width="{}" height="{}"/>{}{}</g>',
        level.label, level.said(asset),
        left, taken, width, _height(taken, used),
        level.tone, left, used, width, _height(used, plane.y(ZERO)),
        _lines("mb-warns", place, [mark for mark in marks if mark <= plane.highest], plane),
        _lines("mb-ends", place, [level.limit], plane),
    )  # fmt: skip


def _height(top: str, base: str) -> str:
    return f"{float(base) - float(top):.2f}"


def _lines(kind: str, place: Decimal, amounts: Sequence[Decimal], plane: Plane) -> SafeString:
    return format_html_join(
        "",
        '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>',
        ((kind, plane.x(place), y, plane.x(place + 1), y) for y in map(plane.y, amounts)),
    )
