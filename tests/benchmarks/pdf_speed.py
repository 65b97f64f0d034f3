"""How long a PDF of 40 lines takes: the first of a process, and then 95 of 100."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.table import Line

LINES: Final = 40
MOST: Final = 150  # milliseconds
_ROOT: Final = Path(__file__).resolve().parents[2]
_PERCENT: Final = 95


def measure(*, many: int) -> list[Line]:
    """Render documents in a process of its own, each with other numbers."""
    asked = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.pdf_speed", str(many)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    first, usual, grown = map(float, asked.stdout.split())
    what = f"PDF of {LINES} lines"
    return [
        _line(f"{what}, the first of a process", first),
        _line(f"{what}, {_PERCENT} of 100 of {many:,}", usual),
        Line(
            "  memory that grows over them",
            f"{grown:.0f} MB",
            "limit 100 MB",
            grown / 100,
            1,
            is_most=True,
        ),
    ]


def _line(what: str, milliseconds: float) -> Line:
    ratio = milliseconds / MOST
    return Line(what, f"{milliseconds:.1f} ms", f"limit {MOST} ms", ratio, 1, is_most=True)


def _render(many: int) -> None:
    """Print how long the first took, and 95 of 100, in milliseconds, and MB that memory grew."""
    import psutil

    from billing.invoicing.documents import pdf
    from tests.billing.invoicing.rendering import samples

    documents = [samples.long(LINES, seed=seed) for seed in range(many)]
    loaded = time.perf_counter()
    pdf.render(documents[0], brand=samples.BRAND, at=samples.ISSUED_AT)
    first = time.perf_counter() - loaded
    process, took = psutil.Process(), []
    for number, document in enumerate(documents):
        if number == many // 4:
            before = process.memory_info().rss
        began = time.perf_counter()
        pdf.render(document, brand=samples.BRAND, at=samples.ISSUED_AT)
        took.append(time.perf_counter() - began)
    grown = (process.memory_info().rss - before) / 1024**2
    usual = sorted(took)[len(took) * _PERCENT // 100]
    print(first * 1000, usual * 1000, max(grown, 0))


if __name__ == "__main__":
    _render(int(sys.argv[1]))
