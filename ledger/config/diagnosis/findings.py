"""What a check found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection


class Verdict(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARNING = "warning"  # works, but somebody should look
    PROBLEM = "problem"  # does not work, or promises are not kept


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    verdict: Verdict
    detail: str
    remedy: str = ""


Check = Callable[[], Iterable[Finding]]


def judged(
    subject: str, detail: str, *, good: bool, remedy: str, bad: Verdict = Verdict.PROBLEM
) -> Finding:
    """Return a finding that carries its remedy only if it needs one."""
    return Finding(subject, Verdict.GOOD if good else bad, detail, "" if good else remedy)


def row(query: str, parameters: Iterable[Any] = ()) -> tuple[Any, ...]:
    """Return the one row of a query, or an empty one."""
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters))
        return cursor.fetchone() or ()


def rows(query: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters))
        return list(cursor.fetchall())
