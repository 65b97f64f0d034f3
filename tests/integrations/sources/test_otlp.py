"""Spans of calls of models, as exporters send them: their tokens, each call once."""

import gzip
import json

import pytest

from billing.models import DeadLetter, UsageEvent
from tests.api import code
from tests.integrations.sources import counts

pytestmark = pytest.mark.django_db

ENDED = "1750000000000000000"  # in June 2025
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.response.model": "large-1",
    "gen_ai.response.id": "msg_01",
    "gen_ai.usage.input_tokens": 2095,
    "gen_ai.usage.output_tokens": 503,
    "gen_ai.usage.cache_creation.input_tokens": 2048,
    "gen_ai.usage.cache_read.input_tokens": 0,
    "gen_ai.input.messages": "hidden",
    "user.id": "acme",
}


def attributes(values):
    """Write attributes as OTLP does: whole numbers as texts."""
    return [
        {
            "key": key,
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in values.items()
    ]


def span(number=1, **others):
    said = {"traceId": "5b8e", "spanId": f"eee{number}", "name": "chat", "endTimeUnixNano": ENDED}
    return {**said, "attributes": attributes({**CALL, **others})}


def traces(*spans, **resource):
    scope = {"scope": {"name": "app"}, "spans": list(spans)}
    told = {"attributes": attributes({"service.name": "app", **resource})}
    return {"resourceSpans": [{"resource": told, "scopeSpans": [scope]}]}


@pytest.fixture
def export(sender):
    """Return a function that posts spans, and returns the answer."""

    def post(body, **headers):
        written = body if isinstance(body, bytes) else json.dumps(body)
        return sender.post("sources/otlp/v1/traces", written, headers=headers)

    return post


def test_tokens_of_a_call_are_counted_by_kind(scene, export):
    response = export(traces(span()))

    assert (response.status_code, response.json()) == (200, {})
    assert counts.tokens() == {"input_uncached": 47, "cache_write_5m": 2048, "output": 503}
    data = UsageEvent.objects.filter(data__type="output").get().data
    assert data == {
        "tokens": 503,
        "type": "output",
        "model": "large-1",
        "provider": "anthropic",
        "operation": "chat",
        "service": "app",
    }


def test_exporters_may_zip_and_send_again(scene, export):
    body = gzip.compress(json.dumps(traces(span())).encode())

    for _ in range(2):
        assert export(body, **{"Content-Encoding": "gzip"}).json() == {}
    assert scene.units("tokens") == 2598


def test_call_that_two_instrumentations_trace_counts_once(scene, export):
    export(traces(span(1), span(2)))

    assert scene.units("tokens") == 2598


def test_spans_of_agents_and_of_other_things_count_nothing(export):
    agent = span(1, **{"gen_ai.operation.name": "invoke_agent"})
    other = {"traceId": "5b8e", "spanId": "f", "attributes": attributes({"http.method": "GET"})}

    assert export(traces(agent, other)).json() == {}
    assert not UsageEvent.objects.exists()


def test_resource_may_say_who_pays(export):
    nobody = span()
    nobody["attributes"] = [one for one in nobody["attributes"] if one["key"] != "user.id"]

    export(traces(nobody, **{"meterbook.subject": "acme"}))

    assert set(UsageEvent.objects.values_list("subject", flat=True)) == {"acme"}


def test_refused_spans_are_numbered_and_kept_without_what_was_said(export):
    nobody = span(1, **{"gen_ai.response.id": "msg_02", "user.id": ""})

    answer = export(traces(nobody, span(2))).json()["partialSuccess"]

    assert answer["rejectedSpans"] == "1"
    assert "meterbook.subject" in answer["errorMessage"]
    assert UsageEvent.objects.count() == 3
    assert "hidden" not in DeadLetter.objects.get().raw


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceSpans": 1}'])
def test_what_is_no_export_is_refused(export, body):
    assert code(export(body))[0] == 400


def test_other_encodings_are_refused_by_naming_those_that_are_taken(sender):
    response = sender.post("sources/otlp/v1/traces", b"\x0a", content_type="text/plain")

    assert code(response)[0] == 415
    assert "application/x-protobuf" in response.json()["detail"]
