"""What a book says at a glance, after usage of all kinds."""

from datetime import timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from billing import catalogue, features
from billing.costs import overrides
from billing.management.render import render_overview
from billing.metering import ingest
from billing.metering.decode import lines
from billing.models import Meter, Rate, RateCard
from billing.plans import drafting, publishing
from billing.reports import overview
from billing.subscriptions import creation
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    """A book that sells tokens of two models: 1 $ each, at a cost of 0.25 for the second."""
    book = factories.book()
    tokens = factories.asset(code="token", kind="unit", scale=0)
    meter = catalogue.create_meter(
        book=book,
        key="tokens",
        event_type="call",
        aggregation="sum",
        value_path="$.n",
        dimensions={"model": "$.model"},
        unit=tokens,
        at=NOON - timedelta(days=1),
    )
    card = catalogue.create_rate_card(
        book=book, key="list", asset=factories.asset(), at=NOON, is_default=True
    )
    for model, cost in (("small", None), ("large", Decimal("0.25"))):
        catalogue.add_rate(
            rate_card=card,
            meter=meter,
            unit_price=Decimal(1),
            unit_cost=cost,
            provider="lab" if cost else "",
            match={"model": model},
            effective_from=NOON - timedelta(days=30),
            at=NOON,
        )
    return book


@pytest.fixture
def use(book):
    """Return a function that has a customer use tokens of a model."""

    def use(customer, tokens, model):
        catalogue.map_subject(book=book, key=customer.key, customer=customer, at=NOON)
        event = (
            f'{{"id": "{factories.name("event")}", "source": "test", "type": "call",'
            f' "subject": "{customer.key}", "time": "2025-06-15T11:00:00Z",'
            f' "data": {{"n": {tokens}, "model": "{model}"}}}}'
        )
        outcome = ingest.ingest(book=book, sent=lines([event.encode()]), received_at=NOON)
        assert outcome.accepted == 1

    return use


def test_credit_is_used_before_anything_is_owed(book, use):
    ann = factories.customer(book=book, key="ann")
    wallet = factories.wallet(customer=ann)
    factories.grant(wallet=wallet, amount=100, effective_at=NOON - timedelta(days=1))
    use(ann, 130, "small")

    found = overview.of_book(book=book, at=NOON)

    [row] = found.wallets
    assert (row.figures.granted, row.figures.used, row.figures.available) == (100, 100, 0)
    [owed] = found.postpaid
    assert (owed.customer, owed.unbilled, owed.overdraft) == ("ann", 30, 0)


def test_margin_is_shown_by_model(book, use):
    bob = factories.customer(book=book)
    use(bob, 10, "small")
    use(bob, 100, "large")

    large, small = overview.margins(book=book)

    assert (large.meter, small.meter) == ("tokens", "tokens")
    assert (large.model, large.revenue, large.cost, large.margin) == ("large", 100, 25, 75)
    assert large.margin_percent == 75
    assert (small.model, small.revenue, small.cost) == ("small", 10, 0)


@pytest.fixture
def shown(book):
    """Return a function that says what each meter and model earned and cost."""
    return lambda: [
        (row.meter, row.model, row.revenue, row.cost) for row in overview.margins(book=book)
    ]


@pytest.fixture
def looked_up(book):
    """Half a dollar a token, from the price book, for what no rate has a cost of."""
    for model in ("small", "large"):
        overrides.create(
            book=book,
            provider="lab",
            model=model,
            prices={"input": Decimal("0.5"), "output": Decimal(0)},
            currency="USD",
            effective_from=NOON - timedelta(days=30),
            at=NOON,
        )
    cost = {"type": "llm", "provider": "lab", "token_type": "input", "model_property": "model"}
    meter = Meter.objects.get(book=book)
    features.create(book=book, key="tokens", name="Tokens", meter=meter, unit_cost=cost, at=NOON)


@pytest.fixture
def sell_by_table(book):
    """Return a function that has a customer subscribe to tokens at a table of prices."""

    def sell(customer):
        rates = [{"match": {"model": model}, "amount": "2"} for model in ("small", "large")]
        card = {
            "key": "tokens",
            "name": "Tokens",
            "feature": {"key": "tokens"},
            "billing_cadence": "P1M",
            "price": {"type": "rate_table", "dimensions": ["model"], "rates": rates},
        }
        document = {
            "key": "table",
            "name": "Table",
            "currency": "USD",
            "billing_cadence": "P1M",
            "phases": [{"key": "main", "name": "Main", "rate_cards": [card]}],
        }
        plan = drafting.create(book=book, document=document, at=NOON).plan
        version = publishing.publish_plan(
            plan=plan, effective_from=NOON - timedelta(days=30), at=NOON
        )
        creation.create(
            customer=customer, plan=version, starts_at=NOON - timedelta(days=1), at=NOON
        )

    return sell


def test_costs_of_a_price_book_stand_beside_the_list_price_of_their_model(
    book, use, shown, looked_up
):
    use(factories.customer(book=book), 10, "small")

    assert shown() == [("tokens", "small", 10, 5)]


def test_revenue_of_a_table_of_prices_stands_beside_what_its_models_cost(
    book, use, shown, looked_up, sell_by_table
):
    meter, card = Meter.objects.get(book=book), RateCard.objects.get(book=book)
    catalogue.add_rate(
        rate_card=card,
        meter=meter,
        unit_price=Decimal(1),
        unit_cost=Decimal("0.25"),
        match={"model": "small"},
        effective_from=NOON - timedelta(days=20),
        at=NOON,
    )
    ann = factories.customer(book=book)
    sell_by_table(ann)
    use(ann, 10, "small")
    use(ann, 10, "large")
    use(factories.customer(book=book), 100, "large")

    # What the list says of "small" came without a cost once: nobody can tell whose it is.
    assert shown() == [("tokens", "", 140, 35)]


def test_what_a_table_sells_is_one_row_beside_models_with_costs_of_their_own(
    book, use, shown, looked_up, sell_by_table
):
    Rate.objects.filter(match={"model": "small"}).delete()
    ann = factories.customer(book=book)
    sell_by_table(ann)
    use(ann, 10, "small")
    use(factories.customer(book=book), 100, "large")

    assert shown() == [("tokens", "", 20, 5), ("tokens", "large", 100, 25)]


def test_who_owes_nothing_is_left_out(book):
    factories.customer(book=book)

    assert overview.postpaid(book=book) == []


def test_tables_name_customers_models_and_sums(book, use):
    use(factories.customer(book=book, key="bob"), 1234, "large")
    console = Console(record=True, width=120)

    render_overview(book, console, at=NOON)

    shown = console.export_text()
    assert "bob" in shown
    assert "1,234.00" in shown
    assert "925.50" in shown  # 1234 - 308.50
    assert "Trial balance" in shown


def test_cost_of_an_overview_does_not_grow_with_customers(book, use, django_assert_max_num_queries):
    for _ in range(5):
        use(factories.customer(book=book), 1, "small")

    with django_assert_max_num_queries(14):
        overview.of_book(book=book, at=NOON)
