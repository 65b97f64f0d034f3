"""Provider cost by API."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.costs import costbook, published
from billing.models import CostPrice, UnknownModel
from ledger import closing
from ledger.models import Period
from tests import factories
from tests.api import Api, code
from tests.factories import NOON

OVERRIDE = {
    "provider": "openai",
    "model_id": "gpt-5",
    "pricing": {"input_per_token": "0.000001", "output_per_token": "0.000008"},
    "currency": "USD",
    "effective_from": "2025-06-01T00:00:00Z",
}


def ids(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["data"]]


def test_published_prices_are_listed(api, price_book):
    [row] = api.get("llm-cost/prices", provider="OpenAI", model="gpt-5").json()["data"]

    assert row["provider"] == {"id": "openai", "name": "OpenAI"}
    assert row["model"]["id"] == "gpt-5"
    assert row["pricing"] == {
        "input_per_token": "0.00000125",
        "output_per_token": "0.00001",
        "cache_read_per_token": "0.000000125",
        "cache_write_per_token": None,
        "reasoning_per_token": None,
    }
    assert (row["currency"], row["source"], row["release"]) == (
        "USD",
        "system",
        published.release(),
    )
    assert (row["effective_from"], row["effective_to"]) == ("2000-01-01T00:00:00Z", None)
    assert api.get(f"llm-cost/prices/{row['id']}").json() == row


def test_prices_are_those_of_an_instant(api, price_book):
    opus = {"provider": "anthropic", "model": "claude-opus-4-6"}
    before = api.get("llm-cost/prices", effective_at="2026-03-12T23:59:59Z", **opus)
    after = api.get("llm-cost/prices", effective_at="2026-03-13T00:00:00Z", **opus)

    assert len(ids(before)) == len(ids(after)) == 1
    assert ids(before) != ids(after)


def test_pages_go_through_all_prices(api, price_book):
    first = api.get("llm-cost/prices", limit=200, provider="openrouter").json()
    second = api.get(
        "llm-cost/prices", limit=200, provider="openrouter", **{"page[after]": first["next"]}
    ).json()

    assert len(first["data"]) == 200
    assert not {row["id"] for row in first["data"]} & {row["id"] for row in second["data"]}


def test_an_override_takes_the_place_of_the_published_price(api, price_book):
    asked = {"provider": "openai", "model": "gpt-5"}
    [listed] = ids(api.get("llm-cost/prices", **asked))

    made = api.post("llm-cost/overrides", OVERRIDE)
    assert made.status_code == 201, made.content
    assert made.json()["source"] == "manual"
    assert ids(api.get("llm-cost/prices", **asked)) == [made.json()["id"]]
    assert ids(api.get("llm-cost/prices", source="manual")) == [made.json()["id"]]
    early = api.get("llm-cost/prices", effective_at="2025-05-31T23:59:59Z", **asked)
    assert ids(early) == [listed]
    assert ids(api.get("llm-cost/overrides")) == [made.json()["id"]]

    assert api.send("delete", f"llm-cost/overrides/{made.json()['id']}").status_code == 204
    assert api.send("delete", f"llm-cost/overrides/{made.json()['id']}").status_code == 204
    assert ids(api.get("llm-cost/prices", **asked)) == [listed]
    assert ids(api.get("llm-cost/overrides")) == []


def test_of_overlapping_overrides_the_latest_is_listed(api, dollar_book):
    first = api.post("llm-cost/overrides", OVERRIDE).json()
    second = api.post(
        "llm-cost/overrides",
        OVERRIDE
        | {"effective_from": "2025-07-01T00:00:00Z", "effective_to": "2025-08-01T00:00:00Z"},
    ).json()
    shown = {
        at: ids(api.get("llm-cost/prices", effective_at=f"{at}T00:00:00Z"))
        for at in ("2025-06-30", "2025-07-01", "2025-08-01")
    }

    assert list(shown.values()) == [[first["id"]], [second["id"]], [first["id"]]]
    assert ids(api.get("llm-cost/overrides")) == [first["id"], second["id"]]


def test_an_override_from_the_same_instant_replaces_and_the_same_one_changes_nothing(
    api, dollar_book
):
    first = api.post("llm-cost/overrides", OVERRIDE).json()
    again = api.post("llm-cost/overrides", OVERRIDE | {"provider": "OpenAI"}).json()
    dearer = OVERRIDE | {"pricing": {"input_per_token": "0.5", "output_per_token": "1"}}
    other = api.post("llm-cost/overrides", dearer).json()

    assert again["id"] == first["id"]
    assert ids(api.get("llm-cost/overrides")) == [other["id"]]
    assert CostPrice.objects.get(pk=first["id"]).removed_at is not None


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"currency": "EUR"}, "currency", "base currency of the book, USD"),
        ({"provider": " "}, "provider", "blank"),
        ({"model_id": "a\nb"}, "model_id", "line breaks"),
        ({"pricing": {"input_per_token": "1"}}, "pricing.output_per_token", "required"),
        (
            {"pricing": {"input_per_token": "-1", "output_per_token": "1"}},
            "pricing.input_per_token",
            "greater than or equal to 0",
        ),
        (
            {"pricing": {"input_per_token": "0.0000000000001", "output_per_token": "1"}},
            "pricing.input_per_token",
            "12 places",
        ),
        (
            {"pricing": {"input_per_token": "1", "output_per_token": "1", "audio": "1"}},
            "pricing.audio",
            "not known",
        ),
        ({"effective_to": "2025-06-01T00:00:00Z"}, "effective_to", "after effective_from"),
        ({"effective_from": "2025-06-01"}, "effective_from", "offset"),
        ({"effective_from": None}, "effective_from", "null"),
    ],
)
def test_an_override_that_cannot_be_is_refused(api, dollar_book, change, field, rule):
    response = api.post("llm-cost/overrides", OVERRIDE | change)

    assert code(response) == (400, "invalid_input")
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert rule in error["detail"]


def test_an_override_within_a_closed_period_is_refused(api, dollar_book):
    months = [datetime(2025, month, 1, tzinfo=UTC) for month in (6, 7)]
    june = Period.objects.create(book=dollar_book, starts_at=months[0], ends_at=months[1])
    closing.close(period=june, at=now())
    response = api.post("llm-cost/overrides", OVERRIDE)

    assert code(response) == (400, "invalid_input")
    [error] = response.json()["errors"]
    assert error["field"] == "effective_from"
    assert "closed before 2025-07-01" in error["detail"]
    july = OVERRIDE | {"effective_from": "2025-07-01T00:00:00Z"}
    assert api.post("llm-cost/overrides", july).status_code == 201


def test_what_is_asked_for_must_be_readable(api, dollar_book):
    assert code(api.get("llm-cost/prices", source="guess")) == (400, "invalid_input")
    assert code(api.get("llm-cost/prices", effective_at="noon")) == (400, "invalid_input")
    assert code(api.get("llm-cost/prices/1")) == (404, "not_found")
    assert code(api.send("delete", "llm-cost/overrides/x")) == (404, "not_found")


def test_published_prices_cannot_be_deleted(api, price_book):
    [listed] = ids(api.get("llm-cost/prices", provider="openai", model="gpt-5"))

    assert code(api.send("delete", f"llm-cost/overrides/{listed}")) == (404, "not_found")


def test_another_books_overrides_do_not_exist(api, dollar_book):
    made = api.post("llm-cost/overrides", OVERRIDE).json()
    other = Api(factories.book())

    assert ids(other.get("llm-cost/prices")) == ids(other.get("llm-cost/overrides")) == []
    assert code(other.get(f"llm-cost/prices/{made['id']}")) == (404, "not_found")
    assert code(other.send("delete", f"llm-cost/overrides/{made['id']}")) == (404, "not_found")


def test_customers_see_no_cost_and_readers_change_none(dollar_book):
    bound = Api(dollar_book, customer=factories.customer(book=dollar_book))
    reader = Api(dollar_book, scopes=["read"])

    for path in ("llm-cost/prices", "llm-cost/overrides", "llm-cost/unknown-models"):
        assert bound.get(path).status_code == 404
        assert reader.get(path).status_code == 200
    assert code(reader.post("llm-cost/overrides", OVERRIDE)) == (403, "scope_missing")
    assert code(reader.send("delete", "llm-cost/overrides/1")) == (403, "scope_missing")


def test_unknown_models_are_listed_and_known_once_they_have_a_price(api, dollar_book):
    UnknownModel.objects.create(
        book=dollar_book,
        provider="in-house",
        model="llama-tuned",
        token_type="input",
        events=3,
        units=Decimal(120),
        first_seen_at=NOON,
        last_seen_at=NOON + timedelta(hours=1),
    )
    [row] = api.get("llm-cost/unknown-models").json()["data"]

    assert (row["provider"], row["model"], row["events"], row["units"]) == (
        "in-house",
        "llama-tuned",
        3,
        "120",
    )
    named = {"provider": row["provider"], "model_id": row["model"]}
    assert api.post("llm-cost/overrides", OVERRIDE | named).status_code == 201
    found = costbook.load(dollar_book.pk)
    assert found.find(row["provider"], row["model"], row["token_type"], NOON) == Decimal("0.000001")
