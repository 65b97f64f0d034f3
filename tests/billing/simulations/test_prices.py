"""Recorded usage under another price or price list."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from billing import features
from billing.models import Accrual
from billing.rating.problems import InvalidTermsError
from billing.simulations import asking, comparing, quantities
from ledger.errors import InvalidInputError
from ledger.periods import Period
from tests import factories
from tests.billing.scene import DAY, HOUR, START, event, new_scene
from tests.billing.simulations.conftest import JUNE, list_price
from tests.factories import NOON

UNIT = {"type": "unit", "amount": "2"}
VOLUME = {
    "type": "volume",
    "tiers": [
        {"up_to_amount": "20", "unit_price": {"type": "unit", "amount": "3"}},
        {"unit_price": {"type": "unit", "amount": "1"}},
    ],
}
TABLE = {
    "type": "rate_table",
    "dimensions": ["model"],
    "rates": [
        {"match": {"model": "large"}, "amount": "5"},
        {"match": {"model": "small"}, "amount": "0.5"},
    ],
    "default": "1",
}
PER_EVENT = {
    "type": "percentage",
    "rate": "10",
    "fixed_fee": "0.25",
    "free_events": 2,
    "minimum_per_event": "0.50",
}


@pytest.fixture
def meter(scene):
    return scene.meter("sum", dimensions={"model": "$.model", "region": "$.region"}, price="1")


def test_one_price_is_compared_with_what_was_posted(scene, meter, ask):
    scene.send(event(10), event("2.5"))

    row = ask(price=UNIT, meter="sum").only
    assert (row.customer, row.feature, row.unit) == (scene.customer.key, "sum", "thing")
    assert (row.quantity, row.posted, row.simulated) == (
        Decimal("12.5"),
        Decimal("12.5"),
        Decimal(25),
    )
    assert (row.difference, row.unpriced) == (Decimal("12.5"), 0)


def test_discounts_conversion_and_maximum_are_part_of_it(scene, meter, ask):
    scene.send(event(1300))
    asked = ask(
        price={"type": "unit", "amount": "10"},
        unit_config={"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling"},
        discounts={"percentage": "10"},
        commitments={"maximum_amount": "15"},
        meter="sum",
    )

    assert asked.only.simulated == 15


def test_usage_is_counted_by_months_of_the_book(db, ask_in):
    scene, ask = ask_in("America/New_York")
    scene.meter("sum", price="1")
    june = datetime(2025, 6, 1, 4, tzinfo=UTC)
    scene.send(event(10, at=june - HOUR), event(15, at=june), event(15, at=june + DAY))
    span = Period(june - 31 * DAY, june + 30 * DAY)

    assert ask(price=VOLUME, meter="sum", span=span).only.simulated == 10 * 3 + 30 * 1


@pytest.fixture
def ask_in():
    def make(zone):
        scene = new_scene(time_zone=zone)

        def ask(*, span, **asked):
            offer = asking.offer_of(book=scene.book, span=span, asked={"currency": "USD"} | asked)
            [row] = comparing.simulate(book=scene.book, offer=offer, span=span)
            return type("Asked", (), {"only": row})

        return scene, ask

    return make


def test_only_usage_within_the_time_counts(scene, meter, ask):
    times = [JUNE.starts_at - timedelta(microseconds=1), JUNE.starts_at, JUNE.ends_at]
    scene.send(
        *(event(n, at=at) for n, at in zip((1, 10, 100), times, strict=True)), at=NOON + 90 * DAY
    )

    assert ask(price=UNIT, meter="sum").only.simulated == 20
    week = Period(NOON - DAY, NOON + DAY)
    assert ask(price=UNIT, meter="sum", span=week).rows == {}


def test_a_part_of_a_month_is_priced_by_its_usage(scene, meter, ask):
    scene.send(
        event(1, at=NOON - DAY), event(10, at=NOON), event(100, at=NOON + DAY), at=NOON + 2 * DAY
    )
    customers = [scene.customer]
    row = ask(price=UNIT, meter="sum", span=Period(NOON, NOON + DAY), customers=customers).only

    assert (row.quantity, row.simulated) == (10, 20)
    assert row.posted == 0, "what was posted belongs to the month, which starts before"


def test_corrections_are_honoured(scene, meter, ask):
    scene.send(event(10, id="a"), event(20, id="b"), event(40, id="c"))
    scene.void("a")
    scene.amend(event(5, id="b"))

    for price in (UNIT, PER_EVENT, TABLE):
        assert ask(price=price, meter="sum").only.quantity == 45
    assert ask(price=UNIT, meter="sum").only.simulated == 90


def test_labels_choose_from_a_rate_table(scene, meter, ask):
    scene.send(event(10, model="large"), event(10, model="small"), event(10, model="x"), event(10))

    assert ask(price=TABLE, meter="sum").only.simulated == 50 + 5 + 10 + 10


def test_prices_per_event_read_the_events(scene, meter, ask):
    at = [NOON + n * HOUR for n in range(4)]
    # The two that happened first are free, in whatever order they came.
    scene.send(event(100, at=at[3]), event(1, at=at[2]), at=NOON + DAY)
    scene.send(event(50, at=at[0]), event(50, at=at[1]), at=NOON + DAY)

    row = ask(price=PER_EVENT, meter="sum").only
    assert (row.quantity, row.simulated) == (201, Decimal("10.25") + Decimal("0.50"))


def test_a_multiple_of_cost_reads_what_features_cost(scene, ask):
    meter = scene.meter("sum", dimensions={"model": "$.model"}, price="1")
    features.create(
        book=scene.book,
        key="any",
        name="Any",
        meter=meter,
        at=START,
        unit_cost={"type": "manual", "amount": "0.5"},
    )
    scene.send(event(10))
    price = {"type": "dynamic", "multiplier": "1.2", "basis": "cost"}

    assert ask(price=price, meter="sum").only.simulated == Decimal("6.0")


def test_a_feature_is_priced_as_far_as_its_filters_reach(scene, meter, ask):
    features.create(
        book=scene.book,
        key="large",
        name="Large",
        meter=meter,
        at=START,
        filters={"model": {"eq": "large"}, "region": {"neq": "eu"}},
    )
    scene.send(
        event(10, model="large"), event(7, model="large", region="eu"), event(5, model="small")
    )
    asked = ask(price=UNIT, feature="large")

    assert (asked.of("large").quantity, asked.of("large").simulated) == (10, 20)
    rest = asked.of("sum")
    assert (rest.quantity, rest.unpriced, rest.posted, rest.simulated) == (12, 12, 22, 0)


def test_a_price_list_prices_by_match_and_date(scene, meter, ask, price_list):
    other = price_list("other", (meter, "2"))
    list_price(other, meter, "10", match={"model": "large"})
    list_price(other, meter, "3", since=NOON)
    list_price(other, meter, "99", since=JUNE.ends_at)
    early, late = NOON - DAY, NOON + HOUR
    scene.send(
        event(1, at=early), event(1, at=late), event(1, at=late, model="large"), at=NOON + DAY
    )

    row = ask(price_list="other").only
    assert (row.quantity, row.posted, row.simulated) == (3, 3, 2 + 3 + 10)


def test_a_meter_without_a_price_is_not_compared(scene, meter, ask, price_list):
    scene.meter("count", price="4")
    price_list("other", (meter, "2"))
    scene.send(event(10))
    asked = ask(price_list="other")

    assert (asked.of("sum").simulated, asked.of("sum").posted) == (20, 10)
    left_out = asked.of("count")
    assert (left_out.simulated, left_out.difference, left_out.posted) == (None, None, 4)
    totals = asked.totals
    assert (totals.posted, totals.simulated, totals.difference) == (10, 20, 10)
    assert (totals.customers, totals.not_compared) == (1, 4)


@pytest.mark.parametrize(
    "aggregation", ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
)
@pytest.mark.parametrize("price", [UNIT, VOLUME], ids=["unit", "volume"])
def test_what_is_simulated_is_what_would_have_been_posted(scene, ask, aggregation, price):
    """The same events, once under the price list and once simulated, by every way there is."""
    rng = Random(aggregation)
    meter = scene.meter(aggregation, price=None, dimensions={"model": "$.model"})
    list_price(scene.card, meter, {"price": price})
    numbers = (str(rng.randrange(1, 1000) / 100) for _ in range(40))
    scene.send(
        *(
            event(number, id=f"e{place}", at=NOON + rng.randrange(-200, 300) * HOUR, model="m")
            for place, number in enumerate(numbers)
        ),
        at=NOON + 30 * DAY,
    )
    scene.void("e3")
    scene.amend(event("7.77", id="e5", model="m"))

    row = ask(price=price, meter=meter.key).only
    assert row.simulated == row.posted != 0
    [cards] = asking.offer_of(
        book=scene.book, span=JUNE, asked={"price": price, "meter": meter.key, "currency": "USD"}
    ).cards.values()
    customers = [scene.customer]
    summed = quantities.of_sums(book=scene.book, cards=cards, customers=customers, span=JUNE)
    read = quantities.of_events(cards=cards, customers=[scene.customer.pk], span=JUNE, costs=None)
    for used in (summed, read):
        [one] = used.by_cycle.values()
        assert one.quantity == row.quantity == Accrual.objects.get().quantity


def test_labels_of_what_does_not_add_up_are_read_from_events(scene, ask, price_list):
    meter = scene.meter("max", dimensions={"model": "$.model"}, price="1")
    other = price_list("other", (meter, "1"))
    list_price(other, meter, "10", match={"model": "large"})
    for n, model in ((3, "a"), (8, "b"), (5, "large"), (4, "large")):
        scene.send(event(n, model=model))

    row = ask(price_list="other").only
    assert row.simulated == 8 * 1 + 5 * 10
    assert row.posted == 8


def test_unique_texts_count_once_under_each_price(scene, ask, price_list):
    meter = scene.meter("unique_count", path="$.user", dimensions={"model": "$.model"}, price="1")
    other = price_list("other", (meter, "1"))
    list_price(other, meter, "10", match={"model": "large"})
    for user, model in (("a", "s"), ("a", "s"), ("b", "t"), ("a", "large"), ("a", "large")):
        scene.send(event(user=user, model=model))

    assert ask(price_list="other").only.simulated == 2 * 1 + 1 * 10


def test_customers_are_apart_and_can_be_chosen(scene, meter, ask):
    child = scene.child("below")
    scene.send(event(10), event(4, subject="below"))

    asked = ask(price=UNIT, meter="sum")
    assert {name: row.simulated for (name, _), row in asked.rows.items()} == {
        scene.customer.key: 20,
        child.key: 8,
    }
    assert asked.totals.customers == 2
    assert ask(price=UNIT, meter="sum", customers=[child]).only.simulated == 8


def test_what_was_posted_in_another_currency_cannot_be_compared(scene, meter, ask):
    factories.asset(code="EUR")
    scene.send(event(10))

    with pytest.raises(InvalidInputError, match="was charged for sum in USD") as refused:
        ask(price=UNIT, meter="sum", currency="EUR")
    assert (refused.value.field, refused.value.value) == ("price", "EUR")


def test_usage_that_cost_nothing_may_be_priced_in_any_currency(scene, ask):
    factories.asset(code="EUR")
    scene.meter("sum", price=None)
    scene.send(event(10))

    row = ask(price=UNIT, meter="sum", currency="EUR").only
    assert (row.posted, row.simulated) == (0, 20)


@pytest.mark.parametrize(
    ("asked", "field", "rule"),
    [
        ({}, "plan", "name one of plan, price_list, price"),
        ({"price": UNIT, "price_list": "list", "meter": "sum"}, "plan", "name one of"),
        ({"price": UNIT}, "feature", "name the feature, or the meter"),
        ({"price": UNIT, "meter": "none"}, "meter", "name a meter of the book"),
        ({"price": UNIT, "feature": "none"}, "feature", "name a feature of the book"),
        ({"price": UNIT, "meter": "sum", "currency": "XXX"}, "currency", "name the currency"),
        ({"price": UNIT, "meter": "sum", "currency": "thing"}, "currency", "name the currency"),
        ({"price_list": "none"}, "price_list", "there are: list"),
    ],
)
def test_what_cannot_be_asked_is_refused(scene, meter, ask, asked, field, rule):
    with pytest.raises(InvalidInputError, match=rule) as refused:
        ask(**asked)
    assert refused.value.field == field


def test_a_price_that_cannot_be_is_refused_with_all_that_is_wrong(scene, meter, ask):
    with pytest.raises(InvalidTermsError) as refused:
        ask(
            price={"type": "unit", "amount": "-1"},
            discounts={"percentage": "101"},
            meter="sum",
        )
    assert {problem.field for problem in refused.value.problems} == {
        "price.amount",
        "discounts.percentage",
    }


def test_a_time_ends_after_it_starts_and_is_not_endless(scene, meter, ask):
    with pytest.raises(InvalidInputError, match="where it starts") as refused:
        asking.span_of(NOON, NOON)
    assert refused.value.field == "to"
    century = Period(NOON, NOON.replace(year=2125))
    with pytest.raises(InvalidInputError, match="at most 400 billing cycles") as refused:
        ask(price=UNIT, meter="sum", span=century)
    assert refused.value.field == "to"


def test_it_knows_how_much_there_is_to_do(scene, meter):
    scene.child("below")
    scene.send(event(10), event(4), event(4, subject="below"), event(1, at=NOON + HOUR))

    def events(price, most=100, **options):
        asked = {"price": price, "meter": "sum", "currency": "USD"}
        offer = asking.offer_of(book=scene.book, span=JUNE, asked=asked)
        return comparing.count_events(book=scene.book, offer=offer, span=JUNE, most=most, **options)

    assert comparing.count_customers(book=scene.book, span=JUNE) == 2
    assert events(UNIT) == events(TABLE) == 0
    assert events(PER_EVENT) == 4
    assert events(PER_EVENT, most=2) == 2
    assert events(PER_EVENT, customers=[scene.customer]) == 3
