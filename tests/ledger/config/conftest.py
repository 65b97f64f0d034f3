"""Fixtures about the platform: clusters of their own, never the one that others use."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.config import embedded
from tests import processes

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def home() -> Iterator[embedded.Home]:
    """An installation of the test's own; its server is not running yet."""
    with processes.own_home() as home:
        yield home


@pytest.fixture
def empty_home() -> Iterator[embedded.Home]:
    """An installation's folder before its first start."""
    with processes.empty_home() as home:
        yield home


@pytest.fixture
def ask(home: embedded.Home) -> Ask:
    """Return a function that puts a question to the server of the installation."""

    return functools.partial(processes.ask, home)
