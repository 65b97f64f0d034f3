"""Revenue, deferred revenue and contract balances: right, and tied to the trial balance."""

from decimal import Decimal

import pytest

from billing import catalogue, contracts, coupons, due
from billing.charging import adjusting, oneoffs
from billing.metering import decode, ingest
from billing.models import ChargeChange
from billing.reports import checks, commitments, contract_balances, deferred, revenue
from billing.subscriptions import states
from ledger import closing, verification
from ledger.errors import InvalidInputError
from ledger.models import Period
from tests import factories
from tests.billing.scene import event
from tests.billing.subscriptions.shop import JANUARY, day, flat, new_shop, stage, usage

pytestmark = pytest.mark.django_db

APRIL = day("04-01")


@pytest.fixture
def story():
    """A quarter's fee in advance, usage on account and on credit, a one-off, a coupon."""
    shop = new_shop()
    plan = shop.plan(
        stage("main", flat("90", cadence="P3M"), usage("0.5")), cadence="P1M", key="quarterly"
    )
    customer = factories.customer(book=shop.book, key="acme")
    subscription = shop.subscribe(plan, customer=customer)
    coupon = coupons.create(
        book=shop.book, key="ten", name="Ten", kind="percentage", duration="once",
        percentage=Decimal(10), at=JANUARY,
    )  # fmt: skip
    coupons.redeem(coupon=coupon, subscription=subscription, at=JANUARY)
    wallet = factories.wallet(customer=customer, asset=shop.dollars)
    factories.grant(wallet=wallet, amount=20, at=JANUARY)
    catalogue.map_subject(book=shop.book, key="api", customer=customer, at=JANUARY)
    for at, used in (("01-10", 100), ("02-10", 60), ("03-10", 10)):
        due.run(customer=customer, until=day(at))
        sent = [decode.one(event(used, type="tokens", at=day(at)), 0)]
        ingest.ingest(book=shop.book, sent=sent, received_at=day(at))
    oneoffs.charge_once(
        customer=customer, name="Onboarding", asset=shop.dollars, unit_price=Decimal(250),
        key="on", product="services", at=day("02-15"),
    )  # fmt: skip
    due.run(customer=customer, until=APRIL)
    shop.acme, shop.subscription = customer, subscription
    return shop


def earned(report):
    return {(row.product, row.month): row.amount for row in report.rows}


def differences(report):
    return {(one.purpose, one.asset): one.difference for one in report.ties if one.difference}


def test_revenue_is_shown_by_product_and_month(story):
    report = revenue.revenue(book=story.book, starts_at=JANUARY, ends_at=APRIL)

    assert earned(report) == {
        ("base", "2024-01"): Decimal("30.66"),
        ("base", "2024-02"): Decimal("28.68"),
        ("base", "2024-03"): Decimal("30.66"),
        ("services", "2024-02"): 250,
        ("ten", "2024-01"): -14,
        ("tokens", "2024-01"): 50,
        ("tokens", "2024-02"): 30,
        ("tokens", "2024-03"): 5,
    }
    assert report.totals == {"USD": 411}
    assert differences(report) == {}


def test_revenue_may_be_told_apart_by_source_alone(story):
    report = revenue.revenue(book=story.book, starts_at=JANUARY, ends_at=APRIL, by=["source"])

    assert {row.source: row.amount for row in report.rows} == {
        "discounts": -14,
        "one_off_revenue": 250,
        "subscription_revenue": 90,
        "usage_revenue": 85,
    }
    with pytest.raises(InvalidInputError, match="product"):
        revenue.revenue(book=story.book, starts_at=JANUARY, ends_at=APRIL, by=["weather"])


def test_what_is_learned_after_a_month_is_closed_is_revenue_of_the_next(story):
    january = Period.objects.get(book=story.book, starts_at=JANUARY)
    closing.close(period=january, at=APRIL)
    sent = [decode.one(event(8, type="tokens", at=day("01-31")), 0)]
    ingest.ingest(book=story.book, sent=sent, received_at=APRIL)

    report = revenue.revenue(book=story.book, starts_at=JANUARY, ends_at=APRIL)
    found = earned(report)
    assert (found["tokens", "2024-01"], found["tokens", "2024-02"]) == (50, 34)
    assert differences(report) == {}


def test_fees_paid_in_advance_roll_forward(story):
    report = deferred.deferred(book=story.book, starts_at=day("02-01"), ends_at=day("03-01"))

    [fees] = report.fees
    assert (fees.opening, fees.billed, fees.returned, fees.earned, fees.closing) == (
        Decimal("59.34"), 0, 0, Decimal("28.68"), Decimal("30.66"),
    )  # fmt: skip
    [credit] = report.credit
    assert (credit.opening, credit.consumed, credit.closing) == (0, 0, 0)
    assert differences(report) == {}


def test_what_a_cancelation_gives_back_is_returned():
    shop = new_shop()
    plan = shop.plan(stage("main", flat("60")), key="p")
    subscription = shop.subscribe(plan, proration="always")
    due.run(customer=subscription.customer, until=day("01-05"))
    states.cancel(subscription=subscription, at=day("01-16"))
    due.run(customer=subscription.customer, until=day("02-02"))

    [fees] = deferred.deferred(book=shop.book, starts_at=JANUARY, ends_at=day("02-01")).fees
    assert (fees.billed, fees.returned, fees.earned, fees.closing) == (
        60, Decimal("30.97"), Decimal("29.03"), 0,
    )  # fmt: skip


def test_contract_balances_say_what_is_owed_either_way(story):
    report = contract_balances.contract_balances(
        book=story.book, starts_at=day("02-01"), ends_at=day("03-01")
    )

    [row] = report.rows
    assert (row.customer, row.asset) == ("acme", "USD")
    opening, closing_ = row.opening, row.closing
    assert (opening.unbilled, opening.deferred, opening.credit) == (106, Decimal("59.34"), 0)
    assert (closing_.unbilled, closing_.deferred, closing_.receivable) == (
        386, Decimal("30.66"), 0,
    )  # fmt: skip
    assert differences(report) == {}
    mine = contract_balances.contract_balances(book=story.book, customer=story.acme)
    assert [one.closing.unbilled for one in mine.rows] == [481]


def test_commitments_show_what_is_drawn_and_what_was_charged(story):
    contracts.create(
        customer=story.acme, asset=story.dollars, key="c", starts_at=JANUARY, ramp="P1M",
        amounts=[Decimal(100), Decimal(10)], overage_multiplier=Decimal("1.5"), at=JANUARY,
        rebates={"tiers": [{"above": "50", "percentage": "10"}]},
    )  # fmt: skip
    due.run(customer=story.acme, until=APRIL)

    report = commitments.commitments(book=story.book, at=APRIL)
    [row] = report.rows
    assert (row.committed, row.drawn, row.true_up, row.overage, row.rebate) == (
        110, 80, 50, 10, 8,
    )  # fmt: skip
    assert differences(report) == {}


def test_all_of_it_ties_out(story):
    adjusting.adjust(
        customer=story.acme, name="Goodwill", asset=story.dollars, amount=Decimal(-5),
        reason="outage", key="k", at=APRIL,
    )  # fmt: skip
    assert list(checks.reports_tie_out(book_id=None)) == []
    assert verification.verify().disagreements == []


def test_what_does_not_tie_out_is_named(story):
    change = ChargeChange.objects.filter(reason="earned").first()
    ChargeChange.objects.create(
        charge=change.charge, amount=1, reason="earned", transaction_id=change.transaction_id,
        effective_at=change.effective_at, recorded_at=change.recorded_at,
    )  # fmt: skip

    found = [str(one) for one in checks.reports_tie_out(book_id=story.book.pk)]
    said = f"deferred_revenue in USD, book {story.book.key}: says -89, the trial balance -90"
    assert found == [said, said]
