"""Kong's http-log entries: each call once, its tokens by kind, and no secret of anybody."""

import base64
import json

import pytest
from django.test import Client

from billing.models import DeadLetter, UsageEvent
from tests.api import Api, code
from tests.integrations.sources import counts

pytestmark = pytest.mark.django_db

PATH = "/api/v1/sources/kong/http-log"
STARTED = 1_750_000_000_000  # in June 2025


def entry(number=1, **others):
    """Write an entry as Kong does: of a call that its consumer made with a key."""
    return {
        "request": {
            "id": f"req-{number}",
            "method": "POST",
            "uri": "/llm/v1/chat?apikey=hidden-in-address",
            "size": 812,
            "headers": {
                "authorization": "Bearer hidden-in-header",
                "cookie": "hidden-in-cookie",
                "user-agent": "curl",
            },
            "querystring": {"apikey": "hidden-in-query"},
        },
        "response": {"status": 200, "size": 9982, "headers": {"set-cookie": "hidden-in-answer"}},
        "consumer": {"id": "b7d0", "username": "acme-user", "custom_id": "acme"},
        "service": {"name": "llm"},
        "route": {"name": "chat"},
        "source": "upstream",
        "started_at": STARTED,
        **others,
    }


def ai(provider="openai", **usage):
    meta = {"provider_name": provider, "request_model": "small", "response_model": "small-1"}
    return {"proxy": {"meta": meta, "usage": usage, "payload": {"request": "hidden-in-prompt"}}}


OPENAI = ai(
    prompt_tokens=1025,
    prompt_tokens_details={"cached_tokens": 896, "audio_tokens": 0},
    completion_tokens=456,
    completion_tokens_details={"reasoning_tokens": 256},
    total_tokens=1481,
    time_per_token=14.88,
)


@pytest.fixture
def log(sender):
    """Return a function that posts a body as Kong does, and returns what became of it."""

    def post(body):
        response = sender.post("sources/kong/http-log", json.dumps(body))
        assert response.status_code == 200, response.content
        return response.json()

    return post


def test_call_and_its_tokens_are_counted_and_priced(scene, log):
    taken = log(entry(ai=OPENAI))

    assert (taken["accepted"], taken["rows"]) == (5, [])
    assert scene.units("requests") == 1
    assert counts.tokens() == {
        "input_uncached": 129,
        "cache_read": 896,
        "output": 200,
        "reasoning": 256,
    }
    assert scene.units("tokens") == 1481
    call = UsageEvent.objects.get(type="api.request")
    assert call.data == {
        "method": "POST",
        "path": "/llm/v1/chat",
        "status": 200,
        "route": "chat",
        "service": "llm",
        "bytes_in": 812,
        "bytes_out": 9982,
    }
    assert call.occurred_at.timestamp() * 1000 == STARTED


def test_batch_may_come_again_in_part_and_counts_once(scene, log):
    log([entry(1, ai=OPENAI), entry(2)])

    assert log([entry(2), entry(3)])["duplicate"] == 1
    assert (scene.units("requests"), scene.units("tokens")) == (3, 1481)


def test_one_of_several_plugins_tells_the_tokens(scene, log):
    both = {**OPENAI, "ai-proxy-advanced": OPENAI["proxy"], "ai-llm-as-judge": OPENAI["proxy"]}

    log(entry(ai=both))

    assert scene.units("tokens") == 1481


def test_calls_that_the_gateway_answered_are_left_out(scene, log):
    taken = log([entry(1, source="kong"), entry(2)])

    assert (taken["accepted"], taken["skipped"]) == (1, 1)
    assert [(row["index"], row["reason"]) for row in taken["rows"]] == [(0, "answered_by_gateway")]


@pytest.mark.parametrize(
    ("others", "subject"),
    [
        ({}, "acme"),
        ({"consumer": {"id": "b7d0", "username": "acme"}}, "acme"),
        ({"consumer": {"id": "acme"}}, "acme"),
        ({"consumer": None, "authenticated_entity": {"consumer_id": "acme"}}, "acme"),
    ],
)
def test_whoever_was_authenticated_pays(log, others, subject):
    assert log(entry(**others))["accepted"] == 1
    assert UsageEvent.objects.get().subject == subject


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"consumer": None}, "consumer"),
        ({"request": {"method": "GET", "headers": {"apikey": "hidden-in-key"}}}, "request.id"),
        ({"started_at": "noon"}, "started_at"),
        ({"ai": ai(prompt_tokens=-1)}, "prompt_tokens"),
    ],
)
def test_entry_that_cannot_be_taken_is_kept_with_its_reason_and_without_secrets(log, wrong, field):
    taken = log([entry(1, **wrong), entry(2)])

    assert (taken["accepted"], taken["rejected"]) == (1, 1)
    assert (taken["rows"][0]["index"], taken["rows"][0]["field"]) == (0, field)
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.field) == ("invalid_event", field)
    assert "(redacted)" in letter.raw
    assert "hidden" not in letter.raw


def test_no_secret_is_kept_of_what_is_taken(log):
    log(entry(ai=OPENAI))

    kept = UsageEvent.objects.values_list("data", "source", "external_id", "subject")
    assert "hidden" not in str(list(kept))


def test_things_that_are_no_entries_do_not_spoil_the_others(log):
    taken = log(["x", entry(1), None])

    assert (taken["accepted"], taken["rejected"]) == (1, 2)


def test_body_that_is_not_json_is_refused_and_nothing_of_it_kept(sender):
    response = sender.post("sources/kong/http-log", b'{"authorization": "hidden')

    assert code(response)[0] == 400
    assert not DeadLetter.objects.exists()


def test_password_of_the_address_is_the_key(scene, sender):
    basic = base64.b64encode(f"kong:{sender.text}".encode()).decode()
    response = Client().post(
        PATH,
        entry(),
        content_type="application/json",
        headers={"Authorization": f"Basic {basic}"},
    )

    assert response.json()["accepted"] == 1


def test_key_must_be_there_and_ingest(scene, client):
    reader = Api(scene.book, scopes=["read"])

    assert code(client.post(PATH, entry(), content_type="application/json"))[0] == 401
    assert code(reader.post("sources/kong/http-log", entry()))[0] == 403


def test_key_of_a_customer_speaks_for_itself_only(scene):
    own = Api(scene.book, scopes=["ingest"], customer=scene.child("team"))

    taken = own.post("sources/kong/http-log", entry()).json()

    assert taken["rows"][0]["reason"] == "subject_not_allowed"
