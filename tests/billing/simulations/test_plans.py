"""Recorded usage under another plan, with all that a plan charges beside it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import due
from billing.metering import snapshot
from billing.models import Meter
from billing.plans import drafting
from billing.rating.problems import InvalidTermsError
from billing.subscriptions import creation
from ledger.errors import InvalidInputError
from ledger.periods import Period
from tests.billing.plans import offers
from tests.billing.plans.offers import card, fee, phase, plan
from tests.billing.scene import DAY, START, event
from tests.billing.simulations.conftest import JUNE
from tests.factories import NOON

GRADUATED = {
    "type": "graduated",
    "tiers": [
        {
            "up_to_amount": "100",
            "unit_price": {"type": "unit", "amount": "0"},
            "flat_price": {"type": "flat", "amount": "5"},
        },
        {"unit_price": {"type": "unit", "amount": "0.5"}},
    ],
}
PRO = {"key": "pro"}


@pytest.fixture
def meter(scene) -> Meter:
    return scene.meter("sum", dimensions={"model": "$.model"}, price="1")


@pytest.fixture
def tokens(scene, meter):
    return offers.feature(scene.book, "tokens", meter=meter)


def publish(scene, *cards, **others):
    return offers.publish(scene.book, plan(phase("main", *cards), **others), START)


def test_a_plan_charges_usage_and_fees(scene, tokens, ask):
    publish(scene, fee(amount="20"), card(price=GRADUATED))
    scene.send(event(120))
    asked = ask(plan=PRO)

    row = asked.of("tokens")
    assert (row.quantity, row.posted, row.simulated) == (120, 120, 5 + 20 * Decimal("0.5"))
    assert (asked.of("fee").unit, asked.of("fee").posted, asked.of("fee").simulated) == ("", 0, 20)
    assert (asked.totals.posted, asked.totals.simulated) == (120, 35)


def test_what_is_due_without_usage_is_charged_in_each_cycle(scene, tokens, ask):
    minimum = {"minimum_amount": "7.50"}
    publish(scene, card(price=GRADUATED, commitments=minimum))
    scene.send(event(120, at=NOON))
    summer = Period(JUNE.starts_at, JUNE.starts_at + timedelta(days=30 + 31))

    row = ask(plan=PRO, span=summer).of("tokens")
    assert row.simulated == 15 + Decimal("7.50"), "June above the minimum, July without usage"


def test_a_minimum_is_due_when_its_cycle_ends(scene, tokens, ask):
    publish(scene, card(price=GRADUATED, commitments={"minimum_amount": "100"}))
    scene.send(event(120, at=NOON))
    most_of_june = Period(JUNE.starts_at, JUNE.ends_at - DAY)

    assert ask(plan=PRO, span=most_of_june).of("tokens").simulated == 15
    assert ask(plan=PRO).of("tokens").simulated == 100


def test_cycles_are_counted_from_the_start_and_a_fee_is_cut_with_its_cycle(scene, tokens, ask):
    publish(scene, fee(amount="30"), card(price=GRADUATED))
    late = NOON + 10 * DAY
    scene.send(event(120, at=NOON), event(120, at=late), at=late + DAY)
    span = Period(NOON - DAY, NOON + 44 * DAY)
    asked = ask(plan=PRO, span=span)

    assert asked.of("tokens").simulated == 5 + 140 * Decimal("0.5") + 5
    # From 14 June to 14 July, and 15 of the 31 days from there.
    assert asked.of("fee").simulated == 30 + Decimal("14.52")


def test_usage_goes_to_the_feature_with_most_filters(scene, meter, tokens, ask):
    offers.feature(scene.book, "large", meter=meter, filters={"model": {"eq": "large"}})
    unit = {"type": "unit", "amount": "10"}
    publish(scene, card("large", price=unit), card("tokens", price={"type": "free"}))
    scene.send(event(10, model="large"), event(30, model="small"))
    asked = ask(plan=PRO)

    assert (asked.of("large").quantity, asked.of("large").simulated) == (10, 100)
    assert (asked.of("tokens").quantity, asked.of("tokens").simulated) == (30, 0)
    assert asked.totals.posted == 40


def test_what_subscriptions_charged_is_compared(scene, tokens, ask):
    """Both in usage, by the items' own series, and beside it, by charges."""
    now = publish(scene, fee(amount="20"), card(price={"type": "unit", "amount": "2"}))
    creation.create(customer=scene.customer, plan=now, starts_at=JUNE.starts_at, at=JUNE.starts_at)
    scene.send(event(10))
    due.run(customer=scene.customer, until=JUNE.ends_at)
    dearer = plan(
        phase("main", fee(amount="25"), card(price={"type": "unit", "amount": "3"})), key="max"
    )
    offers.publish(scene.book, dearer, START)
    snapshot.forget()
    asked = ask(plan={"key": "max"})

    assert (asked.of("tokens").posted, asked.of("tokens").simulated) == (20, 30)
    assert (asked.of("fee").posted, asked.of("fee").simulated) == (20, 25)
    assert asked.totals.difference == 15
    same = ask(plan=PRO)
    assert [row.difference for row in same.rows.values()] == [0, 0]


def test_a_phase_a_version_and_a_draft_can_be_named(scene, tokens, ask):
    stages = [
        phase("trial", card(price={"type": "free"}), duration="P1M"),
        phase("main", card(price={"type": "unit", "amount": "3"})),
    ]
    first = offers.publish(scene.book, plan(*stages), START)
    dear = plan(phase("main", card(price={"type": "unit", "amount": "4"})))
    drafting.next_version(plan=first.plan, document=dear, at=START)
    scene.send(event(10))

    def simulated(**named):
        return ask(plan=PRO | named).of("tokens").simulated

    assert simulated() == simulated(version=1) == 30
    assert simulated(phase="trial") == 0
    assert simulated(version=2) == 40


@pytest.mark.parametrize(
    ("named", "field", "rule"),
    [
        ({"key": "none"}, "plan", "there are: pro"),
        ({"version": 7}, "plan.version", "there are: 1"),
        ({"phase": "none"}, "plan.phase", "there are: main"),
    ],
)
def test_what_a_plan_lacks_is_refused(scene, tokens, ask, named, field, rule):
    publish(scene, card())

    with pytest.raises(InvalidInputError, match=rule) as refused:
        ask(plan=PRO | named)
    assert refused.value.field == field


def test_another_currency_than_was_charged_is_refused(scene, tokens, ask):
    publish(scene, card(), currency="EUR")
    scene.send(event(10))

    with pytest.raises(InvalidInputError, match="was charged for tokens in USD") as refused:
        ask(plan=PRO)
    assert (refused.value.field, refused.value.value) == ("plan", "EUR")


def test_a_draft_that_cannot_price_says_why(scene, tokens, ask):
    wrong = plan(phase("main", card(price={"type": "unit", "amount": "-1"})))
    drafting.create(book=scene.book, document=wrong, at=START)

    with pytest.raises(InvalidTermsError) as refused:
        ask(plan=PRO)
    assert refused.value.field == "price.amount"


def test_customers_that_only_pay_fees_are_compared_too(scene, tokens, ask):
    publish(scene, fee(amount="20"))
    row = ask(plan=PRO, customers=[scene.customer]).only

    assert (row.feature, row.posted, row.simulated) == ("fee", 0, 20)
    assert ask(plan=PRO).rows == {}, "nobody used or was charged anything"


def test_a_year_is_as_long_as_its_cycles(scene, tokens, ask):
    publish(scene, card(price=GRADUATED, billing_cadence="P3M"))
    moments = [datetime(2025, month, 1, tzinfo=UTC) for month in (1, 3, 4, 12)]
    scene.send(*(event(60, at=at) for at in moments), at=moments[-1] + DAY)
    year = Period(START, datetime(2026, 1, 1, tzinfo=UTC))

    # Only the first quarter is above the allowance; each has its first tier's flat price.
    assert ask(plan=PRO, span=year).of("tokens").simulated == 4 * 5 + 20 * Decimal("0.5")
