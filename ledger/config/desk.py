"""
A desk: those who come at the same moment are answered by one call, on a thread of its own.

Whoever comes while others are being answered waits, and is answered with all who came meanwhile.
Nobody waits for company: who comes alone is answered at once. If a call takes long, because
somebody holds a lock that it needs, those who wait behind it get another thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

MOST: Final = 100  # questions in one call: a bound on how long its locks are held
PATIENCE: Final = 0.05  # seconds until those who wait get another thread
THREADS: Final = 4


class _Call:
    """A call under way."""

    is_late = False  # it no longer keeps others waiting


class Desk(Generic[Q, A]):
    """
    An operation that answers several questions at once; to be asked from one event loop.

    ``answer_all`` returns the answers in the order of the questions. What it raises, everybody
    whom it was to answer gets.
    """

    def __init__(self, answer_all: Callable[[Sequence[Q]], Sequence[A]], name: str = "") -> None:
        self._answer_all = answer_all
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"desk {name}")
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._calls: set[_Call] = set()

    async def ask(self, question: Q) -> A:
        """Return the answer."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        self._go_on()
        return await answer

    def _go_on(self) -> None:
        """Begin a call for those who wait, unless one is under way that will not take long."""
        is_busy = len(self._calls) == THREADS or not all(call.is_late for call in self._calls)
        if is_busy or not self._waiting:
            return
        asked = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        loop, call = asyncio.get_running_loop(), _Call()
        self._calls.add(call)
        late = loop.call_later(PATIENCE, self._note_late, call)
        questions = [question for question, _ in asked]
        answers = loop.run_in_executor(self._threads, self._answer_all, questions)

        def is_over(answers: asyncio.Future[Sequence[A]]) -> None:
            late.cancel()
            self._calls.discard(call)
            self._go_on()
            _hand_out([answer for _, answer in asked], answers)

        answers.add_done_callback(is_over)

    def _note_late(self, call: _Call) -> None:
        call.is_late = True
        self._go_on()


def _hand_out(asked: Sequence[asyncio.Future[A]], answers: asyncio.Future[Sequence[A]]) -> None:
    waiting = [one for one in asked if not one.done()]  # others have hung up
    if error := answers.exception():
        for one in waiting:
            one.set_exception(error)
        return
    for one, answer in zip(asked, answers.result(), strict=True):
        if not one.done():
            one.set_result(answer)
