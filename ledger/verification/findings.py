"""What verification reports (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

# Called with the stage, and how many of how many steps of it are done.
Progress = Callable[[str, int, int], None]

RESTORE: Final = (
    "Somebody wrote past the application. Find out who in the server's log, compare with a backup"
    " (manage.py restore into another place), and put the rows back as they were."
)
REBUILD: Final = (
    "This derives from the journal. Find out who wrote to it; if the journal itself agrees, run"
    " manage.py rebuild_balances."
)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that is not as it must be, and what to do about it."""

    check: str
    subject: str  # the row it is about
    detail: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What was recomputed, and what disagreed (the first of each check)."""

    transactions: int = 0
    entries: int = 0
    seals: int = 0
    head: str = ""  # of the chain as found
    disagreements: list[Disagreement] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing disagreed."""
        return not self.disagreements


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of the ledger is verified."""

    book_id: int | None = None
    since_id: int = -(1 << 63)  # the first transaction looked at

    def parameters(self) -> dict[str, int | None]:
        """Return what the queries are told."""
        return {"book": self.book_id, "since": self.since_id, "most": MOST}


Check = Callable[[Scope], Iterator[Disagreement]]

MOST: Final = 20  # disagreements named by one query
