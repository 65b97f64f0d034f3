"""How long a message rests between attempts (pure)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS: Final = len(PAUSES) + 1  # over about three days
_JITTER: Final = 0.2  # up to a fifth longer, so that messages do not come back all at once
_LONGEST_ASKED: Final = timedelta(hours=24)


def pause(attempts: int, *, share: float, asked: timedelta | None = None) -> timedelta:
    """
    Return how long to rest after so many attempts; ``share`` of the jitter, from 0 to 1, is added.

    An endpoint that ``asked`` to be left alone for longer is, for a day at most.

    >>> pause(1, share=0.0), pause(2, share=0.5)
    (datetime.timedelta(seconds=5), datetime.timedelta(seconds=330))
    >>> pause(1, share=0.0, asked=timedelta(minutes=1))
    datetime.timedelta(seconds=60)
    """
    usual = PAUSES[min(attempts, len(PAUSES)) - 1] * (1 + _JITTER * share)
    return max(usual, min(asked or timedelta(), _LONGEST_ASKED))
