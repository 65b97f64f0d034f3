"""
Entries of Kong's http-log plugin as usage (pure).

Only fields that are named here are read and kept: of headers the names, and the values of those
that hold no secret. Calls that the gateway answered by itself are nobody's usage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from billing.metering.facts import Sent
from integrations.sources import made
from integrations.sources.made import UnreadableError
from integrations.sources.tokens import Tokens, of_kong

SOURCE: Final = "kong/http-log"
REDACTED: Final = "(redacted)"

_BY_GATEWAY: Final = "kong"
_NAMESPACES: Final = ("proxy", "ai-proxy", "ai-proxy-advanced")  # one tells all: never a sum
_HARMLESS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "date"),
        *("host", "server", "user-agent", "via", "x-kong-proxy-latency", "x-kong-request-id"),
        *("x-kong-upstream-latency", "x-request-id"),
    }
)
_KEPT: Final = {
    "request": ("id", "method", "size"),
    "response": ("status", "size"),
    "consumer": ("id", "username", "custom_id"),
    "authenticated_entity": ("consumer_id",),
    "service": ("id", "name"),
    "route": ("id", "name"),
}
_META: Final = ("provider_name", "request_model", "response_model", "request_mode")

Entry = Mapping[str, Any]


def reason_to_skip(entry: object) -> str:
    """Say why a call costs nothing, if it does not: it never came to a service."""
    is_ours = isinstance(entry, Mapping) and entry.get("source") == _BY_GATEWAY
    return "answered_by_gateway" if is_ours else ""


def events(index: int, entry: object) -> Iterator[Sent]:
    """Return the usage that an entry tells: a call, its tokens by kind; or why it is none."""
    if not isinstance(entry, Mapping):
        error = UnreadableError("", "an entry is an object: send what http-log writes")
        yield made.rejection(index, error, {"entry": type(entry).__name__})
        return
    yield from made.attempted(
        index, lambda: _events(index, entry), shape=SOURCE, kept=lambda: redacted(entry)
    )


def again(kept: object) -> Iterator[Sent]:
    """Read what was kept of an entry, perhaps mended, as if it had been sent."""
    return events(0, kept)


def redacted(entry: Entry) -> dict[str, Any]:
    """
    Return what may be kept of an entry: no secret of the caller, and nothing that it sent.

    >>> redacted({"request": {"id": "1", "headers": {"Authorization": "Bearer x", "Host": "h"}}})
    {'request': {'id': '1', 'headers': {'Authorization': '(redacted)', 'Host': 'h'}}}
    """
    kept: dict[str, Any] = {}
    for name, fields in _KEPT.items():
        if part := _object(entry, name):
            kept[name] = {field: part[field] for field in fields if field in part}
    for name in ("request", "response"):
        if headers := _object(_object(entry, name), "headers"):
            kept[name]["headers"] = {header: _shown(header, headers[header]) for header in headers}
    if path := _path(entry):
        kept["request"]["uri"] = path
    kept |= {name: entry[name] for name in ("started_at", "source") if name in entry}
    if ai := _ai(entry):
        meta = _object(ai, "meta")
        shown = {field: meta[field] for field in _META if field in meta}
        kept["ai"] = {"proxy": {"meta": shown, "usage": ai.get("usage")}}
    return kept


def _events(index: int, entry: Entry) -> Iterator[Sent]:
    call, subject = _call(entry), _subject(entry)
    at = made.instant(_milliseconds(entry) * 1000)
    request, response = _object(entry, "request"), _object(entry, "response")
    route, service = _text(entry, "route", "name"), _text(entry, "service", "name")
    yield made.event(
        index,
        source=SOURCE,
        name=call,
        kind=made.REQUEST,
        subject=subject,
        at=at,
        data=made.told(
            method=request.get("method"),
            path=_path(entry),
            status=response.get("status"),
            route=route,
            service=service,
            bytes_in=request.get("size"),
            bytes_out=response.get("size"),
        ),
    )
    if ai := _ai(entry):
        yield from made.of_tokens(
            index,
            source=SOURCE,
            call=call,
            subject=subject,
            at=at,
            tokens=_tokens(ai),
            about=_about(ai) | made.told(route=route, service=service),
        )


def _tokens(ai: Entry) -> Tokens:
    provider = _text(ai, "meta", "provider_name") or ""
    return of_kong(_object(ai, "usage"), provider)


def _about(ai: Entry) -> dict[str, Any]:
    model = _text(ai, "meta", "response_model") or _text(ai, "meta", "request_model")
    return made.told(model=model, provider=_text(ai, "meta", "provider_name"))


def _ai(entry: Entry) -> Entry:
    spaces = _object(entry, "ai")
    found = (_object(spaces, name) for name in _NAMESPACES)
    return next((space for space in found if "usage" in space), {})


def _call(entry: Entry) -> str:
    if found := _text(entry, "request", "id"):
        return found
    raise UnreadableError("request.id", "without request.id a call could count twice: log it")


def _subject(entry: Entry) -> str:
    for part, field in (
        ("consumer", "custom_id"),
        ("consumer", "username"),
        ("consumer", "id"),
        ("authenticated_entity", "consumer_id"),
    ):
        if found := _text(entry, part, field):
            return found
    raise UnreadableError("consumer", "nobody was authenticated: add an auth plugin to the route")


def _milliseconds(entry: Entry) -> int:
    found = entry.get("started_at")
    if isinstance(found, int | Decimal) and not isinstance(found, bool):
        return int(found)
    raise UnreadableError("started_at", "send the time in milliseconds since 1970")


def _path(entry: Entry) -> str | None:
    return made.without_query(_object(entry, "request").get("uri"))


def _shown(name: str, value: object) -> object:
    return value if name.lower() in _HARMLESS else REDACTED


def _object(holder: Entry, name: str) -> Entry:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(holder: Entry, part: str, field: str) -> str | None:
    found = _object(holder, part).get(field)
    return found if isinstance(found, str) and found else None
