"""Whatever is recorded, given, taken back, refunded and written off: no more than there is."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import payments
from billing.models import Allocation, Dispute, Invoice, Payment, Refund, Unapplied
from billing.payments import checks, policies
from ledger.errors import DomainError
from ledger.money import total
from tests import factories
from tests.billing.payments.documents import issued, pay, standing
from tests.factories import NOON

CENT = Decimal("0.01")
amounts = st.integers(1, 20_000).map(lambda cents: cents * CENT)
documents = st.lists(
    st.builds(
        lambda number, open_, day: policies.Open(
            id=number, number=f"INV-{number:06}", open=open_,
            due_date=None if day is None else NOON.date() + timedelta(days=day),
        ),
        st.integers(1, 99), st.integers(0, 9_000).map(lambda cents: cents * CENT),
        st.none() | st.integers(-90, 90),
    ),
    unique_by=lambda one: one.id, max_size=8,
)  # fmt: skip


@given(amounts, documents, st.text(max_size=40))
def test_proposals_give_no_more_than_there_is_nor_than_is_open(amount, owed, reference):
    open_ = {one.id: one.payable for one in owed}
    for proposal in policies.propose(amount=amount, reference=reference, documents=owed):
        assert total(share.amount for share in proposal.shares) <= amount
        assert all(0 < share.amount <= open_[share.invoice_id] for share in proposal.shares)
        assert len({share.invoice_id for share in proposal.shares}) == len(proposal.shares)


@given(amounts, documents)
def test_the_oldest_get_all_or_everything_is_paid(amount, owed):
    shares = policies.oldest_first(amount, owed)

    given_ = total(share.amount for share in shares)
    assert given_ == min(amount, total(one.open for one in owed))


@given(documents, st.integers(0, 7))
def test_a_number_that_is_written_is_found_and_no_other(owed, place):
    if not owed:
        return
    named = owed[place % len(owed)]

    assert policies.named_in(f"invoice {named.number.lower()} thx", owed) == [named]


@given(documents, st.permutations(range(8)), st.sampled_from([" ", ", ", " and ", "\n"]))
def test_all_numbers_that_are_written_are_found_in_their_order(owed, order, between):
    named = [owed[place] for place in order if place < len(owed)]

    written = between.join(one.number for one in named)
    assert policies.named_in(written, owed) == named
    digits = [replace(one, number=one.number.removeprefix("INV-")) for one in named]
    written = between.join(one.number for one in digits)
    assert policies.named_in(written, digits) == digits


# What somebody may do next: what, with which row, how much.
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["pay", "wait", "give", "take", "reverse", "refund", "settle", "fail", "write_off",
             "dispute", "lose", "win", "give_all"]
        ),
        st.integers(0, 9),
        amounts,
    ),
    min_size=4, max_size=14,
)  # fmt: skip


class World:
    """A payer with two invoices, taxed, and all that happens to its money."""

    def __init__(self):
        self.payer = factories.customer()
        self.invoices = [
            issued(self.payer, nets=["70", "30.05"], percentage="19"),
            issued(self.payer, nets=["12.34"], percentage="7"),
        ]
        self.key = 0

    def do(self, step, place, amount):
        self.key += 1
        with suppress(DomainError):  # that nothing changed then is what the checks say
            getattr(self, step)(place, amount, f"k{self.key}")

    def one(self, model, place, **which):
        rows = list(model.objects.filter(**which).order_by("pk"))
        return rows[place % len(rows)] if rows else None

    def pay(self, place, amount, key):
        pay(self.payer, amount, key=key, rail="psp")

    def wait(self, place, amount, key):
        pay(self.payer, amount, key=key, rail="psp", allocate="nothing")

    def give(self, place, amount, key):
        if money := self.one(Unapplied, place):
            parts = [(self.invoices[place % 2].pk, amount)]
            payments.allocate(source=money, parts=parts, by="t", at=NOON, key=key)

    def give_all(self, place, amount, key):
        payments.dispositions.set_off_open(payer_id=self.payer.pk, by="t", at=NOON)

    def take(self, place, amount, key):
        if row := self.one(Allocation, place, kind="payment", reverses=None):
            payments.unallocate(allocation=row, reason="Wrong", by="t", at=NOON)

    def reverse(self, place, amount, key):
        if payment := self.one(Payment, place):
            payments.reverse(payment=payment, reason="Bounced", by="t", key=key, at=NOON)

    def refund(self, place, amount, key):
        if money := self.one(Unapplied, place):
            payments.refund(source=money, amount=amount, reason="Asked", by="t", key=key, at=NOON)

    def settle(self, place, amount, key):
        if refund := self.one(Refund, place):
            payments.settle(refund=refund, by="t", at=NOON)

    def fail(self, place, amount, key):
        if refund := self.one(Refund, place):
            payments.fail(refund=refund, reason="Closed account", by="t", at=NOON)

    def write_off(self, place, amount, key):
        payments.write_off(
            invoice=self.invoices[place % 2], amount=amount, reason="Gone", by="t", key=key,
            at=NOON,
        )  # fmt: skip

    def dispute(self, place, amount, key):
        if payment := self.one(Payment, place):
            payments.open_dispute(
                payment=payment, amount=amount, reason="Fraud", by="t", key=key, at=NOON
            )

    def lose(self, place, amount, key):
        self.decide(place, "lost")

    def win(self, place, amount, key):
        self.decide(place, "won")

    def decide(self, place, outcome):
        if dispute := self.one(Dispute, place):
            payments.decide(dispute=dispute, outcome=outcome, decision="Shown", by="t", at=NOON)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_money_is_conserved_whatever_is_done_with_it(done):
    world = World()
    for step in done:
        world.do(*step)

    book = world.payer.book
    moneys = list(Unapplied.objects.filter(payer=world.payer))
    came = total(Payment.objects.filter(payer=world.payer).values_list("amount", flat=True))
    left = total(payments.left_of(money) for money in moneys)
    applied = total(money.applied for money in moneys)
    assert left + applied + total(money.returned for money in moneys) == came
    invoices = list(Invoice.objects.filter(payer=world.payer))
    assert applied == total(invoice.paid for invoice in invoices)
    assert all(0 <= invoice.open <= invoice.due for invoice in invoices)
    stands = standing(book)
    assert stands.get("receivable", 0) == total(invoice.open for invoice in invoices)
    assert -stands.get("unapplied_cash", 0) == left
    for check in checks.ALL:
        assert list(check(book_id=book.pk)) == []
    assert all(
        invoice.state == ("paid" if not invoice.written_off else "uncollectible")
        for invoice in invoices
        if not invoice.open
    )
    gone = Allocation.objects.filter(source__payer=world.payer, kind__in=["returned", "shortfall"])
    taken = sum(
        payment.amount for payment in Payment.objects.filter(payer=world.payer)
        if gone.filter(source__payment=payment, dispute=None).exists()
    )  # fmt: skip
    assert taken <= total(gone.values_list("amount", flat=True)) <= came
    notes = [invoice for invoice in invoices if invoice.kind == "debit_note"]
    assert len(notes) == gone.filter(kind="shortfall").count() == len(invoices) - 2
