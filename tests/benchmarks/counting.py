"""A count that processes share, so that one can show what others have done."""

from __future__ import annotations

from typing import Any

from tests.benchmarks import database

_shared: Any = None  # of this process


def attach(name: str, shared: Any) -> None:
    """Attach this process to a database and to the count."""
    global _shared  # noqa: PLW0603
    database.attach(name)
    _shared = shared


def add(more: int) -> None:
    """Count so many more."""
    with _shared.get_lock():
        _shared.value += more
