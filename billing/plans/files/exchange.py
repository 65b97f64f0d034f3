"""
The catalogue of a book as one document: written out, and made so again in any book.

An import makes what is missing, changes what may change and never takes anything away; what is
there already as the document says stays as it is, so that a second import does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from billing.plans.documents import refuse
from billing.plans.errors import InvalidDraftError
from billing.plans.files.changes import Change
from billing.plans.files.offers import Addons, Plans
from billing.plans.files.prices import PriceLists
from billing.plans.files.sections import MOST, FileForm, Row, Section
from billing.plans.files.simple import Assets, Coupons, Features, Meters, TaxCodes, used_assets
from billing.rating.problems import Problem
from ledger.models import Book

VERSION: Final = 1
_MARK: Final = "catalogue"  # the field that tells the format's version
# In the order of what refers to what.
_SECTIONS: Final[Sequence[Section]] = (
    Assets(),
    TaxCodes(),
    Meters(),
    Features(),
    PriceLists(),
    Addons(),
    Plans(),
    Coupons(),
)


def export(*, book: Book) -> dict[str, Any]:
    """Return a book's whole catalogue: what is counted, sold and priced, with all versions."""
    assets = used_assets(book)
    document: dict[str, Any] = {_MARK: VERSION}
    for section in _SECTIONS:
        rows = section.current(book).items()
        listed = [
            section.compact(row)
            for key, row in rows
            if not isinstance(section, Assets) or key in assets
        ]
        if listed:
            document[section.name] = listed
    return document


def load(*, book: Book, document: object, at: datetime, is_dry_run: bool = False) -> list[Change]:
    """
    Make a book's catalogue as a document says, and return what has changed.

    All of it or nothing; a dry run does all of it too, and takes it back.

    Raises:
        InvalidDraftError: something cannot be read or made, with the path of each field; of the
            parts that depend on each other, the first that has problems.
    """
    read = _read(document)
    changes: list[Change] = []
    with transaction.atomic():
        # One import at a time; usage and postings of the book go on.
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        for section, rows in read:
            changes += _apply(section, rows, book, at)
        for section, rows in read:
            for place, row in enumerate(rows):
                changes += section.finish(book, row, f"{section.name}[{place}]")
        if is_dry_run:
            transaction.set_rollback(True)
    return changes


def _read(document: object) -> list[tuple[Section, list[Row]]]:
    form = FileForm()
    known = frozenset({_MARK, *(section.name for section in _SECTIONS)})
    held = form.fields(document, "", known)
    refuse([] if held is not None else form.problems)
    assert held is not None, "it would have been refused"
    if held.get(_MARK) != VERSION or isinstance(held.get(_MARK), bool):
        message = f"Say which form this is: {_MARK}: {VERSION}."
        form.refuse("unknown_format", _MARK, message, value=held.get(_MARK))
    read = [(section, _rows(form, section, held)) for section in _SECTIONS]
    refuse(form.problems)
    return read


def _rows(form: FileForm, section: Section, held: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for place, row in enumerate(form.rows(held, section.name, "", MOST)):
        path = f"{section.name}[{place}]"
        if isinstance(row, Mapping):
            rows.append(section.read(form, row, path))
        else:
            form.fields(row, path, frozenset())
    seen: set[str] = set()
    for place, row in enumerate(rows):
        if (key := row[section.identity]) in seen:
            path = f"{section.name}[{place}].{section.identity}"
            form.refuse("repeated", path, "One before it has the same key.", value=key)
        seen.add(key)
    return rows


def _apply(section: Section, rows: Sequence[Row], book: Book, at: datetime) -> list[Change]:
    current = section.current(book) if rows else {}
    changes: list[Change] = []
    problems: list[Problem] = []
    for place, row in enumerate(rows):
        path, before = f"{section.name}[{place}]", current.get(row[section.identity])
        verdict = section.compare(before, row, path)
        problems += verdict.problems
        changes += verdict.changes
        if verdict.problems or not verdict.changes:
            continue
        try:
            with transaction.atomic():
                section.apply(book, row, before, at, path)
        except InvalidDraftError as error:
            problems += error.problems
    refuse(problems)
    return changes
