"""LiteLLM's generic API callback: each call once, its tokens by kind, and nothing that was said."""

import json

import pytest
from django.test import Client

from billing.models import DeadLetter, UsageEvent
from tests.api import Api, code
from tests.integrations.sources import counts

pytestmark = pytest.mark.django_db

ENDED = 1_750_000_000.25  # in June 2025
OPENAI = {
    "prompt_tokens": 1025,
    "completion_tokens": 456,
    "total_tokens": 1481,
    "prompt_tokens_details": {"cached_tokens": 896, "audio_tokens": 0, "image_tokens": None},
    "completion_tokens_details": {"reasoning_tokens": 256, "text_tokens": 200},
}
# As LiteLLM tells Anthropic's call of 47 new tokens: what is cached is in the sum.
ANTHROPIC = {
    "prompt_tokens": 2595,
    "completion_tokens": 503,
    "total_tokens": 3098,
    "prompt_tokens_details": {
        "cached_tokens": 500,
        "text_tokens": 47,
        "cache_write_tokens": 2048,
        "cache_creation_tokens": 2048,
        "cache_creation_token_details": {
            "ephemeral_5m_input_tokens": 2000,
            "ephemeral_1h_input_tokens": 48,
        },
    },
    "completion_tokens_details": None,
    "cache_creation_input_tokens": 2048,
    "cache_read_input_tokens": 500,
}


def call(number=1, usage=OPENAI, *, provider="openai", who=None, **others):
    """Write a StandardLoggingPayload, as far as it matters, and some that must not be kept."""
    named = {"user_api_key_user_id": "acme"} if who is None else who
    return {
        "id": f"chatcmpl-{number}",
        "litellm_call_id": f"call-{number}",
        "call_type": "acompletion",
        "status": "success",
        "custom_llm_provider": provider,
        "model": f"{provider}/small-1",
        "response_cost": 0.00123,
        "cache_hit": None,
        "startTime": ENDED - 1,
        "endTime": ENDED,
        "prompt_tokens": usage and usage["prompt_tokens"],
        "completion_tokens": usage and usage["completion_tokens"],
        "end_user": "whoever-the-caller-says",
        "api_base": "https://host/?key=hidden-in-address",
        "messages": [{"role": "user", "content": "hidden-in-prompt"}],
        "response": {"choices": ["hidden-in-answer"]},
        "metadata": {
            "user_api_key_hash": "88dc28",
            "requester_custom_headers": {"x-secret": "hidden-in-header"},
            "usage_object": usage,
            **named,
        },
        **others,
    }


@pytest.fixture
def log(sender):
    """Return a function that posts what LiteLLM logs, and returns the answer."""

    def post(body, query="", **headers):
        written = body if isinstance(body, bytes) else json.dumps(body)
        return sender.post(f"sources/litellm{query}", written, headers=headers)

    return post


def test_call_and_its_tokens_are_counted(scene, log):
    answer = log([call()])

    assert (answer.status_code, answer.json()["accepted"]) == (200, 5)
    assert counts.tokens() == {
        "input_uncached": 129,
        "cache_read": 896,
        "output": 200,
        "reasoning": 256,
    }
    assert (scene.units("requests"), scene.units("tokens")) == (1, 1481)


def test_call_is_told_with_its_model_its_time_and_what_it_cost(log):
    log([call()])

    event = UsageEvent.objects.get(type="api.request")
    assert event.occurred_at.isoformat() == "2025-06-15T15:06:40.250000+00:00"
    assert event.data == {
        "model": "small-1",
        "provider": "openai",
        "route": "acompletion",
        "cost": 0.00123,
    }


def test_tokens_of_anthropics_models_are_counted_by_kind(log):
    log([call(usage=ANTHROPIC, provider="anthropic")])

    assert counts.tokens() == {
        "input_uncached": 47,
        "cache_read": 500,
        "cache_write_5m": 2000,
        "cache_write_1h": 48,
        "output": 503,
    }


def test_without_details_the_sums_count(log):
    log([call(usage=None, prompt_tokens=25, completion_tokens=12)])

    assert counts.tokens() == {"input_uncached": 25, "output": 12}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([call(1), call(2)]).encode(),
        b"\n".join(json.dumps(call(number)).encode() for number in (1, 2)),
    ],
)
def test_calls_come_as_a_list_or_one_a_line_and_count_once(scene, log, body):
    for _ in range(2):
        assert log(body).status_code == 200
    assert scene.units("requests") == 2


def test_single_call_is_taken(scene, log):
    log(call())

    assert scene.units("requests") == 1


def test_calls_that_cost_nothing_are_skipped(log):
    shadow = {"user_api_key_user_id": "acme", "is_silent_experiment": True}
    answer = log([call(1, status="failure"), call(2, cache_hit=True), call(3, who=shadow)])

    rows = answer.json()["rows"]
    assert [row["reason"] for row in rows] == ["failed", "answered_by_gateway", "experiment"]
    assert (answer.json()["skipped"], UsageEvent.objects.count()) == (3, 0)


@pytest.mark.parametrize(
    ("who", "query", "subject"),
    [
        ({"user_api_key_user_id": "ann", "user_api_key_team_id": "acme"}, "", "ann"),
        ({"user_api_key_user_id": None, "user_api_key_team_id": "blue"}, "", "blue"),
        ({}, "", "88dc28"),
        ({"user_api_key_user_id": "ann", "user_api_key_team_id": "blue"}, "?subject=team", "blue"),
        ({}, "?subject=end_user", "whoever-the-caller-says"),
        ({"user_api_key_end_user_id": "ann"}, "?subject=org&subject=end_user", "ann"),
    ],
)
def test_who_pays_is_who_was_authenticated_unless_the_address_says_otherwise(
    scene, log, who, query, subject
):
    scene.subject(subject)

    log(call(who=who), query)

    assert set(UsageEvent.objects.values_list("subject", flat=True)) == {subject}


def test_unknown_place_of_who_pays_is_named(log):
    response = log(call(), "?subject=colour")

    assert code(response)[0] == 400
    assert "end_user" in response.json()["detail"]


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "", "litellm_call_id": None},
        {"endTime": "yesterday"},
        {"endTime": True},
        {"endTime": 1e30},
        {"metadata": {}},
        {"metadata": {"user_api_key_hash": "k", "usage_object": {"prompt_tokens": "many"}}},
        {"metadata": {"user_api_key_hash": "k", "usage_object": {**OPENAI, "prompt_tokens": 1}}},
    ],
)
def test_call_that_says_too_little_is_kept_without_what_was_said(log, odd):
    answer = log([call(1, **odd), call(2)])

    assert (answer.status_code, answer.json()["rejected"]) == (200, 1)
    assert UsageEvent.objects.filter(type="api.request").count() == 1
    assert "hidden" not in DeadLetter.objects.get().raw


@pytest.mark.parametrize("odd", [None, 7, "text"])
def test_what_is_no_call_is_kept_and_holds_nothing_up(log, odd):
    assert log([odd, call()]).json()["rejected"] == 1
    assert DeadLetter.objects.get().reason == "invalid_event"


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"id": 1}\n{'])
def test_what_is_no_json_is_refused(log, body):
    assert code(log(body))[0] == 400
    assert not DeadLetter.objects.exists()


def test_key_must_be_one_that_ingests(scene):
    reader = Api(scene.book, scopes=["read"])

    assert code(reader.post("sources/litellm", call()))[0] == 403
    nobody = Client().post("/api/v1/sources/litellm", call(), content_type="application/json")
    assert code(nobody)[0] == 401
