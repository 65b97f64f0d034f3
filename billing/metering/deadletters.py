"""Dead letters, mended and replayed, or dismissed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from billing.metering import decode, ingest, paths
from billing.metering.facts import SHAPE, Fact, Outcome, Sent
from billing.models import DeadLetter
from ledger.errors import ConflictError

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
_letter: Final = msgspec.json.Decoder(dict[str, object], float_hook=paths.decimal)


class DeadLetterClosedError(ConflictError):
    """The dead letter has been replayed or dismissed already."""

    code = "dead_letter_closed"


def replay(*, letter: DeadLetter, raw: str | None, at: datetime) -> Outcome:
    """
    Send a dead letter in again, as it was or mended (``raw``), and say what became of it.

    Usage without a time happened when the letter was received. What came in the shape of a source
    is read by that source again, and may be several events.

    Taken (or found taken before), the letter is closed; refused again, or a part of it, it stays
    open and a new reason is kept beside it.

    Raises:
        DeadLetterClosedError: it has been replayed or dismissed.
    """
    with transaction.atomic():
        locked = _open(letter)
        sent = _sent((locked.raw if raw is None else raw).encode(errors="surrogatepass"))
        for one in sent:
            if isinstance(one, Fact) and one.occurred_at is None:
                one.occurred_at = locked.received_at
        outcome = ingest.ingest(book=locked.book, sent=sent, received_at=at)
        if not (outcome.rejected or outcome.conflicting):
            locked.status = DeadLetter.Status.REPLAYED
            locked.resolved_at = at
            locked.save(update_fields=["status", "resolved_at"])
    return outcome


def _sent(raw: bytes) -> list[Sent]:
    """Read an event, or what a source sent in its own shape (``USAGE_SHAPES``)."""
    try:
        letter = _letter.decode(raw)
    except _UNREADABLE:
        letter = {}
    named = settings.USAGE_SHAPES.get(str(letter.get(SHAPE)))
    if named is None:
        return [decode.one(raw, 0)]
    read: Callable[[object], Iterable[Sent]] = import_string(named)
    return list(read(letter.get("sent")))


def dismiss(*, letter: DeadLetter, at: datetime) -> DeadLetter:
    """
    Close a dead letter without replaying it; it stays on record.

    Raises:
        DeadLetterClosedError: it has been replayed or dismissed.
    """
    with transaction.atomic():
        locked = _open(letter)
        locked.status = DeadLetter.Status.DISMISSED
        locked.resolved_at = at
        locked.save(update_fields=["status", "resolved_at"])
    return locked


def _open(letter: DeadLetter) -> DeadLetter:
    locked = DeadLetter.objects.select_for_update().select_related("book").get(pk=letter.pk)
    if locked.status != DeadLetter.Status.OPEN:
        raise DeadLetterClosedError(dead_letter=letter.pk, status=locked.status)
    return locked
