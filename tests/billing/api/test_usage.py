"""Events in, usage out; what could not be taken is kept, mended and replayed."""

import json
from decimal import Decimal

import pytest

from billing import catalogue, tasks
from ledger import registry
from tests import factories
from tests.api import Api, code
from tests.factories import NOON


@pytest.fixture
def tokens(book):
    """Return a priced meter of tokens."""
    unit = registry.create_asset(code="tokens", name="Tokens", kind="unit", scale=0)
    meter = catalogue.create_meter(
        book=book,
        key="llm",
        event_type="llm.used",
        aggregation="sum",
        unit=unit,
        value_path="$.tokens",
        dimensions={"model": "$.model"},
        at=NOON,
    )
    card = catalogue.create_rate_card(
        book=book, key="list", asset=registry.currency(code="USD"), is_default=True, at=NOON
    )
    catalogue.add_rate(
        rate_card=card, meter=meter, unit_price=Decimal("0.01"), effective_from=NOON, at=NOON
    )
    return meter


@pytest.fixture
def customer(book):
    owner = factories.customer(book=book, key="c")
    catalogue.map_subject(book=book, key="sk-1", customer=owner, at=NOON)
    return owner


@pytest.fixture
def use(api, tokens, customer):
    """Return a function that sends an event."""

    def send(name: str = "e1", **changes):
        data = {"tokens": 100, "model": "gpt-5"} | changes.pop("data", {})
        event = {
            "specversion": "1.0",
            "id": name,
            "source": "gw",
            "type": "llm.used",
            "subject": "sk-1",
            "time": "2025-06-15T13:00:00Z",
            "data": data,
        }
        return api.post("events", event | changes)

    return send


RANGE = {"meter": "llm", "from": "2025-06-15T00:00:00Z", "to": "2025-06-16T00:00:00Z"}


def test_an_event_that_was_taken_is_listed_and_priced(api, use, customer):
    assert use().json()["accepted"] == 1

    events = api.get("events", customer="c", type="llm.used").json()["data"]
    assert [(e["external_id"], e["data"]["tokens"]) for e in events] == [("e1", 100)]
    assert api.get(f"events/{events[0]['id']}").json() == events[0]
    balances = api.get("customers/c/balances", purpose="unbilled").json()["balances"]
    assert [balance["settled"] for balance in balances] == ["-1"]


def test_events_are_found_by_either_clock(api, use):
    use()

    assert len(api.get("events", occurred_from="2025-06-15T13:00:00Z").json()["data"]) == 1
    assert api.get("events", occurred_to="2025-06-15T13:00:00Z").json()["data"] == []
    assert api.get("events", received_to="2025-06-16T00:00:00Z").json()["data"] == []
    assert len(api.get("events", subject="sk-1").json()["data"]) == 1


def test_usage_is_told_by_window_and_group(api, use):
    use("e1")
    use("e2", data={"tokens": 50, "model": "mini"})

    whole = api.get("usage", **RANGE).json()
    assert [(row["value"], row["events"]) for row in whole["data"]] == [("150", 2)]
    assert (whole["unit"], whole["next"]) == ("tokens", None)
    grouped = api.get("usage", **RANGE, window="day", group_by=["model", "customer"]).json()
    assert [(row["group"], row["value"]) for row in grouped["data"]] == [
        ({"model": "gpt-5", "customer": "c"}, "100"),
        ({"model": "mini", "customer": "c"}, "50"),
    ]
    filtered = api.get("usage", **RANGE, **{"filter[model]": "mini"}).json()
    assert [row["value"] for row in filtered["data"]] == ["50"]


def test_usage_comes_as_csv_by_parameter_or_by_accept(api, use):
    use()
    asked = api.get("usage", **RANGE, group_by="model", format="csv")

    assert asked.headers["Content-Type"].startswith("text/csv")
    assert asked.content.decode().splitlines() == [
        "window_start,window_end,model,value,events",
        "2025-06-15T00:00:00Z,2025-06-16T00:00:00Z,gpt-5,100,1",
    ]
    accepted = api.client.get(
        "/api/v1/usage", RANGE | {"group_by": "model"}, headers={"Accept": "text/csv"}
    )
    assert accepted.content == asked.content


def test_usage_is_paged(api, use):
    use("e1")
    use("e2", data={"model": "mini"})
    asked = RANGE | {"group_by": "model", "limit": 1}

    first = api.get("usage", **asked)
    assert first.headers["Meterbook-Next"] == first.json()["next"]
    second = api.get("usage", **asked, **{"page[after]": first.json()["next"]}).json()
    assert [row["group"]["model"] for row in second["data"]] == ["mini"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"meter": "none"}, 404),
        ({"from": "2025-06-17T00:00:00Z"}, 400),
        ({"window": "week"}, 400),
        ({"group_by": "colour"}, 400),
        ({"filter[colour]": "red"}, 400),
        ({"time_zone": "Mars/Olympus"}, 400),
        ({"customer": "nobody"}, 404),
        ({"limit": 10_001}, 400),
        ({"page[after]": "tampered"}, 400),
        ({"format": "xml"}, 400),
    ],
)
def test_a_question_that_cannot_be_is_refused(api, tokens, change, expected):
    assert code(api.get("usage", **RANGE | change))[0] == expected


def test_a_refused_question_is_a_problem_in_any_format(api, tokens):
    refused = api.get("usage", **RANGE | {"format": "csv", "meter": "none"})

    assert code(refused) == (404, "not_found")


def test_a_bound_key_sees_its_own_usage_only(api, book, use, customer):
    use()
    own = Api(book, customer=customer)
    beside = Api(book, customer=factories.customer(book=book))
    event = api.get("events").json()["data"][0]["id"]

    assert [row["value"] for row in own.get("usage", **RANGE).json()["data"]] == ["100"]
    assert beside.get("usage", **RANGE).json()["data"] == []
    assert code(beside.get("usage", **RANGE, customer="c")) == (404, "not_found")
    assert beside.get("events").json()["data"] == []
    for path in (f"events/{event}/void", f"events/{event}/amend"):
        assert code(beside.post(path, once="v")) == (404, "not_found")
    assert code(beside.get(f"events/{event}")) == (404, "not_found")


def test_csv_of_usage_starts_no_formula(api, use):
    use(data={"model": "=HYPERLINK(1)", "tokens": -7})
    asked = api.get("usage", **RANGE, group_by="model", format="csv")

    assert asked.content.decode().splitlines()[1].split(",")[2:] == ["'=HYPERLINK(1)", "-7", "1"]


def test_a_bound_key_moves_no_usage_to_customers_it_does_not_see(api, book, use, customer):
    use()
    other = factories.customer(book=book)
    catalogue.map_subject(book=book, key="sk-other", customer=other, at=NOON)
    event = api.get("events").json()["data"][0]["id"]
    amend = (f"events/{event}/amend", {"subject": "sk-other"})
    refused = Api(book, customer=customer).post(*amend, once="a1")

    assert refused.status_code == 400
    assert "sk-other" in refused.json()["detail"]
    assert api.post(*amend, once="a1").status_code == 201


def test_an_event_is_voided_once(api, use):
    use()
    event = api.get("events").json()["data"][0]["id"]

    voided = api.post(f"events/{event}/void", {"reason": "Test"}, once="v1")
    assert voided.status_code == 201
    assert (voided.json()["kind"], voided.json()["reason"]) == ("void", "Test")
    assert api.get("usage", **RANGE).json()["data"] == []
    balances = api.get("customers/c/balances", purpose="unbilled").json()["balances"]
    assert [balance["settled"] for balance in balances] == ["0"]
    assert code(api.post(f"events/{event}/void", once="v2")) == (409, "already_corrected")


def test_an_event_is_amended_in_what_is_given(api, use):
    use()
    event = api.get("events").json()["data"][0]["id"]
    body = {"data": {"tokens": 30, "model": "gpt-5"}}

    amended = api.post(f"events/{event}/amend", body, once="a1").json()
    assert amended["kind"] == "amend"
    after = api.get(f"events/{amended['replacement_id']}").json()
    assert (after["data"]["tokens"], after["subject"], after["external_id"]) == (30, "sk-1", "e1")
    assert [row["value"] for row in api.get("usage", **RANGE).json()["data"]] == ["30"]


@pytest.mark.parametrize(
    "body", [{"data": {"tokens": "many"}}, {"data": {}}, {"subject": ""}, {"id": "other"}]
)
def test_an_amendment_that_cannot_be_changes_nothing(api, use, body):
    use()
    event = api.get("events").json()["data"][0]["id"]

    assert code(api.post(f"events/{event}/amend", body, once="a1"))[0] == 400
    assert [row["value"] for row in api.get("usage", **RANGE).json()["data"]] == ["100"]


def test_correcting_needs_the_scope_finance(api, book, use):
    use()
    event = api.get("events").json()["data"][0]["id"]
    manager = Api(book, scopes=["read", "manage", "ingest"])

    assert code(manager.post(f"events/{event}/void", once="v")) == (403, "scope_missing")


def test_a_dead_letter_is_mended_and_replayed(api, use):
    use("e1", data={"tokens": "many"})
    letter = api.get("dead-letters", status="open").json()["data"][0]
    assert letter["reason"] == "invalid_value"
    path = f"dead-letters/{letter['id']}"
    event = json.loads(letter["raw"])

    unchanged = api.post(f"{path}/replay", once="r1").json()
    assert unchanged["rejected"] == 1
    event["data"]["tokens"] = 7
    assert api.post(f"{path}/replay", {"event": event}, once="r2").json()["accepted"] == 1
    assert api.get(path).json()["status"] == "replayed"
    assert code(api.post(f"{path}/dismiss")) == (409, "dead_letter_closed")


def test_a_dead_letter_is_dismissed(api, use):
    use("e1", data={"tokens": "many"})
    letter = api.get("dead-letters").json()["data"][0]["id"]

    assert api.post(f"dead-letters/{letter}/dismiss").json()["status"] == "dismissed"
    assert api.get("dead-letters", status="open").json()["data"] == []


def test_dead_letters_are_the_books_alone(api, book, use, customer):
    use("e1", data={"tokens": "many"})
    letter = api.get("dead-letters").json()["data"][0]["id"]

    for stranger in (Api(factories.book()), Api(book, customer=customer)):
        assert code(stranger.get(f"dead-letters/{letter}")) == (404, "not_found")
        assert code(stranger.post(f"dead-letters/{letter}/dismiss")) == (404, "not_found")


def test_usage_of_nobody_is_listed_until_it_is_posted(api, use):
    assert use("e9", subject="sk-unknown").json()["unattributed"] == 1
    listed = api.get("unattributed-events", is_posted="false").json()["data"]
    assert [(row["subject"], row["posted_at"]) for row in listed] == [("sk-unknown", None)]

    api.put("subjects/sk-unknown", {"customer": "c"})
    assert tasks.post_mapped() == 1
    assert tasks.post_mapped() == 0

    assert api.get("unattributed-events", is_posted="false").json()["data"] == []
    assert len(api.get("events").json()["data"]) == 1


def test_ingest_needs_its_scope(api, use, book):
    reader = Api(book, scopes=["read", "manage", "finance"])

    assert code(reader.post("events", {}))[0] == 403
