"""Meters, prices, subjects and profiles refuse what could not be posted."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing import catalogue
from billing.models import BillingProfile, RateCard
from billing.rating.problems import InvalidTermsError
from ledger import chart, registry
from ledger.errors import AlreadyExistsError, InvalidInputError, PrecisionError
from ledger.models import Balance

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def book():
    return registry.create_book(key="acme", name="ACME", base_currency="USD", at=NOON)


@pytest.fixture
def other_book():
    return registry.create_book(key="other", name="Other", base_currency="USD", at=NOON)


@pytest.fixture
def tokens():
    return registry.create_asset(code="tokens", name="Tokens", kind="unit", scale=0)


@pytest.fixture
def define(book, tokens):
    """Return a function that makes a meter, changed as told."""

    def create(**changes):
        given = {
            "book": book,
            "key": "llm",
            "event_type": "llm.used",
            "aggregation": "sum",
            "unit": tokens,
            "value_path": "$.tokens",
            "dimensions": {"model": "$.model"},
            "at": NOON,
        }
        return catalogue.create_meter(**given | changes)

    return create


@pytest.fixture
def card(book):
    return catalogue.create_rate_card(
        book=book, key="list", asset=registry.currency(code="USD"), is_default=True, at=NOON
    )


@pytest.fixture
def price(define, card):
    """Return a function that adds a rate, changed as told."""
    meter = define()

    def add(unit_price: str = "0.01", **changes):
        given = {"rate_card": card, "meter": meter, "effective_from": NOON, "at": NOON}
        return catalogue.add_rate(unit_price=Decimal(unit_price), **given | changes)

    return add


@pytest.fixture
def customer(book):
    return registry.create_customer(book=book, key="c", name="C", at=NOON)


def test_a_meters_feature_is_its_key_unless_named(define):
    assert define().feature_key == "llm"
    assert define(key="llm-2", feature_key="chat").feature_key == "chat"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("key", {"key": "a b"}),
        ("aggregation", {"aggregation": "median"}),
        ("value_path", {"value_path": ""}),
        ("value_path", {"value_path": "tokens"}),
        ("value_path", {"aggregation": "count"}),
        ("dimensions", {"dimensions": {"1st": "$.a"}}),
        ("dimensions.model", {"dimensions": {"model": "model"}}),
        ("event_type", {"event_type": " x"}),
    ],
)
def test_a_meter_is_refused_what_it_cannot_count(define, field, changes):
    with pytest.raises(InvalidInputError) as refused:
        define(**changes)
    assert refused.value.field == field


def test_a_meter_counts_units(define):
    with pytest.raises(InvalidInputError, match="USD is a currency"):
        define(unit=registry.currency(code="USD"))


def test_a_meter_is_archived_once(define):
    meter = catalogue.archive_meter(meter=define(), at=NOON)

    assert catalogue.archive_meter(meter=meter, at=NOON.replace(hour=13)).archived_at == NOON


def test_a_book_has_one_default_card(book, card):
    usd = registry.currency(code="USD")
    newer = catalogue.create_rate_card(book=book, key="new", asset=usd, is_default=True, at=NOON)
    assert RateCard.objects.get(is_default=True) == newer

    catalogue.make_default(rate_card=card)
    assert RateCard.objects.get(is_default=True) == card


def test_nothing_is_priced_in_units(book, tokens):
    with pytest.raises(InvalidInputError, match="tokens is a unit"):
        catalogue.create_rate_card(book=book, key="x", asset=tokens, at=NOON)


def test_the_same_price_is_written_once(price):
    price("0.01")

    with pytest.raises(AlreadyExistsError):
        price("0.02")
    price("0.02", effective_from=NOON.replace(hour=13))
    price("0.03", match={"model": "gpt"})


def test_a_price_that_could_not_be_posted_exactly_is_refused(price, define, book):
    grams = registry.create_asset(code="g", name="Grams", kind="unit", scale=3)
    weight = define(key="weight", unit=grams)

    price("0.000000000001")
    price("0.000000001", meter=weight)
    with pytest.raises(PrecisionError):
        price("0.0000000001", meter=weight, match={"model": "x"})


def test_a_coarse_credit_takes_no_fine_price(book, define):
    points = registry.create_asset(code="points", name="Points", kind="credit", scale=0)
    card = catalogue.create_rate_card(book=book, key="p", asset=points, at=NOON)

    with pytest.raises(PrecisionError):
        catalogue.add_rate(
            rate_card=card, meter=define(), unit_price=Decimal("0.5"), effective_from=NOON, at=NOON
        )


@pytest.mark.parametrize("number", ["-1", "NaN", "Infinity", "1e400"])
def test_a_price_is_a_sensible_number(price, number):
    with pytest.raises(InvalidInputError, match="unit_price"):
        price(number)
    with pytest.raises(InvalidInputError, match="unit_cost"):
        price(unit_cost=Decimal(number))


def test_a_price_is_for_dimensions_of_its_meter(price):
    with pytest.raises(InvalidInputError, match="model"):
        price(match={"colour": "red"})


def test_a_meter_is_priced_in_its_own_book(price, other_book, define):
    with pytest.raises(InvalidInputError, match="book"):
        price(meter=define(book=other_book))


@pytest.fixture
def refused(define, card):
    """Return a function that tells why terms are refused in a price list."""
    meter = define()

    def add(terms, card=card):
        given = {"rate_card": card, "meter": meter, "effective_from": NOON, "at": NOON}
        with pytest.raises(InvalidTermsError) as refusal:
            catalogue.add_rate(terms=terms, **given)
        return {(problem.field, problem.code) for problem in refusal.value.problems}

    return add


def test_a_price_list_has_no_period_to_charge_a_minimum_or_a_fee_for(refused):
    unit, flat = {"type": "unit", "amount": "1"}, {"type": "flat", "amount": "5"}

    assert refused({"price": unit, "commitments": {"minimum_amount": "5"}}) == {
        ("terms.commitments.minimum_amount", "needs_a_subscription")
    }
    assert refused({"price": flat}) == {("terms.price.type", "needs_a_subscription")}


def test_terms_are_read_by_what_the_meter_and_the_asset_are(refused):
    table = {"type": "rate_table", "dimensions": ["colour"], "rates": [], "default": "1"}

    assert ("terms.price.dimensions[0]", "unknown_dimension") in refused({"price": table})
    assert refused({"price": {"type": "unit", "amount": "0.0000000000001"}}) == {
        ("terms.price.amount", "too_many_places")
    }


def test_a_multiple_of_cost_is_priced_in_the_currency_of_cost(refused, book):
    euros = catalogue.create_rate_card(
        book=book, key="eur", asset=registry.currency(code="EUR"), at=NOON
    )
    price = {"type": "dynamic", "basis": "cost", "multiplier": "1.2"}

    assert refused({"price": price}, euros) == {("terms.price.basis", "other_currency")}


def test_a_rate_has_one_price(price, define, card):
    with pytest.raises(InvalidInputError, match="either"):
        price(terms={"price": {"type": "free"}})
    with pytest.raises(InvalidInputError, match="either"):
        catalogue.add_rate(rate_card=card, meter=define(key="x"), effective_from=NOON, at=NOON)


def test_a_subject_changes_hands(book, customer):
    other = registry.create_customer(book=book, key="d", name="D", at=NOON)
    first = catalogue.map_subject(book=book, key="sk-1", customer=customer, at=NOON)

    second = catalogue.map_subject(book=book, key="sk-1", customer=other, at=NOON)

    assert (second.pk, second.customer) == (first.pk, other)


def test_a_subject_belongs_to_a_customer_of_its_book(other_book, customer):
    with pytest.raises(InvalidInputError, match="same book"):
        catalogue.map_subject(book=other_book, key="sk-1", customer=customer, at=NOON)


def test_a_credit_limit_is_the_floor_of_unbilled(book, customer):
    account = chart.account(
        book=book,
        purpose="unbilled",
        asset=registry.currency(code="USD"),
        customer=customer,
        at=NOON,
    )

    catalogue.set_profile(customer=customer, credit_limit=Decimal(50))
    assert Balance.objects.get(pk=account.pk).floor == -50

    profile = catalogue.set_profile(customer=customer, settlement="credit_only")
    assert Balance.objects.get(pk=account.pk).floor is None
    assert profile == BillingProfile.objects.get(credit_limit=None)


def test_a_profile_is_refused_what_it_cannot_mean(customer, other_book):
    foreign = catalogue.create_rate_card(
        book=other_book, key="f", asset=registry.currency(code="USD"), at=NOON
    )
    with pytest.raises(InvalidInputError, match="settlement"):
        catalogue.set_profile(customer=customer, settlement="barter")
    with pytest.raises(InvalidInputError, match="rate_card"):
        catalogue.set_profile(customer=customer, rate_card=foreign)
    with pytest.raises(InvalidInputError, match="credit_limit"):
        catalogue.set_profile(customer=customer, credit_limit=Decimal(-1))
