"""A cost curve as SVG, and in words for those who do not see it (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.forms.curve import Curve, Point, nice
from ledger.admin.display import figures
from ledger.models import Asset
from ledger.money import ONE, ZERO, multiply, text

_WIDTH: Final = 560
_HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BASE = 62, 14, 24, 276
_TICKS: Final = 5
_HEADROOM: Final = Decimal("1.08")
_SHORT: Final = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**4, "k"))
_KILO: Final = 10**3
_MOST_LABELS: Final = 8


class _Plane:
    """From quantities and amounts to places on the page; only here numbers become floats."""

    def __init__(self, until: Decimal, highest: Decimal) -> None:
        self.until, self.highest = until, highest

    def x(self, quantity: Decimal) -> str:
        return f"{_LEFT + float(quantity / self.until) * (_WIDTH - _LEFT - _RIGHT):.2f}"

    def y(self, amount: Decimal) -> str:
        return f"{_BASE - float(amount / self.highest) * (_BASE - _TOP):.2f}"


def svg(curve: Curve, *, asset: Asset, unit: str, marked: Point | None) -> SafeString:
    """Draw the curve; ``marked`` is the quantity that was asked for."""
    plane = _Plane(curve.until, _highest(curve))
    said = "; ".join(sentences(curve, asset=asset, unit=unit))
    return format_html(
        '<svg class="mb-curve" viewBox="0 0 {} {}" role="img" aria-label="{}" data-points="{}"'
        ' data-left="{}" data-right="{}" data-top="{}" data-base="{}" data-until="{}">'
        "{}{}{}{}</svg>",
        _WIDTH, _HEIGHT, f"Cost by quantity. {said}.", _data(curve, asset),
        _LEFT, _WIDTH - _RIGHT, _TOP, _BASE, text(curve.until),
        _axes(curve, plane, asset, unit), _line(curve.points, plane),
        _limits(curve, plane, asset), _mark(marked, plane, asset, unit),
    )  # fmt: skip


def sentences(curve: Curve, *, asset: Asset, unit: str) -> Iterator[str]:
    """Say what the curve shows: the amounts where something happens."""
    shown = {ZERO, *curve.boundaries[:_MOST_LABELS], curve.until}
    for point in curve.points:
        if point.quantity in shown:
            amount = figures(point.amount, asset)
            yield f"{figures(point.quantity)} {unit} cost {amount} {asset.code}"
    if curve.minimum is not None:
        yield f"never less than {figures(curve.minimum, asset)} {asset.code}"
    if curve.maximum is not None:
        yield f"never more than {figures(curve.maximum, asset)} {asset.code}"


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


def _highest(curve: Curve) -> Decimal:
    reached = max((point.amount for point in curve.points), default=ZERO)
    limits = [limit for limit in (curve.minimum, curve.maximum) if limit is not None]
    near = [limit for limit in limits if limit <= multiply(reached, Decimal(3)) or not reached]
    highest = max([reached, *near])
    return multiply(highest, _HEADROOM) if highest > ZERO else ONE


def _axes(curve: Curve, plane: _Plane, asset: Asset, unit: str) -> SafeString:
    across = format_html_join(
        "",
        '<line class="mb-grid" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (_LEFT, y, _WIDTH - _RIGHT, y, _LEFT - 8, f"{float(y) + 4:.2f}", short(amount))
            for amount in _ticks(plane.highest)
            for y in [plane.y(amount)]
        ),
    )
    along = format_html_join(
        "",
        '<text class="mb-tick" x="{}" y="{}" text-anchor="{}">{}</text>',
        (
            (plane.x(quantity), _BASE + 18, _anchor(quantity, curve.until), short(quantity))
            for quantity in _ticks(curve.until)
        ),
    )
    ends = format_html_join(
        "",
        '<line class="mb-boundary" x1="{}" y1="{}" x2="{}" y2="{}"><title>{}</title></line>',
        (
            (plane.x(place), _TOP, plane.x(place), _BASE, f"up to {figures(place)} {unit}")
            for place in curve.boundaries
        ),
    )
    return format_html(
        '{}{}{}<line class="mb-axis" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-tick" x="{}" y="12">{}</text>'
        '<text class="mb-tick" x="{}" y="{}" text-anchor="end">{}</text>',
        across, along, ends, _LEFT, _BASE, _WIDTH - _RIGHT, _BASE,
        4, asset.code, _WIDTH - _RIGHT, _BASE + 36, unit,
    )  # fmt: skip


def _anchor(quantity: Decimal, until: Decimal) -> str:
    return "end" if quantity == until else "middle"


def _ticks(highest: Decimal) -> list[Decimal]:
    step = nice(highest / _TICKS)
    return [multiply(step, Decimal(i)) for i in range(_TICKS + 1) if step * i <= highest]


def _line(points: Sequence[Point], plane: _Plane) -> SafeString:
    path = " L".join(f"{plane.x(point.quantity)} {plane.y(point.amount)}" for point in points)
    end = plane.x(points[-1].quantity)
    return format_html(
        '<path class="mb-area" d="M{} L{} {} L{} {} Z"/><path class="mb-cost" d="M{}"/>',
        path, end, _BASE, _LEFT, _BASE, path,
    )  # fmt: skip


def _limits(curve: Curve, plane: _Plane, asset: Asset) -> SafeString:
    named = (("minimum", curve.minimum), ("maximum", curve.maximum))
    return format_html_join(
        "",
        '<line class="mb-limit" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-limit-name" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                _LEFT, plane.y(limit), _WIDTH - _RIGHT, plane.y(limit), _WIDTH - _RIGHT,
                f"{float(plane.y(limit)) - 5:.2f}", f"{name} {figures(limit, asset)}",
            )
            for name, limit in named
            if limit is not None and limit <= plane.highest
        ),
    )  # fmt: skip


def _mark(marked: Point | None, plane: _Plane, asset: Asset, unit: str) -> SafeString:
    if marked is None or marked.quantity > plane.until or marked.amount > plane.highest:
        return SafeString("")
    said = f"{figures(marked.quantity)} {unit}: {figures(marked.amount, asset)} {asset.code}"
    return format_html(
        '<circle class="mb-mark" cx="{}" cy="{}" r="5"><title>{}</title></circle>',
        plane.x(marked.quantity), plane.y(marked.amount), said,
    )  # fmt: skip


def _data(curve: Curve, asset: Asset) -> str:
    """Write what the page says when pointed at: place, quantity, amount, average, next unit."""
    plane = _Plane(curve.until, _highest(curve))
    return json.dumps(
        [
            [
                float(plane.x(point.quantity)),
                float(plane.y(point.amount)),
                figures(point.quantity),
                figures(point.amount, asset),
                _average(point),
                figures(point.next_unit),
            ]
            for point in curve.points
        ],
        separators=(",", ":"),
    )


def _average(point: Point) -> str:
    return figures(round(point.amount / point.quantity, 8)) if point.quantity else ""
