"""Usage as OpenMeter's clients send it: its Python client, Kong's plugin, LiteLLM's callback."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from corehttp.exceptions import ClientAuthenticationError, HttpResponseError
from openmeter import Client
from openmeter.models import Event

from billing.models import DeadLetter, UsageEvent
from tests.api import Api, code
from tests.billing.scene import event
from tests.factories import NOON

pytestmark = pytest.mark.django_db

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

# --- The hosted API's path ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "taken"),
    [
        (ONE, event(1), 1),
        (BATCH, b"[" + event(1) + b"," + event(2) + b"]", 2),
        ("application/json", event(1), 1),
        ("application/json", b"[" + event(1) + b"]", 1),
        (BATCH, b"[]", 0),
    ],
)
def test_hosted_path_accepts_every_body_and_says_nothing(hosted, content_type, body, taken):
    response = hosted(body, content_type)

    assert (response.status_code, response.content) == (202, b"")
    assert UsageEvent.objects.count() == taken


def test_event_sent_again_counts_once(hosted, scene):
    scene.meter("sum", key="calls")
    again = event(5, id="once", subject="acme")

    assert [hosted(again, ONE).status_code for _ in range(2)] == [202, 202]
    assert scene.units("calls") == 5


def test_what_is_no_event_is_refused_and_kept(hosted):
    response = hosted(b'{"specversion": "1.0", "id": "x"}', ONE)

    assert code(response) == (400, "events_rejected")
    assert [one["source"] for one in response.json()["invalid_parameters"]] == ["body"]
    assert DeadLetter.objects.get().reason == "invalid_event"


def test_event_that_cannot_be_counted_is_kept_and_does_not_hold_up_the_gateway(hosted, scene):
    scene.meter("sum", key="calls")

    assert hosted(event("many", subject="acme"), ONE).status_code == 202
    assert DeadLetter.objects.get().reason == "invalid_value"


@pytest.mark.parametrize(("scopes", "status"), [(["read"], 403), (["manage"], 403)])
def test_key_must_be_one_that_ingests(scene, client, scopes, status):
    key = Api(scene.book, scopes=scopes).text
    response = client.post(
        "/api/v3/openmeter/events",
        event(1),
        content_type=ONE,
        headers={"Authorization": f"Bearer {key}"},
    )

    assert code(response)[0] == status


def test_nobody_ingests_without_a_key(db, client):
    response = client.post("/api/v3/openmeter/events", event(1), content_type=ONE)

    assert code(response)[0] == 401


# --- What others send -----------------------------------------------------------------------------


def kong_events(at):
    """Write what Kong's metering-and-billing plugin sends of one call of a model."""
    common = {"specversion": "1.0", "source": "kong", "subject": "acme", "time": at.isoformat()}
    call = {"request_method": "POST", "route_name": "chat", "service_name": "llm"}
    model = {"model": "gpt-5-mini", "provider": "openai"}
    return [
        {**common, "id": "c1", "type": "kong.api_request", "data": call},
        {**common, "id": "c2", "type": "kong.llm_request", "data": _of(model, "input", 1025)},
        {**common, "id": "c3", "type": "kong.llm_request", "data": _of(model, "output", 456)},
    ]


def _of(model, kind, tokens):
    return {**model, "type": kind, "tokens": tokens}


@pytest.mark.parametrize("is_hosted", [True, False])
def test_kongs_plugin_is_metered_on_both_paths(scene, hosted, sender, is_hosted):
    scene.meter("sum", key="kong-tokens", type="kong.llm_request", path="$.tokens")
    scene.meter("count", key="kong-calls", type="kong.api_request")
    body = json.dumps(kong_events(NOON))

    if is_hosted:
        assert hosted(body, BATCH).status_code == 202
    else:
        assert sender.post("events", body, content_type=BATCH).json()["accepted"] == 3
    assert (scene.units("kong-tokens"), scene.units("kong-calls")) == (1481, 1)


def test_litellms_callback_is_metered_and_its_cost_kept(scene, sender):
    scene.meter("sum", key="all-tokens", type="litellm_tokens", path="$.total_tokens")
    said = {
        "specversion": "1.0",
        "type": "litellm_tokens",
        "id": "chatcmpl-1",
        "time": NOON.isoformat(),
        "subject": "acme",
        "source": "litellm-proxy",
        "data": {
            "model": "gpt-4o",
            "cost": 2.85e-05,
            "prompt_tokens": 25,
            "completion_tokens": 12,
            "total_tokens": 37,
        },
    }

    response = sender.post("events", json.dumps(said))

    assert response.status_code == 200
    assert scene.units("all-tokens") == 37
    assert UsageEvent.objects.get().data["cost"] == 2.85e-05


# --- OpenMeter's Python client --------------------------------------------------------------------


def said(number, data=None, **others):
    attributes = {"source": "app", "specversion": "1.0", "type": "call", "subject": "acme"}
    at = NOON + timedelta(seconds=number)
    return Event(id=f"e{number}", time=at, data=data or {"n": 1.5}, **attributes, **others)


@pytest.mark.django_db(transaction=True)
def test_published_client_sends_events_in_each_of_its_ways(scene, sender, live_server):
    scene.meter("sum", key="calls")

    with Client(endpoint=live_server.url, token=sender.text) as openmeter:
        openmeter.events.ingest_event(said(1))
        openmeter.events.ingest_events([said(1), said(2)])
        openmeter.events.ingest_events_json([said(3)])

    assert scene.units("calls") == Decimal("4.5")


@pytest.mark.django_db(transaction=True)
def test_published_client_is_told_what_was_wrong(scene, sender, live_server):
    scene.meter("sum", key="calls")

    with Client(endpoint=live_server.url, token=sender.text) as openmeter:
        with pytest.raises(HttpResponseError) as refused:
            openmeter.events.ingest_event(said(1, data={"n": "many"}))
        assert refused.value.status_code == 422
    with (
        Client(endpoint=live_server.url, token="mb_unknown") as stranger,
        pytest.raises(ClientAuthenticationError),
    ):
        stranger.events.ingest_event(said(1))


def test_whoever_prefers_no_answer_gets_none(sender):
    response = sender.post("events", event(1), headers={"Prefer": "return=minimal"})

    assert (response.status_code, response.content) == (204, b"")
