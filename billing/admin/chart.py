"""A bar chart as SVG, drawn on the server (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH: Final = 1000
_HEIGHT: Final = 220
_TOP: Final = 14
_BASE: Final = 190  # where the bars stand
_MOST_BARS: Final = 400
_LABELS: Final = 6


class Bar(NamedTuple):
    """One bar: what is written below it, how high it is, and what it says when pointed at."""

    label: str
    value: Decimal
    title: str


def bars(data: Sequence[Bar], *, unit: str) -> SafeString:
    """Draw the bars side by side; too many to be seen, or none above zero, give nothing."""
    highest = max((bar.value for bar in data), default=Decimal(0))
    if highest <= 0 or len(data) > _MOST_BARS:
        return SafeString("")
    step = _WIDTH / len(data)
    drawn = format_html_join(
        "", "{}", ((_bar(bar, i, step, highest),) for i, bar in enumerate(data))
    )
    every = -(-len(data) // _LABELS)
    labels = format_html_join(
        "",
        '<text x="{}" y="{}">{}</text>',
        ((f"{i * step:.1f}", _BASE + 18, bar.label) for i, bar in enumerate(data) if not i % every),
    )
    return format_html(
        '<svg class="mb-chart" viewBox="0 0 {} {}" role="img" aria-label="Usage over time">'
        '<line x1="0" y1="{}" x2="{}" y2="{}"/>{}{}<text x="0" y="10">{}</text></svg>',
        _WIDTH, _HEIGHT, _BASE, _WIDTH, _BASE, drawn, labels, f"highest {highest:,f} {unit}",
    )  # fmt: skip


def _bar(bar: Bar, place: int, step: float, highest: Decimal) -> SafeString:
    height = float(max(bar.value, Decimal(0)) / highest) * (_BASE - _TOP)
    return format_html(
        '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        f"{place * step:.2f}",
        f"{_BASE - height:.2f}",
        f"{max(step - 1.5, 0.5):.2f}",
        f"{height:.2f}",
        bar.title,
    )
