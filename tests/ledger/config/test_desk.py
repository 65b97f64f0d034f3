"""Who comes at the same moment is answered by one call; nobody waits for company, or for ever."""

import asyncio
import threading

import pytest

from ledger.config import desk
from ledger.config.desk import MOST, Desk


class Clerk:
    """Answers questions with their squares; waits where it is told to."""

    def __init__(self):
        self.calls = []
        self.gates = {}

    def __call__(self, questions):
        self.calls.append(list(questions))
        for question in questions:
            if gate := self.gates.get(question):
                assert gate.wait(10)
            if question is None:
                raise ValueError("nothing was asked")
        return [question * question for question in questions]


@pytest.fixture
def clerk():
    return Clerk()


def test_who_comes_alone_is_answered_at_once(clerk):
    async def story():
        counter = Desk(clerk)
        return [await counter.ask(2), await counter.ask(3)]

    assert asyncio.run(story()) == [4, 9]
    assert clerk.calls == [[2], [3]]


def test_who_comes_during_a_call_is_answered_together(clerk):
    gate = clerk.gates[1] = threading.Event()

    async def story():
        counter = Desk(clerk)
        first = asyncio.create_task(counter.ask(1))
        await asyncio.sleep(0)
        others = [asyncio.create_task(counter.ask(number)) for number in range(2, 6)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(story()) == [1, 4, 9, 16, 25]
    assert clerk.calls == [[1], [2, 3, 4, 5]]


def test_crowd_is_answered_in_bounded_calls(clerk):
    gate = clerk.gates[0] = threading.Event()

    async def story():
        counter = Desk(clerk)
        asked = [asyncio.create_task(counter.ask(number)) for number in range(MOST + 12)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(story()) == [number * number for number in range(MOST + 12)]
    assert [len(call) for call in clerk.calls] == [1, MOST, 11]


def test_call_that_takes_long_keeps_nobody_waiting(clerk, monkeypatch):
    monkeypatch.setattr(desk, "PATIENCE", 0.001)
    gate = clerk.gates[1] = threading.Event()

    async def story():
        counter = Desk(clerk)
        slow = asyncio.create_task(counter.ask(1))
        await asyncio.sleep(0)
        quick = await counter.ask(2)
        was_waiting = not slow.done()
        gate.set()
        return quick, was_waiting, await slow

    assert asyncio.run(story()) == (4, True, 1)


def test_failure_of_a_call_reaches_those_whom_it_was_to_answer_only(clerk):
    async def story():
        counter = Desk(clerk)
        with pytest.raises(ValueError, match="nothing was asked"):
            await counter.ask(None)
        return await counter.ask(5)

    assert asyncio.run(story()) == 25


def test_caller_who_hangs_up_takes_nothing_from_the_others(clerk):
    gate = clerk.gates[1] = threading.Event()

    async def story():
        counter = Desk(clerk)
        first = asyncio.create_task(counter.ask(1))
        await asyncio.sleep(0)
        left, stays = (asyncio.create_task(counter.ask(number)) for number in (2, 3))
        await asyncio.sleep(0)
        left.cancel()
        gate.set()
        return await first, await stays

    assert asyncio.run(story()) == (1, 9)
