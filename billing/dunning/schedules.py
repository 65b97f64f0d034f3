"""Schedules of dunning: named in profiles of collection, or a book's own; versions stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import Max

from billing.dunning import steps as steps_
from billing.dunning.steps import Step
from billing.models import DunningSchedule
from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.models import Book
from ledger.money import ZERO, exact, text


def define(
    *,
    book: Book,
    key: str,
    steps: Sequence[Mapping[str, Any]],
    by: str,
    at: datetime,
    name: str = "",
    minimums: Mapping[str, str] | None = None,
    is_default: bool = False,
) -> DunningSchedule:
    """
    Define a schedule, or a new version of it; the same again changes nothing.

    Documents that are being dunned stay with the version they began with. ``minimums`` say by
    currency from which amount a document is asked for; ``is_default`` is for customers whose
    profile of collection names no schedule.

    Raises:
        InvalidInputError: a malformed key, steps or amounts.
    """
    key = inputs.slug("key", key)
    wanted = {
        "name": inputs.name("name", name, may_be_empty=True),
        "steps": [step.document for step in steps_.read(steps)],
        "minimums": _minimums(minimums or {}),
        "is_default": is_default,
    }
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        versions = DunningSchedule.objects.filter(book=book)
        current = versions.filter(key=key, effective_to=None).first()
        if current is not None and {name: getattr(current, name) for name in wanted} == wanted:
            return current
        if is_default:
            _undo_default(versions.filter(is_default=True, effective_to=None).exclude(key=key), at)
        versions.filter(key=key, effective_to=None).update(effective_to=at)
        last = versions.filter(key=key).aggregate(last=Max("version"))["last"] or 0
        return DunningSchedule.objects.create(
            book=book, key=key, version=last + 1, effective_from=at, cause=by, **wanted
        )


def end(*, schedule: DunningSchedule, at: datetime) -> DunningSchedule:
    """End a schedule: no document begins with it any more. Again changes nothing."""
    DunningSchedule.objects.filter(pk=schedule.pk, effective_to=None).update(effective_to=at)
    schedule.refresh_from_db()
    return schedule


def steps_of(schedule: DunningSchedule) -> list[Step]:
    """Return a schedule's steps."""
    return [Step(**document) for document in schedule.steps]


def least(schedule: DunningSchedule, currency: str) -> Decimal:
    """Return from which amount a document in a currency is asked for."""
    return Decimal(schedule.minimums.get(currency, ZERO))


def _minimums(given: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for currency, value in given.items():
        try:
            amount = exact(Decimal(str(value)))
        except InvalidOperation:
            amount = Decimal(-1)
        if amount < ZERO:
            remedy = 'write amounts by currency, like {"USD": "5"}'
            raise InvalidInputError(field="minimums", value=value, remedy=remedy)
        found[inputs.slug("minimums", currency)] = text(amount)
    return found


def _undo_default(others: Any, at: datetime) -> None:
    """Have the schedule that was the book's own go on as one that must be named."""
    for other in others:
        DunningSchedule.objects.filter(pk=other.pk).update(effective_to=at)
        DunningSchedule.objects.create(
            book_id=other.book_id, key=other.key, version=other.version + 1, name=other.name,
            steps=other.steps, minimums=other.minimums, is_default=False, effective_from=at,
            cause=other.cause,
        )  # fmt: skip
