"""What a token costs, looked up."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.costs import costbook, overrides, price_list
from billing.costs.published import BEGINNING, Model, Price
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)


@pytest.fixture
def book(db):
    costbook.forget()
    return factories.book()


@pytest.fixture
def listed(book):
    """Return a function that publishes prices."""

    def publish(provider: str, model: str, at=NOON, starts_at=BEGINNING, **prices: str):
        amounts = {kind: Decimal(amount) for kind, amount in prices.items()}
        dated = Price(starts_at=starts_at, prices=amounts)
        made = Model(
            provider=provider, provider_name="", model=model, model_name="", prices=(dated,)
        )
        price_list.refresh(at=at, models=[made], release="1")

    return publish


@pytest.fixture
def override(book):
    """Return a function that gives the book a price of its own."""

    def make(provider: str, model: str, amount: str = "7", since=NOON, until=None, **prices: str):
        amounts = {"input": amount, "output": amount} | prices
        return overrides.create(
            book=book,
            provider=provider,
            model=model,
            prices={kind: Decimal(price) for kind, price in amounts.items()},
            currency=book.base_currency,
            effective_from=since,
            effective_to=until,
            at=NOON,
        )

    return make


@pytest.fixture
def find(book):
    """Return a function that looks a price up, at noon unless told."""

    def look(provider, model, kind="input", at=NOON):
        return costbook.load(book.pk).find(provider, model, kind, at)

    return look


def test_a_published_price_is_found_by_every_name_the_list_knows(listed, find):
    listed("openai", "gpt-5", input="2", output="8")

    assert find("openai", "gpt-5") == find("OpenAI", "GPT-5-2025-08-07") == 2
    assert find("", "gpt-5") == find(None, "gpt-5") == find("litellm", "openai/gpt-5") == 2
    assert find("openai", "gpt-5", "output") == find("openai", "gpt-5", "response") == 8
    assert find("openai", "gpt-5", "Request") == 2


@pytest.mark.parametrize(
    ("provider", "model", "kind"),
    [
        ("openai", "no-such-model", "input"),
        ("nobody", "gpt-5", "input"),
        (None, "no-such-model", "input"),
        (None, "", "input"),
        ("openai", "gpt-5", "audio"),
        ("openai", "gpt-5", ""),
    ],
)
def test_what_is_unknown_is_never_guessed(listed, find, provider, model, kind):
    listed("openai", "gpt-5", input="2", output="8")

    assert find(provider, model, kind) is None


def test_a_provider_that_sells_anothers_models_charges_what_that_one_does(listed, find, override):
    listed("openai", "gpt-4o", input="3", output="4")

    assert find("azure", "gpt-4o") == 3
    override("openai", "gpt-4o", "1")
    assert find("openai", "gpt-4o") == 1
    assert find("azure", "gpt-4o") == 3, "an agreement is with the provider it names"


def test_cached_tokens_are_input_and_reasoning_is_output_unless_priced(listed, find):
    listed("openai", "gpt-5", input="2", output="8")
    listed("openai", "gpt-4o", input="2", output="8", cache_read="1", reasoning="9")

    kinds = ("cache_read", "cache_write", "reasoning")
    assert [find("openai", "gpt-5", kind) for kind in kinds] == [2, 2, 8]
    assert [find("openai", "gpt-4o", kind) for kind in kinds] == [1, 2, 9]


def test_output_without_a_price_is_unknown(listed, find):
    listed("openai", "text-embedding-3-small", input="2")

    assert find("openai", "text-embedding-3-small") == 2
    assert find("openai", "text-embedding-3-small", "output") is None


def test_a_price_holds_from_its_date_on(listed, find):
    listed("openai", "gpt-5", starts_at=NOON, input="2", output="8")

    assert find("openai", "gpt-5", at=NOON) == 2
    assert find("openai", "gpt-5", at=NOON - timedelta(microseconds=1)) is None


def test_an_override_comes_first_while_it_lasts(listed, find, override):
    listed("openai", "gpt-5", input="2", output="8")
    override("openai", "gpt-5", "1", since=NOON, until=NOON + DAY)

    moments = (NOON - DAY, NOON, NOON + DAY)
    assert [find("openai", "gpt-5", at=at) for at in moments] == [2, 1, 2]
    assert find("", "gpt-5-2025-08-07") == 1, "it is for all names of the model"
    assert find("openai", "gpt-5", "cache_read") == 1, "it is a whole list of prices"


def test_of_overrides_the_one_that_began_last_wins(find, override):
    override("acme", "m", "1")
    override("acme", "m", "2", since=NOON + DAY, until=NOON + 2 * DAY)

    moments = (NOON, NOON + DAY, NOON + 2 * DAY)
    assert [find("acme", "m", at=at) for at in moments] == [1, 2, 1]


def test_an_override_may_name_what_no_list_knows(find, override):
    override("in-house", "Llama-Tuned", "1")

    assert find("In-House", "llama-tuned") == find("", "llama-tuned") == 1
    override("elsewhere", "llama-tuned", "2")
    assert find("", "llama-tuned") is None, "two might be meant"


def test_an_override_of_one_name_is_nearer_than_one_of_the_model(find, override, listed):
    listed("openai", "gpt-5", input="2", output="8")
    override("openai", "gpt-5", "3")
    override("openai", "gpt-5-2025-08-07", "4")

    assert find("openai", "gpt-5-2025-08-07") == find("", "gpt-5-2025-08-07") == 4
    assert find("openai", "gpt-5") == 3


def test_a_withdrawn_override_prices_nothing(listed, find, override):
    listed("openai", "gpt-5", input="2", output="8")
    overrides.remove(override=override("openai", "gpt-5", "1"), at=NOON)

    assert find("openai", "gpt-5") == 2


def test_another_books_overrides_and_currencies_are_not_ours(listed, override):
    listed("openai", "gpt-5", input="2", output="8")
    override("openai", "gpt-5", "1")
    other, euros = factories.book(), factories.book(base_currency="EUR")

    assert costbook.load(other.pk).find("openai", "gpt-5", "input", NOON) == 2
    assert costbook.load(euros.pk).find("openai", "gpt-5", "input", NOON) is None
    assert costbook.load(euros.pk).currency == "EUR"


def test_asking_again_reads_nothing(listed, book, django_assert_num_queries):
    listed("openai", "gpt-5", input="2", output="8")
    with django_assert_num_queries(4):
        found = costbook.load(book.pk)
    with django_assert_num_queries(0):
        for number in range(20_000):
            found.find("openai", f"x-{number}" if number % 2 else "gpt-5", "input", NOON)


@pytest.mark.django_db(transaction=True)
def test_published_prices_are_read_once_for_all_books():
    costbook.forget()
    book, other = factories.book(), factories.book()
    listed = Price(starts_at=BEGINNING, prices={"input": Decimal(2), "output": Decimal(8)})

    def publish(price, at=NOON):
        made = Model(provider="acme", provider_name="", model="m", model_name="", prices=(price,))
        price_list.refresh(at=at, models=[made], release="1")

    publish(listed)
    first, second = costbook.load(book.pk), costbook.load(other.pk)
    assert first._published is second._published
    publish(Price(starts_at=BEGINNING, prices={"input": Decimal(3)}), NOON + DAY)
    assert costbook.load(book.pk).find("acme", "m", "input", NOON + DAY) == 3
    assert first.find("acme", "m", "input", NOON + DAY) == 2, "what was loaded never changes"
    costbook.forget()
