"""What drawings have in common: a plane, its axes, and numbers short enough for them (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.admin.display import figures
from ledger.money import ONE, ZERO, multiply, text

_NICE: Final = tuple(map(Decimal, ("1", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))
_TICKS: Final = 5
_HEADROOM: Final = Decimal("1.08")
_SHORT: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k"))
_KILO: Final = 10**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How large a drawing is, and where in it the plane lies, in its own units."""

    width: int
    height: int
    left: int
    right: int  # kept free beside it
    top: int
    base: int  # where zero is


class Tick(NamedTuple):
    """A place along the plane and what is written below it: start, middle or end stand there."""

    place: str
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Plane:
    """From places and amounts to the page, both from zero on; only here numbers become floats."""

    frame: Frame
    until: Decimal
    highest: Decimal

    @property
    def end(self) -> int:
        """Where it ends on the right."""
        return self.frame.width - self.frame.right

    def x(self, place: Decimal) -> str:
        """Return where a place lies, from left to right."""
        width = self.end - self.frame.left
        return f"{self.frame.left + float(place / self.until) * width:.2f}"

    def y(self, amount: Decimal) -> str:
        """Return where an amount lies, from top to bottom."""
        height = self.frame.base - self.frame.top
        return f"{self.frame.base - float(amount / self.highest) * height:.2f}"


def with_headroom(highest: Decimal) -> Decimal:
    """Return how high a plane has to be for an amount not to touch its top."""
    return multiply(highest, _HEADROOM) if highest > ZERO else ONE


def nice(value: Decimal) -> Decimal:
    """
    Round up to a number that is easy to read.

    >>> nice(Decimal(1300)), nice(Decimal("0.07"))
    (Decimal('1500'), Decimal('0.08'))
    """
    unit = ONE.scaleb(value.adjusted())
    found = next(size for factor in _NICE if (size := multiply(factor, unit)) >= value)
    return Decimal(text(found))


def short(value: Decimal) -> str:
    """
    Write a number for an axis.

    >>> [short(Decimal(number)) for number in ("2500", "25000", "1500000", "0.25")]
    ['2,500', '25k', '1.5M', '0.25']
    """
    for size, letter in _SHORT:
        if abs(value) >= size:
            unit = _KILO if letter == "k" else size
            return f"{figures(round(value / unit, 2))}{letter}"
    return figures(value)


def steps(highest: Decimal) -> list[Decimal]:
    """
    Return numbers up to a highest one that are worth writing on an axis.

    >>> [int(step) for step in steps(Decimal(108))]
    [0, 25, 50, 75, 100]
    """
    step = nice(highest / _TICKS)
    return [multiply(step, Decimal(i)) for i in range(_TICKS + 1) if step * i <= highest]


def axes(plane: Plane, *, amounts_in: str, ticks: Iterable[Tick], places_in: str) -> SafeString:
    """Draw lines across at amounts, what is written along the base, and what both are in."""
    frame = plane.frame
    across = format_html_join(
        "",
        '<line class="mb-grid" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (frame.left, y, plane.end, y, frame.left - 8, f"{float(y) + 4:.2f}", short(amount))
            for amount in steps(plane.highest)
            for y in [plane.y(amount)]
        ),
    )
    along = format_html_join(
        "",
        '<text class="mb-tick" x="{}" y="{}" text-anchor="{}">{}</text>',
        ((tick.place, frame.base + 18, tick.anchor, tick.label) for tick in ticks),
    )
    return format_html(
        '{}{}<line class="mb-axis" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-tick" x="{}" y="12">{}</text>'
        '<text class="mb-tick" x="{}" y="{}" text-anchor="end">{}</text>',
        across, along, frame.left, frame.base, plane.end, frame.base,
        4, amounts_in, plane.end, frame.base + 36, places_in,
    )  # fmt: skip


def area(points: Iterable[tuple[Decimal, Decimal]], plane: Plane) -> SafeString:
    """Draw a line through places and amounts, and shade what is below it."""
    drawn = [(plane.x(place), plane.y(amount)) for place, amount in points]
    path = " L".join(f"{x} {y}" for x, y in drawn)
    return format_html(
        '<path class="mb-area" d="M{} L{} {} L{} {} Z"/><path class="mb-line" d="M{}"/>',
        path, drawn[-1][0], plane.frame.base, drawn[0][0], plane.frame.base, path,
    )  # fmt: skip
