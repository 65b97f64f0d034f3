"""Steps by which overdue documents are asked for: what they are, and when each is due (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.periods import at_wall_clock

ACTS: Final = ("remind", "retry", "suspend", "propose_write_off")
_MOST_STEPS: Final = 20
_MOST_DAYS: Final = 3650
_LONGEST: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done so many days after the due date; ``text`` is for the payer."""

    after_days: int
    act: str
    text: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """Return the step as it is kept."""
        return {"after_days": self.after_days, "act": self.act, "text": self.text}


def read(documents: Sequence[Mapping[str, Any]]) -> list[Step]:
    """
    Read the steps of a schedule.

    Raises:
        InvalidInputError: none or too many, days that do not grow from 1, an act there is not.

    >>> [step.act for step in read([{"after_days": 3, "act": "remind"}])]
    ['remind']
    """
    if not 0 < len(documents) <= _MOST_STEPS:
        remedy = f"give 1 to {_MOST_STEPS} steps"
        raise InvalidInputError(field="steps", value=len(documents), remedy=remedy)
    steps = [_read(document) for document in documents]
    days = [step.after_days for step in steps]
    if days != sorted(set(days)):
        remedy = "let each step come later than the one before"
        raise InvalidInputError(field="steps", value=days, remedy=remedy)
    return steps


def due_at(due_date: date, step: Step, zone: tzinfo) -> datetime:
    """
    Return when a step is due: as its day begins.

    >>> from datetime import UTC
    >>> due_at(date(2025, 6, 1), Step(after_days=3, act="remind"), UTC).isoformat()
    '2025-06-04T00:00:00+00:00'
    """
    day = due_date + timedelta(days=step.after_days)
    return at_wall_clock(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001 - a wall clock


def following(
    steps: Sequence[Step], position: int, *, due_date: date, zone: tzinfo, at: datetime
) -> datetime | None:
    """
    Return when the step at a position is due once the one before was done at ``at``.

    Steps that were late keep their distance: a payer has as long between them as it should.
    """
    if position >= len(steps):
        return None
    planned = due_at(due_date, steps[position], zone)
    if position == 0:
        return planned
    distance = steps[position].after_days - steps[position - 1].after_days
    return max(planned, at + timedelta(days=distance))


def _read(document: Mapping[str, Any]) -> Step:
    days = document.get("after_days")
    if not isinstance(days, int) or isinstance(days, bool) or not 0 < days <= _MOST_DAYS:
        remedy = f"say after how many days, 1 to {_MOST_DAYS}"
        raise InvalidInputError(field="after_days", value=days, remedy=remedy)
    words = str(document.get("text") or "").strip()
    if len(words) > _LONGEST:
        remedy = f"use at most {_LONGEST} characters"
        raise InvalidInputError(field="text", value=words, remedy=remedy)
    act = inputs.choice("act", str(document.get("act", "")), ACTS)
    return Step(after_days=days, act=act, text=words)
