"""A book in Germany, its customer ACME, and the clock that ACME lives by, over the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

from billing import dunning, tasks
from billing.models import Invoice
from ledger import balances, clocks, registry
from ledger.models import Customer
from ledger.money import text
from tests import factories
from tests.api import Api
from tests.billing.charging.agreed import on
from tests.billing.plans.offers import card, fee, phase, plan
from tests.billing.scene import event

BATCH = "application/cloudevents-batch+json"
BERLIN = {"line1": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
ACCOUNT = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX"}
TOKENS = card("tokens", price={"type": "unit", "amount": "0.01"})
TRIAL = phase("trial", card("tokens", price={"type": "free"}), duration="P14D")
BANK = "clearing=what has come in is booked by the bank's own ledger"


class Year:
    """What happens, day by day; whatever is refused fails the test."""

    def __init__(self) -> None:
        registry.currency(code="EUR")
        self.book = factories.book(key="gmbh", base_currency="EUR")
        self.api = Api(self.book)
        self.count = 0
        self.post("customers", key="acme", name="ACME")
        self.post("test-clocks", key="year", now_at="2024-12-18T00:00:00Z")
        self.put("customers/acme/test-clock", test_clock="year")
        self._offer()
        self._collect()

    def _offer(self) -> None:
        self.post("assets", code="token", name="Tokens", kind="unit", scale=0)
        meter = self.post(
            "meters", key="tokens", event_type="call", aggregation="sum", unit="token",
            value_property="$.n", late_usage="next_period",
        )  # fmt: skip
        self.post("features", key="tokens", name="Tokens", meter={"id": meter["id"]})
        self.put("subjects/agent", customer="acme")
        for key, amount, before in (("small", "6", [TRIAL]), ("large", "10", [])):
            main = phase("main", fee("base", amount), TOKENS)
            self.post("plans", **plan(*before, main, key=key, name=key, currency="EUR"))
            self.post(f"plans/{key}/publish", effective_from="2024-01-01T00:00:00Z")

    def _collect(self) -> None:
        self.post("tax-rates", jurisdiction="DE", percentage="19", valid_from="2024-01-01")
        self.put(
            "billing-supplier", legal_name="Meter GmbH", address=BERLIN, bank_accounts=[ACCOUNT],
            tax_ids={"eu_vat": "DE136695976"},
        )  # fmt: skip
        party = {"legal_name": "ACME AG", "address": BERLIN, "emails": ["ap@acme.example"]}
        self.put("customers/acme/billing-party", **party)
        steps = [{"after_days": days, "act": "remind"} for days in (1, 10)]
        dunning.define(
            book=self.book, key="mild", steps=steps, by="anna", at=self.now, is_default=True
        )

    def post(self, path: str, *, once: str = "", **body: Any) -> Any:
        """Send a write, and return its answer."""
        return _good(self.api.post(path, body, once=once))

    def put(self, path: str, **body: Any) -> Any:
        """Send all of something, and return the answer."""
        return _good(self.api.put(path, body))

    def get(self, path: str, **query: Any) -> Any:
        """Return what the API says."""
        return _good(self.api.get(path, **query))

    @property
    def acme(self) -> Customer:
        """Return the customer, with where its clock stands."""
        return Customer.objects.select_related("clock", "book").get(book=self.book, key="acme")

    def to(self, day: str) -> None:
        """Let time pass, and all that falls due on the way be done, as a worker does it."""
        self.post("test-clocks/year/advance", to=on(day).isoformat())
        tasks.set_off()
        tasks.dun()

    def use(self, tokens: int, day: str) -> None:
        """Send usage of ACME's agent that happened on a day."""
        self.count += 1
        sent = event(tokens, id=f"e{self.count}", subject="agent", at=on(day))
        answer = _good(self.api.send("post", "events", b"[" + sent + b"]", content_type=BATCH))
        assert answer["accepted"] == 1, answer

    def pay(self, amount: str, **more: Any) -> Any:
        """Record money that comes now, by bank transfer unless told; return the payment."""
        self.count += 1
        key = f"p{self.count}"
        body = {"payer": "acme", "currency": "EUR", "method": "bank", **more}
        return self.post("payments", once=key, key=key, amount=amount, **body)

    def download(self, number: str, kind: str) -> bytes:
        """Return a document as a file of a kind, as the payer's own key gets it."""
        own = Api(self.book, customer=self.acme)
        answer = own.get(f"invoices/{self.invoice(number).number}/download", format=kind)
        assert answer.status_code == 200, answer.content
        return bytes(answer.content)

    @property
    def now(self) -> datetime:
        """Return where the clock stands."""
        return clocks.now_of(self.acme, on("2030-01-01"))

    def close(self, month: str) -> str:
        """Close a month a few days after its end, and return what the command says."""
        said = StringIO()
        month_and_book = (month, "--book", "gmbh", "--by", "anna")
        with suppress(CommandError):  # something blocks
            call_command("close_period", *month_and_book, "--check", stdout=said)
        answered = ["--waive", BANK] if "rail_clearing" in said.getvalue() else []
        call_command("close_period", *month_and_book, *answered, stdout=said)
        return said.getvalue()

    def invoice(self, number: str) -> Invoice:
        """Return a document by the end of its number: "INV-2025-000003" is "INV-3"."""
        kind, _, last = number.partition("-")
        rows = Invoice.objects.filter(book=self.book, number__startswith=kind)
        found: Invoice = rows.get(number__endswith=f"{int(last):06}")
        return found

    def shown(self, *numbers: str) -> dict[str, tuple[str, str, str]]:
        """Return what documents come to, what is open of them, and their states."""
        found = {number: self.invoice(number) for number in numbers}
        return {n: (text(one.due), text(one.open), one.state) for n, one in found.items()}

    def told(self) -> Iterator[str]:
        """Write the year down: its documents, and the trial balance after it."""
        for one in Invoice.objects.filter(book=self.book).exclude(number="").order_by("pk"):
            amounts = f"{text(one.due):>8} {text(one.open):>8}"
            yield f"{one.issue_date} {one.number} {amounts} {one.state}"
        yield ""
        for row in balances.trial_balance(book=self.book):
            yield f"{row.type:<10} {row.purpose:<22} {row.asset:<6} {text(row.closing):>10}"


def months(first: int, last: int) -> Iterator[tuple[str, str]]:
    """Return months of 2025, each with the fifth day after its end."""
    for number in range(first, last + 1):
        after = (on(f"2025-{number:02}-01") + timedelta(days=31)).replace(day=5)
        yield f"2025-{number:02}", f"{after:%Y-%m-%d}"


def _good(answer: Any) -> Any:
    assert answer.status_code < 300, answer.content
    return answer.json()
