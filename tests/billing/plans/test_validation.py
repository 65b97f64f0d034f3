"""What is wrong with a plan is said before it is published: all of it, by field."""

from dataclasses import replace
from typing import Any

import pytest

from billing.plans import documents, validation
from billing.plans.errors import InvalidDraftError
from billing.plans.facts import Facts, FeatureFacts, MeterFacts
from tests.billing.plans.offers import addon, card, fee, phase, plan

METER = MeterFacts(key="llm", scale=2, dimensions=("model", "token"), aggregation="sum")
FACTS = Facts(
    currency_kind="currency",
    features={
        "tokens": FeatureFacts(key="tokens", meter=METER),
        "seats": FeatureFacts(key="seats"),
        "old": FeatureFacts(key="old", meter=METER, is_archived=True),
    },
)


def problems(document: dict[str, Any], facts: Facts = FACTS) -> list[tuple[str, str]]:
    """Return what is wrong with a plan: field and code."""
    found = validation.plan_problems(documents.read_plan(document), facts)
    assert all(problem.message.endswith(".") for problem in found)
    return [(problem.field, problem.code) for problem in found]


def of_card(**changes: Any) -> list[tuple[str, str]]:
    """Return what is wrong with a plan that sells one card; fields from the card on."""
    return of_cards(card(**changes))


def of_cards(*cards: dict[str, Any]) -> list[tuple[str, str]]:
    found = problems(plan(phase("main", *cards)))
    return [(field.removeprefix("phases[0].rate_cards[0]."), code) for field, code in found]


def test_a_sound_plan_has_no_problems():
    trial = phase("trial", card(price={"type": "free"}), duration="P14D")
    ramp = phase("ramp", card(), fee(), duration="P2M")
    graduated = {
        "type": "graduated",
        "tiers": [
            {"up_to_amount": "100", "unit_price": {"type": "unit", "amount": "0.1"}},
            {"unit_price": {"type": "unit", "amount": "0.05"}},
        ],
    }
    main = phase(
        "main",
        card(price=graduated, discounts={"percentage": 10}, entitlement={"type": "metered"}),
        fee(billing_cadence="P1Y"),
        fee("setup", billing_cadence=None, payment_term="in_arrears"),
    )

    assert problems(plan(trial, ramp, main)) == []


def test_everything_wrong_is_said_at_once_with_its_path():
    tiers = [
        {"up_to_amount": "10", "unit_price": {"type": "unit", "amount": "-1"}},
        {"up_to_amount": "20", "unit_price": {"type": "unit", "amount": "1"}},
        {"up_to_amount": "5", "unit_price": {"type": "unit", "amount": "1"}},
    ]
    wrong = card(price={"type": "graduated", "tiers": tiers}, payment_term="in_advance")
    found = problems(plan(phase("a", fee(), duration="P45D"), phase("b", fee("x"), wrong)))

    path = "phases[1].rate_cards[1]"
    assert ("phases[0].duration", "duration_not_a_multiple") in found
    assert (f"{path}.payment_term", "in_advance_not_flat") in found
    assert (f"{path}.price.tiers[0].unit_price.amount", "negative") in found
    assert any(field.startswith(f"{path}.price.tiers[2]") for field, _ in found)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (plan(phases=[]), ("phases", "phase_required")),
        (plan(billing_cadence="monthly"), ("billing_cadence", "not_a_duration")),
        (plan(billing_cadence="PT5M"), ("billing_cadence", "cadence_not_compatible")),
        (plan(phase("a", fee()), phase("b", fee())), ("phases[0].duration", "duration_required")),
        (
            plan(phase("a", fee(), duration="P10D"), phase("b", fee())),
            ("phases[0].duration", "duration_not_a_multiple"),
        ),
        (
            plan(phase("a", duration="P10D"), phase("b", fee())),
            ("phases[0].duration", "duration_not_a_multiple"),
        ),
        (
            plan(phase("a", fee(), duration="P1.5M"), phase("b", fee())),
            ("phases[0].duration", "not_a_duration"),
        ),
        (
            plan(phase("a", fee("tokens"), duration="P1M"), phase("b", card())),
            ("phases[1].rate_cards[0].feature", "feature_differs"),
        ),
    ],
)
def test_phases_and_cadences_have_rules(document, expected):
    assert expected in problems(document)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"feature": "none"}, ("feature", "unknown_feature")),
        ({"key": "old", "feature": "old"}, ("feature", "feature_archived")),
        ({"key": "llm", "feature": "tokens"}, ("key", "key_differs_from_feature")),
        ({"feature": None}, ("feature", "feature_required")),
        ({"key": "seats", "feature": "seats"}, ("feature", "meter_required")),
        ({"billing_cadence": None}, ("billing_cadence", "one_time_not_flat")),
        ({"billing_cadence": "P45D"}, ("billing_cadence", "cadence_not_compatible")),
        ({"billing_cadence": "2 months"}, ("billing_cadence", "not_a_duration")),
        ({"payment_term": "in_advance"}, ("payment_term", "in_advance_not_flat")),
        ({"price": None}, ("price.type", "required")),
        ({"price": {"type": "tiered"}}, ("price.type", "unknown_choice")),
        ({"price": {"type": "unit", "amount": "-0.01"}}, ("price.amount", "negative")),
        (
            {"price": {"type": "unit", "amount": "0.00000000001"}},
            ("price.amount", "too_many_places"),
        ),
        (
            {"price": {"type": "package", "amount": "1", "quantity_per_package": "0"}},
            ("price.quantity_per_package", "not_positive"),
        ),
        (
            {
                "price": {
                    "type": "rate_table",
                    "dimensions": ["region"],
                    "rates": [{"match": {"region": "eu"}, "amount": "1"}],
                }
            },
            ("price.dimensions[0]", "unknown_dimension"),
        ),
        ({"discounts": {"percentage": 101}}, ("discounts.percentage", "over_100")),
        (
            {"commitments": {"minimum_amount": "9", "maximum_amount": "1"}},
            ("commitments.minimum_amount", "minimum_above_maximum"),
        ),
        ({"entitlement": {"type": "some"}}, ("entitlement.type", "unknown_choice")),
        ({"entitlement": {"type": "static"}}, ("entitlement.config", "required")),
        ({"entitlement": {"type": "boolean", "limit": 1}}, ("entitlement.limit", "unknown_field")),
        ({"entitlement": {"type": "metered", "limit": "-1"}}, ("entitlement.limit", "negative")),
        (
            {"entitlement": {"type": "metered", "limit": "0.125"}},
            ("entitlement.limit", "too_many_places"),
        ),
        (
            {"entitlement": {"type": "metered", "usage_period": "P45D"}},
            ("entitlement.usage_period", "not_a_duration"),
        ),
        (
            {"entitlement": {"type": "metered", "is_soft_limit": "yes"}},
            ("entitlement.is_soft_limit", "not_a_boolean"),
        ),
        (
            {"entitlement": {"type": "metered", "preserves_overage": 1}},
            ("entitlement.preserves_overage", "not_a_boolean"),
        ),
        (
            {"entitlement": {"type": "boolean", "preserves_overage": True}},
            ("entitlement.preserves_overage", "unknown_field"),
        ),
        (
            {"key": "seats", "feature": "seats", "entitlement": {"type": "metered"}},
            ("entitlement.type", "meter_required"),
        ),
        (
            {"feature": None, "price": {"type": "free"}, "entitlement": {"type": "boolean"}},
            ("entitlement", "feature_required"),
        ),
    ],
)
def test_rate_cards_have_rules(changes, expected):
    assert expected in of_card(**changes)


def test_event_prices_need_a_meter_that_adds_up():
    largest = MeterFacts(key="llm", scale=0, dimensions=("model",), aggregation="max")
    facts = Facts(
        currency_kind="currency", features={"tokens": FeatureFacts(key="tokens", meter=largest)}
    )
    price = {"type": "percentage", "rate": "2.9", "fixed_fee": "0.3"}

    found = problems(plan(phase("main", card(price=price))), facts)
    assert found == [("phases[0].rate_cards[0].price.type", "aggregation_not_supported")]


def test_prices_are_in_money_or_credit():
    assert problems(plan(), Facts(currency_kind="unit")) == [("currency", "not_a_currency")]
    assert problems(plan(), Facts(currency_kind="credit")) == []


def test_a_multiple_of_cost_is_in_the_currency_of_costs():
    price = {"type": "dynamic", "multiplier": "1.2", "basis": "cost"}
    document = plan(phase("main", card(price=price)))
    euros = replace(FACTS, currency="EUR", base_currency="USD")

    assert problems(document, euros) == [("phases[0].rate_cards[0].price.basis", "other_currency")]
    assert problems(document, replace(euros, currency="USD")) == []


def test_prices_fit_the_places_of_the_currency():
    cents = Facts(currency_kind="credit", kept=2)

    assert ("phases[0].rate_cards[0].price.amount", "too_many_places") in problems(
        plan(phase("main", fee(amount="0.001"))), cents
    )


def test_an_archived_meter_counts_nothing():
    stopped = MeterFacts(key="llm", scale=0, dimensions=(), aggregation="sum", is_archived=True)
    facts = Facts(
        currency_kind="currency", features={"tokens": FeatureFacts(key="tokens", meter=stopped)}
    )

    assert problems(plan(phase("main", card())), facts) == [
        ("phases[0].rate_cards[0].feature", "meter_archived")
    ]


def test_addons_have_the_rules_of_rate_cards():
    read = documents.read_addon(addon(rate_cards=[]))
    [found] = validation.addon_problems(read, FACTS)
    assert (found.field, found.code) == ("rate_cards", "rate_card_required")

    read = documents.read_addon(addon(card(payment_term="in_advance")))
    [found] = validation.addon_problems(read, FACTS)
    assert (found.field, found.code) == ("rate_cards[0].payment_term", "in_advance_not_flat")


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ([], [""]),
        ({}, ["key", "name", "currency", "billing_cadence"]),
        (plan(colour="red"), ["colour"]),
        (plan(key="a b", name=" ", metadata=[]), ["key", "name", "metadata"]),
        (plan(phase("a"), phase("a")), ["phases[1].key"]),
        (plan(phase("a", card(), card())), ["phases[0].rate_cards[1].key"]),
        (plan(phases=[1]), ["phases[0]"]),
        (plan(phase("a", 1)), ["phases[0].rate_cards[0]"]),
        (plan(phases="many"), ["phases"]),
        (plan(phase("a", card(feature={}))), ["phases[0].rate_cards[0].feature"]),
        (plan(phase("a", card(feature={"id": "x"}))), ["phases[0].rate_cards[0].feature.id"]),
        (plan(phase("a", card(tax_config={}))), ["phases[0].rate_cards[0].tax_config.code"]),
        (plan(phase("a", card(price={"type": "\0"}))), ["phases[0].rate_cards[0].price"]),
        (plan(currency={}, settlement_mode="cash"), ["currency", "settlement_mode"]),
        (plan(pro_rating_enabled="yes", name="x" * 257), ["name", "pro_rating_enabled"]),
    ],
)
def test_what_cannot_be_kept_is_refused_at_once(document, fields):
    with pytest.raises(InvalidDraftError) as refused:
        documents.read_plan(document)

    assert [problem.field for problem in refused.value.problems] == fields


def test_numbers_of_prices_become_text_and_a_compact_document_reads_the_same():
    price = {"type": "percentage", "rate": 3, "free_events": 2}
    read = documents.read_plan(plan(phase("main", card(price=price))))

    [sold] = read["phases"][0]["rate_cards"]
    assert sold["price"] == {"type": "percentage", "rate": "3", "free_events": 2}
    assert documents.read_plan(documents.compact(read)) == read
    assert len(documents.compact(sold)) == 5
