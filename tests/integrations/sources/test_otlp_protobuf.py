"""Spans in protobuf: what JSON says, counted the same, and answered in protobuf."""

import gzip
import json
from math import nan

import pytest
from django.db import DatabaseError, OperationalError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from billing.models import DeadLetter, UsageEvent
from integrations.sources import otlp_protobuf
from tests.integrations.sources import counts
from tests.integrations.sources.test_otlp import CALL, ENDED

pytestmark = pytest.mark.django_db

PROTOBUF = "application/x-protobuf"


def attributes(values):
    """Write attributes as exporters do: each with a value of its kind."""
    kinds = {int: "int_value", str: "string_value", float: "double_value", bool: "bool_value"}
    return [
        KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))
        for key, value in values.items()
    ]


def traces(*calls):
    """Write a request with a span of each call, of one application."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(attributes({"service.name": "app"}))
    spans = resource.scope_spans.add().spans
    for number, call in enumerate(calls, start=1):
        span = spans.add(trace_id=b"\x5b\x8e", span_id=bytes([number]), name="chat")
        span.end_time_unix_nano = int(ENDED)
        span.attributes.extend(attributes({**CALL, **call}))
    return request.SerializeToString()


@pytest.fixture
def export(sender):
    """Return a function that posts spans, and returns the answer."""

    def post(body, content_type=PROTOBUF, **headers):
        said = {"Content-Type": content_type, **headers}  # Django's client leaves it out of nothing
        return sender.post("sources/otlp/v1/traces", body, content_type=content_type, headers=said)

    return post


def read(response):
    assert (response.status_code, response.headers["Content-Type"]) == (200, PROTOBUF)
    return ExportTraceServiceResponse.FromString(response.content).partial_success


def test_tokens_of_a_call_are_counted_by_kind(scene, export):
    assert export(traces({})).content == b""

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


def test_call_in_both_encodings_counts_once(scene, export):
    unnamed = {"gen_ai.response.id": ""}
    body = traces(unnamed)
    export(body)
    said = json.dumps(otlp_protobuf.read(body)).replace("5b8e", "5B8E")

    assert export(said, "application/json").json() == {}
    assert scene.units("tokens") == 2598


def test_exporters_may_zip_and_send_again(scene, export):
    body = gzip.compress(traces({}))

    for _ in range(2):
        assert read(export(body, **{"Content-Encoding": "gzip"})).rejected_spans == 0
    assert scene.units("tokens") == 2598


def test_nothing_to_export_is_taken(export):
    assert read(export(b"")).rejected_spans == 0


@pytest.mark.parametrize("count", [nan, 1.5, True, "many", -1])
def test_counts_that_are_none_are_refused_and_kept_without_what_was_said(export, count):
    odd = {"gen_ai.usage.output_tokens": count, "gen_ai.response.id": "msg_02"}

    partial = read(export(traces(odd, {})))

    assert partial.rejected_spans == 1
    assert "span 0: invalid_event" in partial.error_message
    assert UsageEvent.objects.count() == 3
    assert "hidden" not in DeadLetter.objects.get().raw


def test_whole_number_written_as_a_double_is_one(scene, export):
    export(traces({"gen_ai.usage.output_tokens": 503.0}))

    assert counts.tokens()["output"] == 503


def test_values_of_other_kinds_say_nothing():
    several = AnyValue()
    several.array_value.values.add(string_value="acme")
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.attributes.extend([KeyValue(key="user.id", value=several), KeyValue(key="empty")])

    [resource] = otlp_protobuf.read(request.SerializeToString())["resourceSpans"]
    assert resource["scopeSpans"][0]["spans"][0]["attributes"] == [
        {"key": "user.id", "value": {}},
        {"key": "empty", "value": {}},
    ]


def why(response):
    """Return what a google.rpc.Status says: the text in its second field."""
    assert response.headers["Content-Type"] == PROTOBUF
    return ExportTracePartialSuccess.FromString(response.content).error_message


def test_what_is_no_export_is_refused_in_protobuf(export):
    response = export(b"\x0a\xff")

    assert response.status_code == 400
    assert "ExportTraceServiceRequest" in why(response)


def test_damaged_gzip_and_unknown_senders_are_refused_in_protobuf(export, client):
    damaged = export(b"zip", **{"Content-Encoding": "gzip"})
    stranger = client.post("/api/v1/sources/otlp/v1/traces", b"x", content_type=PROTOBUF)

    assert (damaged.status_code, stranger.status_code) == (400, 401)
    assert "gzip" in why(damaged)
    assert "key" in why(stranger)


@pytest.mark.parametrize("error", [DatabaseError("unknown"), OperationalError("gone")])
@pytest.mark.parametrize("kind", [PROTOBUF, "application/json"])
def test_failure_of_ours_is_one_that_exporters_repeat(export, monkeypatch, error, kind):
    def fails(**_):
        raise error

    monkeypatch.setattr("integrations.sources.http.ingest", fails)
    body = traces({}) if kind == PROTOBUF else json.dumps(otlp_protobuf.read(traces({})))

    response = export(body, kind)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
