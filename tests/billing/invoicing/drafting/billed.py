"""A subscription with a month behind it, and the documents that it comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from billing.invoicing import drafting, issuing, sources
from billing.invoicing.drafting import Drafted
from billing.models import CollectionProfile, Invoice, InvoiceLine
from ledger.models import Customer
from tests.billing.charging.agreed import Agreed, agreed, on
from tests.billing.scene import event

HOUR = timedelta(hours=1)
Shown = tuple[str, Decimal]


@dataclass
class Billed:
    """One payer, what it subscribed to, and its documents."""

    agreed: Agreed

    def __post_init__(self) -> None:
        sources.forget()

    @property
    def book(self) -> Any:
        return self.agreed.scene.book

    @property
    def payer(self) -> Customer:
        return self.agreed.scene.customer

    def use(self, value: Any, at: str, *, received: str = "", **more: Any) -> None:
        """Take in usage that happened at an instant."""
        outcome = self.agreed.scene.send(
            event(value, at=on(at), **more), at=on(received or at) + timedelta(minutes=1)
        )
        assert not outcome.rejected, outcome.rows

    def draft(
        self, until: str, *, at: str = "", payers: Iterable[Customer] = (), is_run: bool = True
    ) -> Drafted:
        """Charge what is due, and draft it; two hours later, unless told."""
        if is_run:
            self.agreed.run(until)
        return drafting.draft(
            book=self.book,
            payers=[one.pk for one in payers] or [self.payer.pk],
            until=on(until),
            at=on(at) if at else on(until) + 2 * HOUR,
        )

    def issue(self, until: str, **more: Any) -> list[Invoice]:
        """Draft what is due, issue it, and return the documents, in the order of their numbers."""
        drafted = self.draft(until, **more)
        issued = issuing.issue(
            invoice_ids=drafted.open, at=on(more.get("at") or until) + 2 * HOUR, by="tests"
        )
        assert not issued.stale, issued
        assert not issued.skipped, [list(one.problems) for one in self.drafts]
        return list(Invoice.objects.filter(pk__in=issued.numbers).order_by("kind", "pk"))

    def profile(self, customer: Customer | None = None, **terms: Any) -> CollectionProfile:
        """Set how documents are put together; of the book if no customer is told."""
        return CollectionProfile.objects.create(
            book=self.book, customer=customer, effective_from=on("2020-01-01"), **terms
        )

    @property
    def drafts(self) -> list[Invoice]:
        """Return the open drafts: invoices first."""
        rows = Invoice.objects.filter(book=self.book, state="draft")
        return sorted(rows, key=lambda one: (one.kind != "invoice", one.group_key, one.pk))

    @property
    def only(self) -> Invoice:
        """Return the one open draft."""
        [found] = self.drafts
        return found


def lines(invoice: Invoice) -> list[Shown]:
    """Return what a document says, and what is due of it."""
    return [(line.description, line.due.normalize() + 0) for line in rows(invoice)]


def rows(invoice: Invoice) -> list[InvoiceLine]:
    """Return the lines of a document in order."""
    return list(InvoiceLine.objects.filter(invoice=invoice).order_by("position"))


def money(*shown: tuple[str, str]) -> list[Shown]:
    """Return lines as ``lines`` says them."""
    return [(text, Decimal(amount).normalize() + 0) for text, amount in shown]


def billed(**terms: Any) -> Billed:
    """Return a subscription to nothing yet, monthly from 2024 on."""
    return Billed(agreed(**terms))


def with_usage(price: Any = None, **terms: Any) -> Billed:
    """Return a subscription to a fee of $10 in advance and usage at a dollar each."""
    made = billed(**terms)
    made.agreed.fee(10)
    meter = made.agreed.scene.meter("sum", key="calls", price=None)
    made.agreed.usage(meter, price or {"type": "unit", "amount": "1"}, key="calls")
    return made


def used(amount: Any, *, settlement: str = "credit_then_invoice", **grants: Any) -> Billed:
    """Return usage of January at a dollar each, paid by credit as far as it goes."""
    shop = billed(settlement=settlement)
    meter = shop.agreed.scene.meter("sum", key="calls", price=None)
    shop.agreed.usage(meter, {"type": "unit", "amount": "1"}, key="calls")
    for funding, given in grants.items():
        shop.agreed.scene.grant(
            given,
            funding=funding,
            priority=1 if funding == "promotional" else 2,
            at=on("2024-01-01"),
        )
    shop.use(amount, "2024-01-10")
    return shop
