"""Ageing and statements of account: who owes what, for how long, and since when."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import payments
from billing.invoicing import credit_notes, lifecycle
from billing.payments.ageing import ageing
from billing.payments.printing import printed
from billing.payments.statements import statement, write_csv
from ledger.errors import InvalidInputError
from tests import factories
from tests.billing.payments.documents import DAY, issued, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def payer():
    return factories.customer()


def owed(payer, at, **terms):
    rows = ageing(book=payer.book, at=at, **terms).rows
    return [(row.payer_key, row.owed, row.credits, row.unapplied) for row in rows]


class TestAgeing:
    def test_documents_are_sorted_by_the_days_since_they_were_due(self, payer):
        for days in (1, 10, 45, 75, 200):
            issued(payer, nets=[str(days)], at=NOON - days * DAY, terms="")

        [(_, amounts, _, _)] = owed(payer, NOON)

        assert amounts == [0, 11, 45, 75, 200]

    def test_what_is_due_today_is_not_overdue(self, payer):
        issued(payer, terms="")

        [(_, amounts, _, _)] = owed(payer, NOON)

        assert amounts == [100, 0, 0, 0, 0]

    def test_credit_and_money_stand_beside_what_is_owed(self, payer):
        first, _ = issued(payer), issued(payer, nets=["50"])
        pay(payer, 100, reference=first.number)
        pay(payer, 30, allocate="nothing")
        credit_notes.credit(
            invoice=first, what=credit_notes.Amount(Decimal(20)), disposition="offset",
            reason="Sorry", by="ann", key="n", at=NOON,
        )  # fmt: skip

        [row] = ageing(book=payer.book, at=NOON).rows

        assert (row.total, row.credits, row.unapplied, row.net, row.documents) == (50, 20, 30, 0, 1)

    def test_the_past_is_as_it_was(self, payer):
        invoice = issued(payer, terms="")
        payment = pay(payer, 130, at=NOON + 5 * DAY, reference=invoice.number)
        payments.reverse(payment=payment, reason="AC04", by="bank", key="r", at=NOON + 50 * DAY)

        assert owed(payer, NOON - DAY) == []
        assert owed(payer, NOON + 4 * DAY) == [(payer.key, [0, 100, 0, 0, 0], 0, 0)]
        assert owed(payer, NOON + 6 * DAY) == [(payer.key, [0, 0, 0, 0, 0], 0, 30)]
        assert owed(payer, NOON + 50 * DAY) == [(payer.key, [0, 0, 100, 0, 0], 0, 0)]

    def test_void_documents_were_owed_until_they_were_void(self, payer):
        invoice = issued(payer, terms="")
        lifecycle.void(invoice=invoice, reason="Wrong", by="ann", at=NOON + 2 * DAY)

        assert owed(payer, NOON + DAY) == [(payer.key, [0, 100, 0, 0, 0], 0, 0)]
        assert owed(payer, NOON + 2 * DAY) == []

    def test_days_are_those_of_the_books_zone(self):
        payer = factories.customer(book=factories.book(time_zone="Pacific/Auckland"))
        issued(payer, terms="", at=NOON - timedelta(hours=1))  # 23 h of the same day there

        assert owed(payer, NOON + timedelta(hours=1))[0][1] == [0, 100, 0, 0, 0]

    def test_sums_are_by_currency_and_payers_by_what_is_overdue(self, payer):
        other = factories.customer(book=payer.book)
        issued(payer)
        issued(other, nets=["5"], terms="", at=NOON - DAY)
        issued(other, asset=factories.asset(code="EUR"))

        found = ageing(book=payer.book, at=NOON)

        assert [(row.payer_key, row.currency) for row in found.rows] == [
            (other.key, "EUR"), (other.key, "USD"), (payer.key, "USD"),
        ]  # fmt: skip
        assert [(one.currency, one.total) for one in found.sums()] == [("EUR", 100), ("USD", 105)]
        assert found.labels == [
            "not due", "1–30 days", "31–60 days", "61–90 days", "over 90 days",
        ]  # fmt: skip
        assert len(ageing(book=payer.book, at=NOON, payer=payer).rows) == 1

    @pytest.mark.parametrize("buckets", [(), (1, 2), (0, 30, 30), (0, 60, 30)], ids=str)
    def test_buckets_grow(self, payer, buckets):
        with pytest.raises(InvalidInputError):
            ageing(book=payer.book, at=NOON, buckets=buckets)


class TestStatements:
    def read(self, payer, starts=-1, ends=30):
        return statement(
            payer=payer, asset=factories.asset(), starts_at=NOON + starts * DAY,
            ends_at=NOON + ends * DAY,
        )  # fmt: skip

    def story(self, payer):
        invoice = issued(payer)
        pay(payer, 130, at=NOON + DAY, key="p-1", reference="RF thanks")
        credit_notes.credit(
            invoice=invoice, what=credit_notes.Amount(Decimal(20)), disposition="refund",
            reason="Down", by="ann", key="n", at=NOON + 2 * DAY,
        )  # fmt: skip
        return invoice

    def test_it_says_what_moved_what_is_owed(self, payer):
        invoice = self.story(payer)

        made = self.read(payer)

        assert [(line.name, line.number, line.amount, line.balance) for line in made.lines] == [
            ("Invoice", invoice.number, 100, 100),
            ("Payment", "p-1", -130, -30),
            ("Credit note", "CN-2025-000001", -20, -50),
            ("Refund", "CN-2025-000001", 20, -30),
        ]
        stands = standing(payer.book)
        assert made.closing == stands.get("receivable", 0) + stands["unapplied_cash"]

    def test_one_goes_on_where_the_one_before_ended(self, payer):
        self.story(payer)

        first, second = self.read(payer, -1, 1), self.read(payer, 1, 30)

        assert first.opening == 0
        assert second.opening == first.closing == 100
        assert len(first.lines) + len(second.lines) == len(self.read(payer).lines)

    def test_what_bounced_or_is_void_is_said(self, payer):
        invoice = issued(payer)
        payment = pay(payer, 100, key="p-1")
        payments.reverse(payment=payment, reason="AC04", by="bank", key="r", at=NOON)
        lifecycle.void(invoice=invoice, reason="Wrong", by="ann", at=NOON + DAY)

        names = [line.name for line in self.read(payer).lines]

        assert names == ["Invoice", "Payment", "Returned", "Invoice void"]
        assert self.read(payer).closing == 0

    def test_as_csv_no_text_is_a_formula(self, payer):
        pay(payer, 5, key="=1+1")

        rows = write_csv(self.read(payer)).splitlines()

        assert rows[2] == "2025-06-15,Payment,'=1+1,,,5,-5,USD"
        assert [rows[1].split(",")[1], rows[-1].split(",")[1]] == [
            "Opening balance", "Closing balance",
        ]  # fmt: skip

    def test_it_ends_after_it_starts(self, payer):
        with pytest.raises(InvalidInputError):
            self.read(payer, 1, 1)

    def test_what_is_open_by_age_comes_to_the_closing_balance_on_paper(self, payer):
        self.story(payer)
        pay(payer, 7, at=NOON + 3 * DAY, key="p-2", allocate="nothing")
        issued(payer, nets=["40"], at=NOON + 3 * DAY)
        made = self.read(payer)

        paper = printed(made, party={}, at=NOON + 20 * DAY)

        assert paper.unallocated > 0
        assert sum(paper.owed) - paper.unallocated == paper.closing == made.closing
        assert paper.aged_at == NOON + 20 * DAY
