"""
CloudEvents 1.0 from bytes: one, a batch, lines of them, or HTTP headers and a body (pure).

Each part of a batch stands alone: what cannot be read becomes a Rejection with its reason, and the
rest is taken. Numbers are decoded exactly; those that no database can hold are refused.

Source: CloudEvents 1.0.2, JSON event format and HTTP protocol binding (structured, batched and
binary content modes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Annotated, Final
from urllib.parse import unquote

import msgspec

from billing.metering import paths
from billing.metering.facts import Fact, Rejection, Sent

MAX_EVENT_BYTES: Final = 256 * 1024
MAX_BATCH: Final = 10_000  # events; of a longer array not all parts are told apart
_MOST_COMMAS: Final = 1_000_000  # an array with more is cut with care: each part costs memory
_MOST_MARKS: Final = 8_000_000  # seconds of work
_DEEPEST: Final = 100  # lists and objects within each other
_LONGEST_NUMBER: Final = 400
_WIDEST: Final = 1000  # exponent
_NULL_ESCAPE: Final = b"\\u0000"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]  # as what can be mapped
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Envelope(msgspec.Struct):
    """The attributes of an event; ``data`` is decoded by itself."""

    id: Name
    source: Name
    type: Name
    subject: Subject
    specversion: str = "1.0"
    time: Instant | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    data_base64: str | None = None


def _number(written: str) -> Decimal:
    value = paths.decimal(written)
    if len(written) > _LONGEST_NUMBER or not value.is_finite() or abs(value.adjusted()) > _WIDEST:
        raise ValueError(f"the number {written[:40]} is out of range")
    return value


_envelope: Final = msgspec.json.Decoder(_Envelope)
_payload: Final = msgspec.json.Decoder(dict[str, object] | None, float_hook=_number)
_value: Final = msgspec.json.Decoder(msgspec.Raw)
_parts: Final = msgspec.json.Decoder(list[msgspec.Raw])
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
_MARK: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_OPENING, _CLOSING, _COMMA, _QUOTE = b"[{", b"]}", ord(","), b'"'


def structured(body: bytes) -> Sent:
    """Read one event (``application/cloudevents+json``)."""
    return one(body, 0)


def batch(body: bytes) -> Iterator[Sent]:
    """
    Read a JSON array of events (``application/cloudevents-batch+json``).

    One part that is not JSON (NaN, half a surrogate pair) does not spoil the others.
    """
    parts: Sequence[msgspec.Raw | bytes] | None = None
    problem = "its brackets do not match, or are too many"
    if body.count(b",") <= _MOST_COMMAS:
        try:
            parts = _parts.decode(body)
        except _UNREADABLE as error:
            problem = str(error)
    if parts is None:
        parts = _cut(body.strip())
    if parts is None:
        yield Rejection(0, "malformed", f"not a JSON array of events: {problem}", "", body)
        return
    for index, part in enumerate(parts):
        yield one(bytes(part), index)


def lines(chunks: Iterable[bytes], first: int = 0) -> Iterator[Sent]:
    """Read newline-delimited events; blank lines count but say nothing."""
    for index, line in enumerate(chunks, first):
        if line := line.strip():
            yield one(line, index)


def binary(headers: Mapping[str, str], body: bytes) -> Sent:
    """Read an event whose attributes are ``ce-`` headers and whose data is the body."""
    names = ("id", "source", "type", "subject", "specversion", "time")
    written = {name: value for name in names if (value := headers.get(f"ce-{name}"))}
    if body and (kind := headers.get("content-type")):
        written["datacontenttype"] = kind
    data = body.strip() or b"{}"
    attributes = {name: unquote(value) for name, value in written.items()}
    raw = b'{"data":' + data + b"," + msgspec.json.encode(attributes)[1:]
    try:
        _value.decode(data)  # by itself: the body must not write attributes
    except _UNREADABLE as error:
        if written.get("datacontenttype", "json").count("json"):
            return Rejection(0, "malformed", f"the body is not JSON: {error}", "data", raw)
        raw = b'{"data":null,' + msgspec.json.encode(attributes)[1:]
    return one(raw, 0)


def one(raw: bytes, index: int) -> Sent:
    """Read one event from its JSON."""
    try:
        return _fact(raw, index)
    except _RefusedError as refused:
        kept = raw[:MAX_EVENT_BYTES]
        return Rejection(index, refused.reason, refused.detail, refused.field, kept)


def payload(data: bytes) -> dict[str, object]:
    """Read an event's data that has been taken before."""
    return _payload.decode(data) or {}


def _cut(array: bytes) -> list[bytes] | None:
    """Cut an array at its outermost commas, whatever is between them; None if it is no array."""
    parts: list[bytes] = []
    start = 1
    if not (array.startswith(b"[") and array.endswith(b"]")):
        return None
    for mark, found, depth in islice(_marks(array), _MOST_MARKS):
        if mark in _CLOSING and not depth:
            return [*parts, array[start:-1]] if found.end() == len(array) else None
        if mark == _COMMA and depth == 1:
            parts.append(array[start : found.start()])
            start = found.end()
        if found[0] == _QUOTE or len(parts) > MAX_BATCH:
            break
    return parts if len(parts) > MAX_BATCH else None


def _is_too_deep(raw: bytes) -> bool:
    if raw.count(b"[") + raw.count(b"{") <= _DEEPEST:
        return False
    return any(depth > _DEEPEST for _, _, depth in _marks(raw))


def _marks(raw: bytes) -> Iterator[tuple[int, re.Match[bytes], int]]:
    """Find what gives JSON its shape: the mark, where it is, and the depth after it."""
    depth = 0
    for found in _MARK.finditer(raw):
        mark = raw[found.start()]
        depth += (mark in _OPENING) - (mark in _CLOSING)
        yield mark, found, depth


class _RefusedError(Exception):
    def __init__(self, reason: str, detail: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail, self.field = reason, detail, field


def _fact(raw: bytes, index: int) -> Fact:
    if len(raw) > MAX_EVENT_BYTES:
        sizes = f"an event may have {MAX_EVENT_BYTES} bytes, this has {len(raw)}"
        raise _RefusedError("too_large", sizes)
    if _is_too_deep(raw):
        detail = f"lists and objects are more than {_DEEPEST} deep within each other"
        raise _RefusedError("malformed", detail)
    event = _event(raw)
    data = _data(event)
    if _NULL_ESCAPE in raw and _has_null(event, data):
        raise _RefusedError("invalid_event", "text holds the null character")
    return Fact(
        index=index,
        source=event.source,
        external_id=event.id,
        type=event.type,
        subject=event.subject,
        occurred_at=event.time,
        data=data,
        data_json=bytes(event.data).decode() if data else "{}",
        raw=raw,
    )


def _event(raw: bytes) -> _Envelope:
    try:
        event = _envelope.decode(raw)
    except msgspec.ValidationError as error:
        raise _RefusedError("invalid_event", str(error), _field(error)) from None
    except _UNREADABLE as error:
        raise _RefusedError("malformed", f"not a JSON object: {error}") from None
    if event.specversion != "1.0":
        detail = "only CloudEvents 1.0 is understood"
        raise _RefusedError("invalid_event", detail, "specversion")
    if event.data_base64 is not None:
        detail = "binary data has no values to meter: send data as JSON"
        raise _RefusedError("invalid_event", detail, "data_base64")
    if event.datacontenttype is not None and "json" not in event.datacontenttype:
        raise _RefusedError("invalid_event", "send data as JSON", "datacontenttype")
    return event


def _data(event: _Envelope) -> dict[str, object]:
    try:
        return _payload.decode(event.data) or {}
    except msgspec.ValidationError as error:
        raise _RefusedError("invalid_event", f"data must be an object: {error}", "data") from None
    except _UNREADABLE as error:
        raise _RefusedError("invalid_event", f"data cannot be kept: {error}", "data") from None


def _has_null(*values: object) -> bool:
    for value in values:
        match value:
            case str():
                found = "\0" in value
            case dict():
                found = _has_null(*value.keys(), *value.values())
            case list():
                found = _has_null(*value)
            case _Envelope():
                found = _has_null(value.id, value.source, value.type, value.subject)
            case _:
                found = False
        if found:
            return True
    return False


def _field(error: msgspec.ValidationError) -> str:
    # "Expected `str`, got `int` - at `$.subject`"; "Object missing required field `id`"
    message = str(error)
    if "`$." in message:
        return message.rpartition("`$.")[2].rstrip("`")
    return message.split("`")[1] if "required field" in message else ""
