"""How long 100,000 previews take through the command."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import database
from tests.benchmarks.table import Line

CASES: Final = 100_000
MOST: Final = 20  # seconds
_ROOT: Final = Path(__file__).resolve().parents[2]


def measure(*, cases: int = CASES, seed: int = 7) -> list[Line]:
    """Preview generated cases of every model, no two alike, and count the answers."""
    with tempfile.TemporaryDirectory(prefix="meterbook-bench-") as folder:
        asked, answered = Path(folder) / "cases.jsonl", Path(folder) / "answers.jsonl"
        with asked.open("w") as out:
            out.writelines(json.dumps(case) + "\n" for case in _cases(cases, seed))
        began = time.monotonic()
        with asked.open() as source, answered.open("w") as out:
            subprocess.run(
                [sys.executable, "manage.py", "preview_price"],
                cwd=_ROOT,
                env=database.as_application(),
                stdin=source,
                stdout=out,
                check=True,
            )
        seconds = time.monotonic() - began
        answers = [json.loads(line) for line in answered.open()]
    assert len(answers) == cases, "every case has an answer"
    assert all("total" in answer for answer in answers), "every case can be priced"
    most = MOST * cases / CASES
    ratio = seconds / most
    what = f"{cases:,} previews by the command"
    return [Line(what, f"{seconds:.1f} s", f"limit {most:.1f} s", ratio, 1, is_most=True)]


def _cases(count: int, seed: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(seed)
    makers = (_unit, _graduated, _volume, _package, _percentage)
    for number in range(count):
        case = makers[number % len(makers)](rng)
        yield case | {"currency": "USD", "quantity": str(rng.randrange(1, 100_000))}


def _unit(rng: random.Random) -> dict[str, Any]:
    return {
        "price": {"type": "unit", "amount": f"0.{rng.randrange(1, 10**6):06}"},
        "unit_config": {"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling"},
        "discounts": {"percentage": rng.randrange(1, 60), "usage": str(rng.randrange(5))},
    }


def _tiers(rng: random.Random) -> list[dict[str, Any]]:
    tops = sorted(rng.sample(range(1, 60_000), 3))
    tiers: list[dict[str, Any]] = [
        {"unit_price": {"type": "unit", "amount": f"0.{rng.randrange(1, 10**5):05}"}}
        for _ in range(4)
    ]
    for tier, top in zip(tiers, tops, strict=False):
        tier["up_to_amount"] = str(top)
    tiers[0]["flat_price"] = {"type": "flat", "amount": str(rng.randrange(1, 50))}
    return tiers


def _graduated(rng: random.Random) -> dict[str, Any]:
    return {
        "price": {"type": "graduated", "tiers": _tiers(rng)},
        "discounts": {"percentage": 10},
        "commitments": {"minimum_amount": "5", "maximum_amount": str(rng.randrange(50, 5000))},
    }


def _volume(rng: random.Random) -> dict[str, Any]:
    return {"price": {"type": "volume", "tiers": _tiers(rng)}, "prior_quantity": "1000"}


def _package(rng: random.Random) -> dict[str, Any]:
    size = str(rng.randrange(2, 5000))
    return {"price": {"type": "package", "amount": "9.99", "quantity_per_package": size}}


def _percentage(rng: random.Random) -> dict[str, Any]:
    return {"price": {"type": "percentage", "rate": f"{rng.randrange(1, 500) / 100:.2f}"}}
