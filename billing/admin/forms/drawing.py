"""A cost curve as SVG, and in words for those who do not see it (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.forms.curve import Curve, Point
from ledger.admin import charts
from ledger.admin.charts import Frame, Plane, Tick
from ledger.admin.display import figures
from ledger.models import Asset
from ledger.money import ZERO, multiply, text

_FRAME: Final = Frame(width=560, height=320, left=62, right=14, top=24, base=276)
_MOST_LABELS: Final = 8


def svg(curve: Curve, *, asset: Asset, unit: str, marked: Point | None) -> SafeString:
    """Draw the curve; ``marked`` is the quantity that was asked for."""
    plane = Plane(_FRAME, curve.until, _highest(curve))
    said = "; ".join(sentences(curve, asset=asset, unit=unit))
    return format_html(
        '<svg class="mb-plane mb-curve" viewBox="0 0 {} {}" role="img" aria-label="{}"'
        ' data-points="{}" data-left="{}" data-right="{}" data-top="{}" data-base="{}"'
        ' data-until="{}">{}{}{}{}{}</svg>',
        _FRAME.width, _FRAME.height, f"Cost by quantity. {said}.", _data(curve, asset, plane),
        _FRAME.left, plane.end, _FRAME.top, _FRAME.base, text(curve.until),
        _axes(curve, plane, asset, unit), _ends(curve, plane, unit),
        charts.area([(point.quantity, point.amount) for point in curve.points], plane),
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


def _highest(curve: Curve) -> Decimal:
    reached = max((point.amount for point in curve.points), default=ZERO)
    limits = [limit for limit in (curve.minimum, curve.maximum) if limit is not None]
    near = [limit for limit in limits if limit <= multiply(reached, Decimal(3)) or not reached]
    return charts.with_headroom(max([reached, *near]))


def _axes(curve: Curve, plane: Plane, asset: Asset, unit: str) -> SafeString:
    ticks = [
        Tick(
            plane.x(quantity),
            charts.short(quantity),
            "end" if quantity == curve.until else "middle",
        )
        for quantity in charts.steps(curve.until)
    ]
    return charts.axes(plane, amounts_in=asset.code, ticks=ticks, places_in=unit)


def _ends(curve: Curve, plane: Plane, unit: str) -> SafeString:
    return format_html_join(
        "",
        '<line class="mb-boundary" x1="{}" y1="{}" x2="{}" y2="{}"><title>{}</title></line>',
        (
            (x, _FRAME.top, x, _FRAME.base, f"up to {figures(place)} {unit}")
            for place in curve.boundaries
            for x in [plane.x(place)]
        ),
    )


def _limits(curve: Curve, plane: Plane, asset: Asset) -> SafeString:
    named = (("minimum", curve.minimum), ("maximum", curve.maximum))
    return format_html_join(
        "",
        '<line class="mb-limit" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<text class="mb-limit-name" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (
                _FRAME.left, plane.y(limit), plane.end, plane.y(limit), plane.end,
                f"{float(plane.y(limit)) - 5:.2f}", f"{name} {figures(limit, asset)}",
            )
            for name, limit in named
            if limit is not None and limit <= plane.highest
        ),
    )  # fmt: skip


def _mark(marked: Point | None, plane: Plane, asset: Asset, unit: str) -> SafeString:
    if marked is None or marked.quantity > plane.until or marked.amount > plane.highest:
        return SafeString("")
    said = f"{figures(marked.quantity)} {unit}: {figures(marked.amount, asset)} {asset.code}"
    return format_html(
        '<circle class="mb-mark" cx="{}" cy="{}" r="5"><title>{}</title></circle>',
        plane.x(marked.quantity), plane.y(marked.amount), said,
    )  # fmt: skip


def _data(curve: Curve, asset: Asset, plane: Plane) -> str:
    """Write what the page says when pointed at: place, quantity, amount, average, next unit."""
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
