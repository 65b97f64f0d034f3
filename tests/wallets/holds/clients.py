"""A client that reserves, extends, captures, releases and uses credit at random."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal

from ledger.models import Customer
from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import CREDIT_ONLY, capture, reserve
from tests.wallets.spending import use
from wallets import holds
from wallets.errors import CaptureExceedsHoldError, CreditExhaustedError, HoldClosedError
from wallets.models import Hold

REFUSED = (CaptureExceedsHoldError, CreditExhaustedError, HoldClosedError)


class Client:
    """One caller, and the holds that it knows."""

    def __init__(self, customer: Customer, chance: random.Random) -> None:
        self._customer, self._chance = customer, chance
        self._holds: list[Hold] = []
        self._now = NOON
        self.done: Counter[str] = Counter()  # what was done, by name

    def run(self, operations: int) -> None:
        """Do so many things, one after the other; a refusal is an answer, too."""
        acts = [self.reserve, self.reserve, self.extend, self.capture, self.release, self.use]
        for _ in range(operations):
            self._now += timedelta(minutes=self._chance.choice([0, 0, 0, 7]))
            act = self._chance.choice(acts)
            try:
                act()
            except REFUSED:
                self.done["refused"] += 1
            else:
                self.done[act.__name__] += 1

    def reserve(self) -> None:
        lasts = timedelta(minutes=self._chance.choice([5, 60]))
        made = reserve(self._customer, self._amount(40), at=self._now, expires_in=lasts).hold
        if made.state == Hold.State.ACTIVE:
            self._holds.append(made)

    def extend(self) -> None:
        if held := self._any():
            by = {"amount": self._amount(10)} if self._chance.random() < 0.5 else {}
            longer = {} if by else {"expires_in": timedelta(minutes=30)}
            holds.extend(hold=held, at=self._now, credit=CREDIT_ONLY, **by, **longer)

    def capture(self) -> None:
        if held := self._any():
            policy = self._chance.choice(["reject", "allow_if_available"])
            is_final = self._chance.random() < 0.6
            events = [("client", factories.name("event"))] if self._chance.random() < 0.3 else []
            terms = {"beyond": policy, "is_final": is_final, "events": events}
            capture(held, self._amount(30), at=self._now, **terms)

    def release(self) -> None:
        if held := self._any():
            holds.release(hold=held, at=self._now)

    def use(self) -> None:
        """Use credit as a batch of usage does, expired holds given back or not."""
        use(self._customer, self._amount(15), at=NOON)

    def _amount(self, most: int) -> Decimal:
        return Decimal(self._chance.randint(1, most * 100)) / 100

    def _any(self) -> Hold | None:
        return self._chance.choice(self._holds) if self._holds else None
