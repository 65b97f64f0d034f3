"""Waiting for something to come true, never longer than a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(what: Callable[[], T], *, seconds: float = 30, why: str = "") -> T:
    """Return what a function says as soon as it is true; fail when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, why or f"still {found!r} after {seconds} s"
        time.sleep(0.05)
    return found
