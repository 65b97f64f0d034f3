"""Steps by which overdue documents are asked for: what they are, and when each is due (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.periods import at_wall_clock

ACTS: Final = ("remind", "retry", "suspend", "propose_write_off")
_MOST_STEPS: Final = 20
_MOST_DAYS: Final = 3650
_LONGEST: Final = 2000
_LONGEST_SUBJECT: Final = 200
_MOST_LANGUAGES: Final = 30
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
PLACEHOLDERS: Final = ("invoice", "amount", "due_date", "days", "name", "seller", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What is done so many days after the due date.

    ``text`` and ``subject`` are what the payer is written, in place of what is usual; ``words`` has
    them by language. ``PLACEHOLDERS`` in them are filled in.
    """

    after_days: int
    act: str
    text: str = ""
    subject: str = ""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """Return the step as it is kept."""
        own = {"subject": self.subject, "words": {k: dict(v) for k, v in self.words.items()}}
        kept = {name: value for name, value in own.items() if value}
        return {"after_days": self.after_days, "act": self.act, "text": self.text, **kept}

    def own(self, part: str, language: str) -> str:
        """
        Return the step's own subject or text in a language, else in any; empty: what is usual.

        >>> step = Step(after_days=3, act="remind", text="Hi", words={"de": {"text": "Hallo"}})
        >>> step.own("text", "de"), step.own("text", "fr"), step.own("subject", "de")
        ('Hallo', 'Hi', '')
        """
        return self.words.get(language, {}).get(part) or str(getattr(self, part))


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
    act = inputs.choice("act", str(document.get("act", "")), ACTS)
    return Step(
        after_days=days,
        act=act,
        text=_written("text", document.get("text"), _LONGEST),
        subject=_written("subject", document.get("subject"), _LONGEST_SUBJECT),
        words=_words(document.get("words") or {}),
    )


def _words(given: object) -> dict[str, dict[str, str]]:
    """Read what is written in other languages: subject and text by the language's two letters."""
    remedy = 'write them by language, like {"de": {"subject": "…", "text": "…"}}'
    if not isinstance(given, Mapping) or len(given) > _MOST_LANGUAGES:
        raise InvalidInputError(field="words", value="", remedy=remedy)
    found = {}
    for language, parts in given.items():
        if not _LANGUAGE.fullmatch(str(language)) or not isinstance(parts, Mapping):
            raise InvalidInputError(field="words", value=str(language)[:40], remedy=remedy)
        if unknown := sorted(set(parts) - {"subject", "text"}):
            raise InvalidInputError(field="words", value=str(unknown[0])[:40], remedy=remedy)
        read_ = {
            "subject": _written("words", parts.get("subject"), _LONGEST_SUBJECT),
            "text": _written("words", parts.get("text"), _LONGEST),
        }
        found[str(language)] = {name: value for name, value in read_.items() if value}
    return found


def _written(field_: str, given: object, longest: int) -> str:
    words = str(given or "").strip()
    if len(words) > longest:
        remedy = f"use at most {longest} characters"
        raise InvalidInputError(field=field_, value=words[:40], remedy=remedy)
    for named in _PLACEHOLDER.findall(words):
        if named not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise InvalidInputError(field=field_, value=f"{{{named}}}", remedy=f"use {known}")
    return words


def filled(words: str, values: Mapping[str, str]) -> str:
    """
    Fill in the placeholders of a text; other braces stay.

    >>> filled("{invoice} over {amount} {}", {"invoice": "INV-1", "amount": "€5"})
    'INV-1 over €5 {}'
    """
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), words)
