"""Doing the same for many: what fails for one, whatever it is, keeps nobody behind it waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError

from ledger.errors import DomainError


@dataclass(slots=True)
class Sweep:
    """How many a sweep has seen to, and who failed: they are tried again by the next one."""

    done: int = 0
    failures: list[tuple[object, Exception]] = field(default_factory=list)

    @contextmanager
    def each(self, what: object) -> Iterator[None]:
        """
        See to one; an error is noted and goes no further.

        Raises:
            OperationalError, InterfaceError: the database is away, which ends the sweep.
        """
        try:
            yield
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            self.failures.append((what, error))

    def report(self, logger: Any, event: str, name: str) -> None:
        """Log each failure; with its trace, unless it is one that the domain knows."""
        for what, error in self.failures:
            traced = None if isinstance(error, DomainError) else error
            logger.error(event, **{name: what}, error=str(error), exc_info=traced)
