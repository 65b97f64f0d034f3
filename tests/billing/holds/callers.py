"""Callers that reserve, extend, capture and release at random, and send the usage they captured."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from billing import catalogue
from billing.holds import taking
from billing.metering import decode, ingest
from billing.models import BillingProfile, Subject
from ledger import registry
from ledger.errors import TransientError
from ledger.models import Asset, Book, Customer
from wallets import grants, holds
from wallets.errors import CreditExhaustedError
from wallets.holds import Claim, Credit, Order
from wallets.models import Hold

CREDIT_ONLY: Final = Credit(may_owe=False)
CENT: Final = Decimal("0.01")
EVENT: Final = "call"

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """Work under way: its hold, and the usage events of it, by id and price, sent or not yet."""

    hold: Hold
    left: Decimal  # of the hold
    sent: dict[str, Decimal] = field(default_factory=dict)
    unsent: dict[str, Decimal] = field(default_factory=dict)


class Caller:
    """
    One gateway process: every event it sends is of a call that has reserved enough for it.

    Usage is sent before or after the capture that names it, in batches; what is never sent by
    ``run`` is by ``finish``.
    """

    def __init__(
        self, customer: Customer, *, asset: Asset, name: str, clock: Callable[[], datetime]
    ) -> None:
        self._customer, self._asset, self._name, self._clock = customer, asset, name, clock
        self._chance = random.Random(name)
        self._calls: list[Call] = []
        self._late: dict[str, Decimal] = {}  # captured, and not sent yet
        self._count = 0
        self.done: Counter[str] = Counter()
        self.used = Decimal(0)

    def run(self, operations: int) -> None:
        """Do so many things, one after the other."""
        acts = [self.reserve, self.extend, self.use, self.use, self.capture, self.release]
        for _ in range(operations):
            act = self._chance.choice(acts)
            try:
                act()
            except CreditExhaustedError:
                self.done["refused"] += 1
            else:
                self.done[act.__name__] += 1

    def finish(self) -> None:
        """Send what was not sent, and end every call."""
        while self._calls:
            self._capture(self._calls[-1])
        while self._late:
            self._send_late()

    def send(self, events: Mapping[str, Decimal], *, accepted: int | None = None) -> None:
        """Send usage events, by id and price, in one batch; all of them are to be accepted."""
        sent = [decode.structured(_written(self._name, *event)) for event in events.items()]
        at = self._clock()
        book = self._customer.book
        outcome = self._again(lambda: ingest.ingest(book=book, sent=sent, received_at=at))
        assert outcome.accepted == (len(events) if accepted is None else accepted), outcome
        self.used += sum(events.values(), Decimal(0))

    def reserve(self) -> None:
        amount = self._amount(2000)
        order = Order(
            book_id=self._customer.book_id,
            customer_id=self._customer.pk,
            asset_id=self._asset.pk,
            scale=self._asset.scale,
            key=self._next("hold"),
            amount=amount,
            at=self._clock(),
            credit=CREDIT_ONLY,
        )
        reserved = self._again(lambda: holds.reserve(order))
        if reserved.hold.state == Hold.State.ACTIVE:
            self._calls.append(Call(reserved.hold, amount))

    def extend(self) -> None:
        if call := self._any():
            amount = self._amount(500)
            self._again(
                lambda: holds.extend(
                    hold=call.hold, amount=amount, at=self._clock(), credit=CREDIT_ONLY
                )
            )
            call.left += amount

    def use(self) -> None:
        """Send usage that was captured, or use something of a call, sending it now or later."""
        if self._late and self._chance.random() < 0.5:
            self._send_late()
        elif (call := self._any()) and call.left >= CENT:
            price = min(call.left, self._amount(700))
            call.left -= price
            event = self._next("event")
            if self._chance.random() < 0.3:
                self.send({event: price})
                call.sent[event] = price
            else:
                call.unsent[event] = price

    def capture(self) -> None:
        if call := self._any():
            self._capture(call)

    def release(self) -> None:
        if (call := self._any()) and not (call.sent or call.unsent):
            self._again(lambda: holds.release(hold=call.hold, at=self._clock()))
            self._calls.remove(call)

    def _capture(self, call: Call) -> None:
        events = call.sent | call.unsent
        claim = Claim(
            key=self._next("capture"),
            amount=sum(events.values(), Decimal(0)),
            events=[(self._name, event) for event in events],
        )
        self._again(lambda: taking.capture(hold=call.hold, claim=claim, at=self._clock()))
        self._calls.remove(call)
        self._late |= call.unsent

    def _send_late(self) -> None:
        batch = dict(list(self._late.items())[: self._chance.randint(1, 5)])
        self.send(batch)
        for event in batch:
            del self._late[event]

    def _again(self, act: Callable[[], T]) -> T:
        """Do something; again if nothing was recorded, as a client does that is told to."""
        for _ in range(20):
            try:
                return act()
            except TransientError:
                self.done["again"] += 1
        return act()

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"{self._name}-{kind}-{self._count}"

    def _amount(self, most_cents: int) -> Decimal:
        return self._chance.randint(1, most_cents) * CENT

    def _any(self) -> Call | None:
        return self._chance.choice(self._calls) if self._calls else None


def _written(name: str, event: str, price: Decimal) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": event,
            "source": name,
            "type": EVENT,
            "subject": name,
            "data": {"cents": int(price / CENT)},
        }
    ).encode()


def world(
    *, book: Book, callers: int, customers: int, credit: Decimal, clock: Callable[[], datetime]
) -> Sequence[Caller]:
    """
    Make customers below a company, with own and shared credit in several lots, and their callers.

    A call costs a cent for each of its ``cents``, paid from credit alone.
    """
    at = clock()
    usd = registry.currency(code="USD")
    unit = registry.create_asset(code="cents", name="Cents", kind="unit", scale=0)
    meter = catalogue.create_meter(
        book=book, key="calls", event_type=EVENT, aggregation="sum", value_path="$.cents",
        unit=unit, at=at,
    )  # fmt: skip
    card = catalogue.create_rate_card(book=book, key="list", asset=usd, is_default=True, at=at)
    catalogue.add_rate(rate_card=card, meter=meter, unit_price=CENT, effective_from=at, at=at)
    company = Customer.objects.create(book=book, key="company", name="Company", created_at=at)
    BillingProfile.objects.create(customer=company, settlement="credit_only")
    teams = [
        Customer.objects.create(book=book, parent=company, key=f"t{n}", name="", created_at=at)
        for n in range(customers)
    ]
    for customer in (company, *teams):
        wallet = grants.open_wallet(
            customer=customer, asset=usd, key="main", is_shared=customer is company, at=at
        )
        for number in range(3):
            terms = {"priority": number, "amount": credit, "at": at, "effective_at": at}
            grants.issue(wallet=wallet, key=f"g{number}", **terms)
    made = [
        Caller(teams[n % customers], asset=usd, name=f"gateway{n}", clock=clock)
        for n in range(callers)
    ]
    for n in range(callers):
        team = teams[n % customers]
        Subject.objects.create(book=book, key=f"gateway{n}", customer=team, created_at=at)
    return made
