"""What a benchmark says in the end: one line for each figure, beside a baseline of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_HEAD: Final = ("what", "figure", "baseline", "ratio", "target", "met?")
_LEFT: Final = (True, False, False, False, False, True)


class Line(NamedTuple):
    """A figure, what it is compared with, and whether that is good enough."""

    what: str
    figure: str
    baseline: str
    ratio: float
    target: float
    is_most: bool = False  # the target is the most that is good, not the least

    @property
    def is_met(self) -> bool:
        """Whether the ratio reaches the target."""
        return self.ratio <= self.target if self.is_most else self.ratio >= self.target

    def cells(self) -> tuple[str, ...]:
        """Write the line's columns."""
        target = f"{'≤' if self.is_most else '≥'} {self.target:.2f}"
        met = "yes" if self.is_met else "no"
        return (self.what, self.figure, self.baseline, f"{self.ratio:.2f}", target, met)


def rate(what: str, figure: float, *, beside: float, called: str, least: float) -> Line:
    """Compare events per second."""
    return Line(what, f"{figure:,.0f}/s", f"{called} {beside:,.0f}/s", figure / beside, least)


def written(lines: Sequence[Line]) -> str:
    """Write the table as plain text."""
    rows = [_HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    padded = [
        "  ".join(
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(row, widths, _LEFT, strict=True)
        ).rstrip()
        for row in rows
    ]
    padded.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(padded)
