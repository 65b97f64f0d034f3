"""
OTLP/HTTP in protobuf: requests read into what its JSON says, answers written (pure).

Of attributes only plain values are read: texts, numbers, yes and no.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

MEDIA_TYPE: Final = "application/x-protobuf"

Node = dict[str, Any]


class UnreadableBodyError(Exception):
    """A body is no request of traces."""


def read(body: bytes) -> Node:
    """
    Return a request as it would be in JSON, as far as it tells of calls.

    Raises:
        UnreadableBodyError: it is no ExportTraceServiceRequest.
    """
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise UnreadableBodyError(str(error)) from None
    return {"resourceSpans": [_of_resource(one) for one in request.resource_spans]}


def answer(*, refused: int = 0, why: str = "") -> bytes:
    """Return the answer to a request, some of whose spans may have been refused."""
    response = ExportTraceServiceResponse()
    if refused:
        response.partial_success.rejected_spans = refused
        response.partial_success.error_message = why
    return bytes(response.SerializeToString())


def status(message: str) -> bytes:
    """
    Return a google.rpc.Status that says what is wrong, the body of every answer to a failure.

    >>> status("no key")
    b'\\x12\\x06no key'
    """
    # Its message stands where a partial success says why: a text in field 2.
    return bytes(ExportTracePartialSuccess(error_message=message).SerializeToString())


def _of_resource(spans: ResourceSpans) -> Node:
    return {
        "resource": {"attributes": _attributes(spans.resource.attributes)},
        "scopeSpans": [
            {"spans": [_span(span) for span in scope.spans]} for scope in spans.scope_spans
        ],
    }


def _span(span: Span) -> Node:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "attributes": _attributes(span.attributes),
    }


def _attributes(found: Iterable[KeyValue]) -> list[Node]:
    return [{"key": one.key, "value": _value(one.value)} for one in found]


def _value(value: AnyValue) -> Node:
    match value.WhichOneof("value"):
        case "string_value":
            return {"stringValue": value.string_value}
        case "int_value":
            return {"intValue": value.int_value}
        case "bool_value":
            return {"boolValue": value.bool_value}
        case "double_value":
            number = value.double_value
            return {"doubleValue": Decimal(repr(number)) if isfinite(number) else str(number)}
    return {}
