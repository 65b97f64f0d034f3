"""Who asks for what, read from a call by the options of a face."""

from decimal import Decimal

import pytest

from billing.entitlements.answers import Ask
from integrations.gateway.calls import Call, Source, read_options
from ledger.errors import InvalidInputError

CALL = Call(
    path="/v1/chat/completions",
    query={"tenant": "acme", "empty": ""},
    headers={"x-user": "ann", "x-tokens": "1500", "x-model": "gpt-5"},
    consumer={"username": "app"},
)


def ask(options: str) -> Ask:
    return read_options(options, (Source("header", "X-User"),)).ask(CALL)


def test_a_call_is_by_the_subject_that_the_face_looks_for() -> None:
    assert ask("") == Ask(subject="ann")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("header:X-User", "ann"),
        ("query:tenant", "acme"),
        ("consumer:username", "app"),
        ("path:2", "chat"),
        ("path:1-2", "v1_chat"),
        ("path:2-", "chat_completions"),
        ("path:9", None),
        ("header:X-Other", None),
        ("query:empty", None),
        ("agent-7", "agent-7"),
        ("urn:agent:7", "urn:agent:7"),
    ],
)
def test_a_subject_is_found_where_the_option_says(source: str, found: str | None) -> None:
    assert ask(f"subject={source}").subject == found


def test_the_first_place_that_says_something_counts() -> None:
    assert ask("subject=header:X-Other&subject=consumer:username").subject == "app"


def test_a_customer_may_be_named_instead_of_a_subject() -> None:
    assert ask("customer=query:tenant") == Ask(customer_key="acme")


def test_what_the_call_will_use_is_an_estimate_in_it() -> None:
    asked = ask("feature=path:2&quantity=header:X-Tokens&label.model=header:X-Model&label.x=path:9")

    assert asked.feature_key == "chat"
    assert asked.quantity == Decimal(1500)
    assert asked.labels == {"model": "gpt-5"}


def test_a_cost_may_be_estimated() -> None:
    assert ask("cost=0.25").cost == Decimal("0.25")


def test_a_call_without_its_feature_is_not_asked_about() -> None:
    with pytest.raises(InvalidInputError) as error:
        ask("feature=header:X-Feature")
    assert error.value.field == "feature"


@pytest.mark.parametrize("number", ["many", "-1", "NaN", "Infinity", "9" * 50])
def test_an_estimate_is_a_number(number: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        ask(f"quantity={number}")
    assert error.value.field == "quantity"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ("colour=red", "colour"),
        ("subject=header:", "subject"),
        ("subject=path:x", "subject"),
        ("subject=path:0", "subject"),
        ("subject=path:1-x", "subject"),
        ("amounts=all", "amounts"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        ask(options)
    assert error.value.field == field
