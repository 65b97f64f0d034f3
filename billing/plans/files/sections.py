"""The parts of a catalogue's document: how each is read, found in a book, made and changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.utils.dateparse import parse_datetime

from billing.plans.errors import InvalidDraftError
from billing.plans.files.changes import Action, Change, FieldChange, differences
from billing.plans.reading import Form, below, exact
from billing.rating.problems import Problem, under
from billing.rating.reading import Object
from ledger.errors import DomainError, InvalidInputError
from ledger.models import Book
from ledger.money import text

Row = dict[str, Any]
MOST: Final = 10_000
_RENAMED: Final = {"value_path": "value_property"}
_LARGEST: Final = 2**31 - 1


@dataclass
class Verdict:
    """What has to be done, and what cannot be."""

    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, change: FieldChange, path: str, message: str) -> None:
        """Say that a field cannot change."""
        attributes = {"value": change.after, "kept": change.before}
        self.problems.append(
            Problem("cannot_change", f"{path}.{change.field}", message, attributes)
        )


class Section(ABC):
    """
    One kind of thing in a catalogue, each known by its key.

    ``read`` gives a row its full form, ``current`` what the book has in the same form, so that
    the two can be compared.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    identity: ClassVar[str] = "key"
    defaults: ClassVar[Mapping[str, object]] = {}
    changeable: ClassVar[frozenset[str]] = frozenset()
    unsaid: ClassVar[frozenset[str]] = frozenset()  # without a value, what there is stays
    ignored: ClassVar[frozenset[str]] = frozenset()  # differences that do not matter

    @abstractmethod
    def read(self, form: FileForm, held: Object, path: str) -> Row:
        """Return a row of the document in its full form."""

    @abstractmethod
    def current(self, book: Book) -> dict[str, Row]:
        """Return what the book has, by key, in the order in which it is written."""

    def compare(self, before: Row | None, row: Row, path: str) -> Verdict:
        """Return what making a book as a row says comes to, or why it cannot be made so."""
        key = str(row[self.identity])
        if before is None:
            return Verdict([Change(action=Action.CREATE, kind=self.kind, key=key)])
        verdict = Verdict()
        fields = [
            each
            for each in differences(before, row)
            if not (each.after is None and each.field in self.unsaid)
            and each.field not in self.ignored
        ]
        for each in fields:
            if each.field.split(".")[0].split("[")[0] not in self.changeable:
                verdict.refuse(each, path, f"A {self.kind} keeps what it is: make another.")
        if fields := [each for each in fields if each.field != "archived_at"]:
            change = Change(action=Action.CHANGE, kind=self.kind, key=key, fields=tuple(fields))
            verdict.changes.append(change)
        return verdict

    @abstractmethod
    def apply(self, book: Book, row: Row, before: Row | None, at: datetime, path: str) -> None:
        """Make a book as a row says."""

    def finish(self, book: Book, row: Row, path: str) -> list[Change]:
        """Archive what a row says is archived, when everything that needs it has been made."""
        return []

    def compact(self, row: Row) -> Row:
        """Return a row without what reading it would fill in."""
        return {
            name: value
            for name, value in row.items()
            if name not in self.defaults or value != self.defaults[name]
        }


class WholeSection(Section):
    """A kind of thing that is made, and changed, by one call for the whole row."""

    def apply(self, book: Book, row: Row, before: Row | None, at: datetime, path: str) -> None:
        with problems_below(path):
            if before is None:
                self.create(book, row, at)
            else:
                self.change(book, row, at)

    @abstractmethod
    def create(self, book: Book, row: Row, at: datetime) -> None:
        """Make what a row says."""

    def change(self, book: Book, row: Row, at: datetime) -> None:
        """Change what may change to what a row says; unless ``changeable`` names it, nothing."""


@contextmanager
def problems_below(path: str) -> Iterator[None]:
    """Turn a refusal into problems of fields below a path of the catalogue's document."""
    try:
        yield
    except DomainError as error:
        several = error.facts.get("problems")
        found = list(several) if isinstance(several, tuple) else [_problem(error)]
        raise InvalidDraftError(problems=under(path, found)) from error


def _problem(error: DomainError) -> Problem:
    if isinstance(error, InvalidInputError):
        field_ = _RENAMED.get(error.field, error.field)
        message = f"{error.remedy[:1].upper()}{error.remedy[1:]}."
        return Problem(error.code, field_, message, {"value": error.value})
    return Problem(error.code, "", str(error))


class FileForm(Form):
    """Reads what only catalogues' documents have: instants, counts, numbers."""

    def instant(self, held: Object, name: str, field: str) -> str | None:
        """Return an instant as it is written, in UTC."""
        value, path = held.get(name), below(field, name)
        if value is None:
            return None
        try:
            found = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or found.utcoffset() is None:
            message = "Send a time with its offset, like 2026-03-01T12:00:00Z."
            self.refuse("not_an_instant", path, message, value=value)
            return None
        return instant_text(found)

    def count(self, held: Object, name: str, field: str) -> int | None:
        """Return a whole number from one on."""
        value, path = held.get(name), below(field, name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST:
            self.refuse("not_a_count", path, "Send a whole number from 1 on.", value=value)
            return None
        return value

    def amount(self, held: Object, name: str, field: str) -> str | None:
        """Return a number not below zero, as text."""
        given = {name: exact(held.get(name))}
        found = self.optional(given, name, field)
        return None if found is None else text(found)

    def texts(self, held: Object, name: str, field: str) -> dict[str, str]:
        """Return an object of texts."""
        found = self.json(held, name, field)
        for key, value in found.items():
            if not isinstance(value, str):
                path = f"{below(field, name)}.{key}"
                self.refuse("not_a_text", path, "Send a text.", value=value)
        return {key: value for key, value in found.items() if isinstance(value, str)}


def instant_text(at: datetime | None) -> str | None:
    """Write an instant in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant(written: str | None) -> datetime | None:
    """Return an instant that was read."""
    return None if written is None else datetime.fromisoformat(written)


def number(written: str | None) -> Decimal | None:
    """Return a number that was read."""
    return None if written is None else Decimal(written)


def archived(kind: str, row: Row) -> Change:
    """Say that something is archived."""
    return Change(action=Action.ARCHIVE, kind=kind, key=row["key"])
