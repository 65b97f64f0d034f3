"""Usage as it is sent: JSON events of 1,000 subjects. Needs no Django, so that any process can."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

CUSTOMERS: Final = 1000
START: Final = datetime(2025, 9, 1, tzinfo=UTC)  # days are counted from here
MODELS: Final = ("gpt-5", "gpt-5-mini", "claude-4", "llama-4")


def raw_events(
    *, count: int, seed: int, first_day: int = 0, days: int = 1, lane: int = 0, lanes: int = 1
) -> Iterator[bytes]:
    """
    Write events in the order of their time, evenly over ``days`` from ``first_day``.

    Of several lanes each has the subjects whose number is its own modulo the lanes: batches of
    different lanes never wait for each other.
    """
    rng = random.Random(seed * 64 + lane)
    begin, step = START + timedelta(days=first_day), timedelta(days=days) / count
    for number in range(count):
        subject = rng.randrange(lane, CUSTOMERS, lanes)
        happened = begin + step * number
        yield (
            b'{"specversion":"1.0","id":"%d-%d-%d","source":"bench","type":"llm.request",'
            b'"subject":"s%d","time":"%s","data":{"tokens":%d,"model":"%s","provider":"bench",'
            b'"route":"chat"}}'
            % (
                seed,
                lane,
                number,
                subject,
                happened.isoformat().encode(),
                rng.randrange(1, 5000),
                MODELS[subject % len(MODELS)].encode(),
            )
        )


def write_file(path: Path, events: int, seed: int) -> None:
    """Write a month of events into a compressed file, one a line."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for event in raw_events(count=events, seed=seed, days=30):
            file.write(event + b"\n")
