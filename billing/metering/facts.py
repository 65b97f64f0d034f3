"""Usage as it arrives: what was understood, and what was not (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final

REASONS: Final = {
    "malformed": "it is not JSON, or not an object",
    "invalid_event": "an attribute of the event is missing or has the wrong type",
    "invalid_value": "a meter cannot read its value",
    "in_the_future": "it happened later than the clocks may differ",
    "too_old": "it happened before 2000",
    "conflict": "the same source and id have been taken with other content",
    "subject_not_allowed": "the key that sent it may not speak for its subject",
    "too_large": "it is larger than an event may be",
}


@dataclass(slots=True)
class Fact:
    """One usage event that could be read; ``raw`` is all of it as sent, ``data`` its payload."""

    index: int  # in what was sent, from 0
    source: str
    external_id: str
    type: str
    subject: str
    occurred_at: datetime | None  # none: when it is received
    data: dict[str, object]
    data_json: str
    raw: bytes

    @property
    def name(self) -> str:
        """Return source and id: of readings at one time, the one with the greater is the latest."""
        return f"{self.source}\n{self.external_id}"

    def key(self, book_id: int) -> str:
        """Name (book, source, id) in 128 bits, as hex. None of the parts holds a null."""
        named = f"{book_id}\0{self.source}\0{self.external_id}".encode()
        return blake2b(named, digest_size=16).hexdigest()

    def content(self) -> int:
        """
        Say all that was sent in 64 bits, to know a repetition to the letter at once.

        One that is written differently is told from a conflict by what it says (``repetition``).
        """
        return int.from_bytes(blake2b(self.raw, digest_size=8).digest(), "big", signed=True)


SHAPE: Final = "shape"  # of a thing that was refused before it became an event: its source's


def in_shape(shape: str, sent: object) -> dict[str, object]:
    """Return what a source sent as a dead letter keeps it, for its reader to read again."""
    return {SHAPE: shape, "sent": sent}


@dataclass(slots=True)
class Rejection:
    """Something sent that could not be taken, and why."""

    index: int
    reason: str  # of REASONS
    detail: str
    field: str
    raw: bytes


Sent = Fact | Rejection


@dataclass(slots=True)
class Row:
    """What became of one thing sent that was not simply accepted."""

    index: int
    status: str  # duplicate, conflict, unattributed, rejected
    reason: str = ""
    detail: str = ""
    field: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of all that was sent; ``rows`` names those not accepted."""

    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    unattributed: int = 0
    rejected: int = 0
    unmetered: int = 0  # of the accepted: no meter counts their type
    rows: list[Row] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take another part's outcome into this one."""
        self.accepted += other.accepted
        self.duplicate += other.duplicate
        self.conflicting += other.conflicting
        self.unattributed += other.unattributed
        self.rejected += other.rejected
        self.unmetered += other.unmetered
        self.rows.extend(other.rows)
