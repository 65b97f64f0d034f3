"""
The gateway of ``make demo``: calls to language models that are decided before they are made.

Credit is set aside before a call and taken for what the call has used; the usage event comes later
and is not paid twice. A budget blocks the dear model, an empty wallet blocks all of them, and an
automatic recharge opens the way again as soon as finance has the money.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from billing import catalogue
from billing.budgets import defining
from billing.entitlements.check import Answer, Ask, Reserve, check
from billing.holds import taking
from billing.management.scenery import Party, Settlement
from billing.metering import decode
from billing.metering.ingest import ingest
from ledger import registry
from ledger.models import Asset, Book, Customer
from wallets import evaluation, grants, holds, recharge, summary, topups
from wallets.models import TopUp, Wallet

CUSTOMER: Final = Party("harbor", "Harbor Travel", "company")
_SUBJECT: Final = "key-harbor-agent"
_FEATURE: Final = "llm-tokens"
_SOURCE: Final = "harbor-gateway"
_DEAR: Final = "atlas-large"
_OTHER: Final = "sonnet-pro"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, what came of it, and what was left in the wallet then."""

    what: str
    outcome: str
    available: Decimal


@dataclass(slots=True)
class Story:
    """Harbor Travel's wallet, and the calls of its agent."""

    book: Book
    customer: Customer
    wallet: Wallet
    at: datetime
    calls: int = 0
    answers: dict[int, Answer] = field(default_factory=dict)

    def ask(self, model: str, tokens: int) -> str:
        """Ask for a call, and set aside what it may cost."""
        self.calls += 1
        answer = check(
            book_id=self.book.pk,
            asks=[
                Ask(
                    subject=_SUBJECT,
                    feature_key=_FEATURE,
                    quantity=Decimal(tokens),
                    labels={"model": model, "type": "output"},
                    reserve=Reserve(key=f"call-{self.calls}", purpose=model),
                )
            ],
            at=self.at,
        )[0]
        self.answers[self.calls] = answer
        if not answer.is_allowed:
            zone = ZoneInfo(self.book.time_zone)
            again = answer.retry_at and answer.retry_at.astimezone(zone)
            until = f", until {again:%d %B}" if again else ""
            return f"no: {answer.reason}{until}"
        return f"yes, {answer.value:.3f} set aside"

    def capture(self, cost: str) -> str:
        """Take what the call has cost; the event that will tell of it is named."""
        hold = self.answers[self.calls].hold
        assert hold is not None, "the call was allowed"
        taken = taking.capture(
            hold=hold,
            claim=holds.Claim(
                key=f"capture-{self.calls}",
                amount=Decimal(cost),
                events=[(_SOURCE, f"call-{self.calls}")],
            ),
            at=self.at,
        )
        return f"{taken.amount:.3f} taken, the rest given back"

    def report(self, model: str, tokens: int) -> str:
        """Send the usage event of the call, by the way of all usage."""
        event = {
            "specversion": "1.0",
            "id": f"call-{self.calls}",
            "source": _SOURCE,
            "type": "llm.request",
            "subject": _SUBJECT,
            "time": self.at.isoformat(),
            "data": {"tokens": tokens, "type": "output", "model": model, "agent": "concierge"},
        }
        sent = [decode.structured(json.dumps(event).encode())]
        outcome = ingest(book=self.book, sent=sent, received_at=self.at)
        return f"{outcome.accepted} event, not paid twice"

    def recharge(self) -> str:
        """Do at once what the worker does within seconds of the posting."""
        evaluation.evaluate(at=self.at)
        bought = self._open_top_up()
        return f"{bought.amount:.2f} requested, {bought.state.replace('_', ' ')}"

    def confirm(self) -> str:
        """Confirm that the money has come, as finance does in the admin."""
        bought = self._open_top_up()
        settled = topups.settle(top_up=bought, payment_key="bank-4711", at=self.at, cause="finance")
        return f"{settled.amount:.2f} {settled.state}"

    def _open_top_up(self) -> TopUp:
        return TopUp.objects.get(wallet=self.wallet, state__in=topups.OPEN)


def tell(*, book: Book, asset: Asset, at: datetime) -> Iterator[Step]:
    """Make the customer, and let what happens to it happen, step by step."""
    story = _open(book, asset, at)
    chapters: tuple[tuple[str, Callable[[], str]], ...] = (
        (f"{_DEAR}: 10,000 tokens?", lambda: story.ask(_DEAR, 10_000)),
        ("7,200 were used", lambda: story.capture("0.144")),
        ("the usage event arrives", lambda: story.report(_DEAR, 7_200)),
        (f"{_DEAR}: 10,000 more?", lambda: story.ask(_DEAR, 10_000)),
        (f"{_OTHER}: 25,000 tokens?", lambda: story.ask(_OTHER, 25_000)),
        ("all were used", lambda: story.capture("0.4")),
        ("the usage event arrives", lambda: story.report(_OTHER, 25_000)),
        ("below 0.20: recharge", story.recharge),
        (f"{_OTHER}: 10,000 tokens?", lambda: story.ask(_OTHER, 10_000)),
        ("finance has the money", story.confirm),
        (f"{_OTHER}: 10,000 tokens?", lambda: story.ask(_OTHER, 10_000)),
    )
    for what, happens in chapters:
        outcome = happens()
        yield Step(what, outcome, _available(story))


def _open(book: Book, asset: Asset, at: datetime) -> Story:
    customer = registry.create_customer(
        book=book, key=CUSTOMER.key, name=CUSTOMER.name, kind=CUSTOMER.kind, at=at
    )
    catalogue.set_profile(customer=customer, settlement=Settlement.CREDIT_ONLY, credit_limit=None)
    catalogue.map_subject(book=book, key=_SUBJECT, customer=customer, at=at)
    wallet = grants.open_wallet(customer=customer, asset=asset, key="prepaid", at=at)
    grants.issue(wallet=wallet, key="first", amount=Decimal("0.60"), at=at)
    defining.create(
        customer=customer,
        key="harbor-dear-models",
        asset=asset,
        amount=Decimal("0.30"),
        feature_key=_FEATURE,
        labels={"model": _DEAR},
        warn_at=[Decimal(80)],
        at=at,
    )
    recharge.create(
        wallet=wallet,
        key="keep-going",
        method="fixed",
        amount=Decimal("0.50"),
        threshold=Decimal("0.20"),
        at=at,
    )
    return Story(book=book, customer=customer, wallet=wallet, at=at + timedelta(microseconds=1))


def _available(story: Story) -> Decimal:
    return summary.of_wallets([story.wallet.pk], at=story.at)[story.wallet.pk].available
