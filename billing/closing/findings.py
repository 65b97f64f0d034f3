"""What a check of the closing list found (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

OK: Final = "ok"
LISTED: Final = "listed"
BLOCKS: Final = "blocks"
WAIVED: Final = "waived"
MOST: Final = 20  # lines that are kept of one check


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: its state, what was found as lines of text, and what to do about it."""

    key: str
    title: str
    state: str
    found: list[str] = field(default_factory=list)
    remedy: str = ""
    waived_by: str = ""
    reason: str = ""

    @property
    def blocks(self) -> bool:
        """Say whether it keeps the period from being closed."""
        return self.state == BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check is called, and what to do about what it finds."""

    key: str
    title: str
    remedy: str

    def blocking(self, found: Sequence[str]) -> Finding:
        """Return a finding that blocks if anything was found."""
        return self._of(BLOCKS, found)

    def listing(self, found: Sequence[str]) -> Finding:
        """Return a finding that is only to be read."""
        return self._of(LISTED, found)

    def _of(self, state: str, found: Sequence[str]) -> Finding:
        lines = list(found[:MOST])
        if len(found) > MOST:
            lines.append(f"and {len(found) - MOST:,} more")
        return Finding(
            key=self.key,
            title=self.title,
            state=state if lines else OK,
            found=lines,
            remedy=self.remedy if lines else "",
        )
