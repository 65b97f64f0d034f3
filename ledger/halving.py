"""Doing something for many at once: what fails is halved, until it stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

Result = TypeVar("Result")


@dataclass(slots=True)
class Halved(Generic[Result]):
    """What came of it: the results, and by whom it failed alone."""

    results: list[Result] = field(default_factory=list)
    errors: dict[int, Exception] = field(default_factory=dict)


def halved(members: Sequence[int], do: Callable[[Sequence[int]], Result]) -> Halved[Result]:
    """
    Do something for all at once or, if that fails, for each half of them.

    Raises:
        OperationalError, InterfaceError: the database is away.
    """
    found: Halved[Result] = Halved()
    waiting = [members] if members else []
    while waiting:
        chunk = waiting.pop()
        try:
            found.results.append(do(chunk))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            middle = len(chunk) // 2
            if middle:
                waiting += [chunk[middle:], chunk[:middle]]
            else:
                found.errors[chunk[0]] = error
    return found
