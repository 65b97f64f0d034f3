"""Rate cards as forms and back, where problems belong, and curves that tell the truth."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.admin.forms import card_document, curve, draft_document, feature_document, words
from billing.admin.forms.curve import Sample
from billing.admin.forms.fields_of import Place, place_of
from billing.rating import terms

NUMBERS = st.decimals(min_value=0, max_value=10**6, places=3).map(str)
WORDS = st.text("abcxyz", min_size=1, max_size=8)


def tier(amounts):
    unit, flat = amounts
    made = {}
    if unit is not None:
        made["unit_price"] = {"type": "unit", "amount": unit}
    if flat is not None:
        made["flat_price"] = {"type": "flat", "amount": flat}
    return made


TIERS = st.lists(
    st.tuples(NUMBERS, st.none()) | st.tuples(st.none(), NUMBERS) | st.tuples(NUMBERS, NUMBERS),
    min_size=1,
    max_size=4,
).map(
    lambda drawn: [
        {**({"up_to_amount": str(i * 10)} if i < len(drawn) else {}), **tier(amounts)}
        for i, amounts in enumerate(drawn, 1)
    ]
)


def priced(kind, **fields):
    """Draw prices of a model."""
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


PRICES = st.one_of(
    priced("free"),
    priced("flat", amount=NUMBERS),
    priced("unit", amount=NUMBERS),
    priced("graduated", tiers=TIERS),
    priced("volume", tiers=TIERS),
    priced("package", amount=NUMBERS, quantity_per_package=NUMBERS),
    priced("dynamic", multiplier=NUMBERS, basis=st.sampled_from(["amount", "cost"])),
    priced("percentage", rate=NUMBERS, fixed_fee=NUMBERS, free_events=st.integers(0, 100)),
    NUMBERS.map(
        lambda rate: {
            "type": "graduated_percentage",
            "tiers": [{"up_to_amount": "9", "rate": rate}, {"rate": rate}],
        }
    ),
    st.builds(
        lambda values, amount: {
            "type": "rate_table",
            "dimensions": ["model", "token"],
            "rates": [{"match": {"model": value}, "amount": amount} for value in values],
            "default": amount,
        },
        st.lists(WORDS, min_size=1, max_size=3, unique=True),
        NUMBERS,
    ),
)
SETTINGS = WORDS | st.integers() | st.booleans() | st.lists(WORDS) | st.just("5")
CARDS = st.fixed_dictionaries(
    {"key": WORDS, "name": WORDS, "price": PRICES},
    optional={
        "billing_cadence": st.just("P1M"),
        "payment_term": st.sampled_from(["in_advance", "in_arrears"]),
        "feature": st.just({"key": "tokens"}),
        "unit_config": st.just(
            {"operation": "divide", "conversion_factor": "1000", "rounding": "ceiling",
             "precision": 2, "display_unit": "k"}
        ),
        "discounts": st.fixed_dictionaries({"percentage": NUMBERS, "usage": NUMBERS}),
        "commitments": st.fixed_dictionaries({"minimum_amount": NUMBERS}),
        "tax_config": st.just({"behavior": "inclusive", "code": {"key": "saas"}}),
        "entitlement": st.one_of(
            st.just({"type": "boolean"}),
            st.fixed_dictionaries(
                {
                    "type": st.just("metered"),
                    "is_soft_limit": st.booleans(),
                    "limit": NUMBERS,
                },
                optional={"preserves_overage": st.just(True), "usage_period": st.just("P1D")},
            ),
            st.fixed_dictionaries(
                {
                    "type": st.just("static"),
                    "config": st.dictionaries(WORDS, SETTINGS),
                }
            ),
        ),
    },
)  # fmt: skip


@given(CARDS)
def test_a_rate_card_survives_its_form(card):
    assert card_document.document(card_document.values(card)) == card


def test_fields_of_other_models_are_left_out():
    written = {"price_type": "flat", "amount": "5", "rate": "3", "tiers": [{"unit_price": "1"}]}

    assert card_document.document(written)["price"] == {"type": "flat", "amount": "5"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("price.type", Place("price_type")),
        ("price.amount", Place("amount")),
        ("price.tiers", Place("tiers")),
        ("price.tiers[1]", Place("tiers", 1, "up_to_amount")),
        ("price.tiers[1].flat_price.amount", Place("tiers", 1, "flat_price")),
        ("price.rates[2].match.region", Place("rates", 2, "value1")),
        ("price.rates[2].match", Place("rates", 2, "value0")),
        ("price.rates[0].amount", Place("rates", 0, "amount")),
        ("price.dimensions[0]", Place("dimensions")),
        ("unit_config.rounding", Place("rounding")),
        ("unit_config", Place("operation")),
        ("discounts.usage", Place("free_usage")),
        ("commitments.minimum_amount", Place("minimum_amount")),
        ("entitlement.limit", Place("limit")),
        ("tax_config.code", Place("tax_code")),
        ("billing_cadence", Place("billing_cadence")),
    ],
)
def test_a_problem_is_put_at_its_field(path, place):
    assert place_of(path, ["model", "region"]) == place


def rated(price, scale=0, **around):
    return terms.parse({"price": price, **around}, scale=scale)


def drawn(price, *, until=None, scale=0, sample=None, **around):
    return curve.draw(
        rated(price, scale, **around),
        scale=scale,
        sample=sample or Sample(),
        until=None if until is None else Decimal(until),
    )


def amounts(found):
    return {point.quantity: point.amount for point in found.points}


VOLUME = {
    "type": "volume",
    "tiers": [
        {"up_to_amount": "1000", "unit_price": {"type": "unit", "amount": "0.10"}},
        {"unit_price": {"type": "unit", "amount": "0.06"}},
    ],
}


def test_a_curve_is_exact_on_both_sides_of_a_tiers_end():
    found = amounts(drawn(VOLUME))

    assert found[Decimal(1000)] == Decimal("100.00")
    assert found[Decimal(1001)] == Decimal("60.06")


def test_a_curve_goes_beyond_its_last_tier_and_its_maximum():
    found = drawn(VOLUME, commitments={"maximum_amount": "300"})

    assert found.boundaries == [1000]
    assert found.until >= 5000
    assert found.points[-1].amount == 300


def test_a_curve_never_falls_below_the_minimum():
    found = drawn(VOLUME, commitments={"minimum_amount": "40"})

    assert found.points[0].amount == 40
    assert min(point.amount for point in found.points) == 40


def test_every_package_is_a_step_of_the_curve():
    found = amounts(drawn({"type": "package", "amount": "5", "quantity_per_package": "100"}))

    assert [found[Decimal(at)] for at in (0, 1, 100, 101, 200, 201)] == [0, 5, 5, 10, 10, 15]


def test_conversion_and_free_units_move_the_boundaries():
    found = drawn(
        VOLUME,
        unit_config={"operation": "divide", "conversion_factor": "10"},
        discounts={"usage": "50"},
    )

    assert found.boundaries == [500, 10_500]


def test_a_sample_of_events_pays_a_fee_for_each():
    price = {"type": "percentage", "rate": "10", "fixed_fee": "1", "free_events": 1}
    found = amounts(drawn(price, until="100", sample=Sample(events=4)))

    assert found[Decimal(100)] == Decimal("10.5")  # three of 25 at ten per cent, and three fees


@given(PRICES, st.integers(1, 10**6))
def test_a_curve_says_what_the_price_says(price, until):
    document = {"price": price}
    if terms.problems(document, scale=0):
        return
    found = rated(price)
    if found.is_flat:
        return
    for point in drawn(price, until=until).points:
        contributed = curve.contributed(found, point.quantity, Sample(), scale=0)
        assert point.amount == found.amount(point.quantity, contributed)


def test_a_part_of_a_draft_is_changed_in_its_place():
    card = {"key": "a", "name": "A"}
    document = {"phases": [{"key": "p", "rate_cards": [card, {"key": "b"}]}]}

    changed = draft_document.with_card(document, "p", "a", {"key": "c"})
    moved = draft_document.with_phase(changed, "", {"key": "q", "name": "Q"}, 1)

    assert changed["phases"][0]["rate_cards"] == [{"key": "c"}, {"key": "b"}]
    assert [phase["key"] for phase in moved["phases"]] == ["q", "p"]
    assert draft_document.without_phase(moved, "q") == changed
    assert document["phases"][0]["rate_cards"][0] == card


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"operator": "neq", "value": "eu"}, "region is not eu"),
        ({"operator": "nin", "value": "eu,us"}, "region is none of eu, us"),
        ({"operator": "exists", "value": ""}, "region is there"),
        ({"operator": "contains", "value": "e"}, "region contains e"),
    ],
)
def test_a_filter_is_said_in_words(rows, said):
    document = feature_document.filters([{"dimension": "region", **rows}])

    assert feature_document.in_words(document) == [said]


@given(CARDS)
def test_every_price_can_be_said_in_words(card):
    assert words.price(card)
    assert all(words.around(card))
