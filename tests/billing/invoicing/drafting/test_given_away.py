"""Rebates and discounts on documents: what nobody was asked to pay is no correction."""

from decimal import Decimal

import pytest

from billing import contracts, due
from billing.charging import adjusting
from billing.models import Accrual, InvoiceLine
from ledger import verification
from tests.billing.charging.agreed import agreed, on
from tests.billing.invoicing.drafting.billed import Billed

pytestmark = pytest.mark.django_db

VOLUME = {"basis": "volume", "tiers": [{"above": "100", "percentage": "10"}]}


@pytest.fixture
def sub():
    """January's usage costs a dollar a unit; ten percent of more than 100 come back."""
    made = Billed(agreed())
    meter = made.agreed.scene.meter("sum", price=None)
    made.agreed.usage(meter, {"type": "unit", "amount": "1"})
    return made


def sign(sub):
    contracts.create(
        customer=sub.payer, asset=sub.agreed.scene.dollars, key="c", starts_at=on("2024-01-01"),
        ramp="P1M", amounts=[Decimal(0)], rebates=VOLUME, at=on("2024-01-01"),
    )  # fmt: skip


def issue(sub, until):
    due.run(customer=sub.payer, until=on(until))
    return [(one.kind, one.due) for one in sub.issue(until)]


def said():
    rows = InvoiceLine.objects.exclude(invoice__number="").order_by("pk")
    return [(row.invoice.kind, row.kind, row.amount) for row in rows]


def test_a_rebate_is_a_credit_note_of_its_own(sub):
    sign(sub)
    sub.use(300, "2024-01-10")

    assert issue(sub, "2024-02-01") == [("credit_note", 30), ("invoice", 300)]
    assert verification.verify().disagreements == []


def test_a_rebate_that_grows_is_another_credit_note(sub):
    sign(sub)
    sub.use(300, "2024-01-10")
    issue(sub, "2024-02-01")
    sub.use(100, "2024-01-20", received="2024-02-05")

    assert issue(sub, "2024-02-06") == [("credit_note", 10), ("invoice", 100)]
    assert verification.verify().disagreements == []


def test_a_rebate_that_shrinks_is_charged(sub):
    sign(sub)
    sub.use(150, "2024-01-10")
    sub.use(150, "2024-01-11", id="wrong")
    issue(sub, "2024-02-01")
    sub.agreed.scene.void("wrong")
    issue(sub, "2025-06-20")

    assert said()[-2:] == [("invoice", "rebate", 15), ("credit_note", "usage", 150)]
    assert verification.verify().disagreements == []


def test_a_coupon_that_grows_lowers_the_next_invoice(sub):
    sub.agreed.coupon(percentage=Decimal(10), redeemed="2024-01-01")
    sub.use(100, "2024-01-10")
    assert issue(sub, "2024-02-01") == [("invoice", 90)]
    sub.use(50, "2024-01-20", received="2024-02-05")

    assert issue(sub, "2024-02-06") == [("invoice", 45)]
    assert verification.verify().disagreements == []


def test_a_corrected_price_is_given_back_and_follows_its_usage(sub):
    sub.use(100, "2024-01-10")
    issue(sub, "2024-02-01")
    adjusting.reprice(
        accrual=Accrual.objects.get(), terms={"price": {"type": "unit", "amount": "0.8"}},
        reason="agreed", key="k", at=on("2024-02-02"),
    )  # fmt: skip
    assert issue(sub, "2024-02-03") == [("credit_note", 20)]

    sub.use(50, "2024-01-20", received="2024-02-05")
    assert issue(sub, "2024-02-06") == [("invoice", 40)]
    assert verification.verify().disagreements == []


def test_a_rebate_and_an_invoice_are_drafted_again_side_by_side(sub):
    sign(sub)
    sub.use(300, "2024-01-10")
    first = sub.draft("2024-02-01")
    assert len(first.new) == 2

    assert sorted(sub.draft("2024-02-01").same) == sorted(first.new)

    sub.use(100, "2024-01-20", received="2024-02-05")
    again = sub.draft("2024-02-05")
    assert (again.new, again.discarded, sorted(again.changed)) == ([], [], sorted(first.new))
    assert [(one.kind, one.due) for one in sub.drafts] == [("invoice", 400), ("credit_note", 40)]
