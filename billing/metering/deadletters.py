"""Dead letters, mended and replayed, or dismissed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from billing.metering import decode, ingest
from billing.metering.facts import Fact, Outcome
from billing.models import DeadLetter
from ledger.errors import ConflictError


class DeadLetterClosedError(ConflictError):
    """The dead letter has been replayed or dismissed already."""

    code = "dead_letter_closed"


def replay(*, letter: DeadLetter, raw: str | None, at: datetime) -> Outcome:
    """
    Send a dead letter in again, as it was or mended (``raw``), and say what became of it.

    Usage without a time happened when the letter was received.

    Taken (or found taken before), the letter is closed; refused again, it stays open and a new
    reason is kept beside it.

    Raises:
        DeadLetterClosedError: it has been replayed or dismissed.
    """
    with transaction.atomic():
        locked = _open(letter)
        sent = decode.one((locked.raw if raw is None else raw).encode(errors="surrogatepass"), 0)
        if isinstance(sent, Fact) and sent.occurred_at is None:
            sent.occurred_at = locked.received_at
        outcome = ingest.ingest(book=locked.book, sent=[sent], received_at=at)
        if outcome.accepted or outcome.duplicate or outcome.unattributed:
            locked.status = DeadLetter.Status.REPLAYED
            locked.resolved_at = at
            locked.save(update_fields=["status", "resolved_at"])
    return outcome


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
