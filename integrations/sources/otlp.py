"""
Spans of GenAI calls, as OTLP/HTTP carries them, as usage (pure).

They are read as JSON says them; ``otlp_protobuf`` makes the same of protobuf.

A call that several instrumentations trace has one ``gen_ai.response.id``, and counts once. Spans of
agents and workflows repeat what their calls of models took, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from billing.metering.facts import Sent
from integrations.sources import made
from integrations.sources.made import UnreadableError
from integrations.sources.tokens import of_opentelemetry
from ledger.errors import InvalidInputError

SOURCE: Final = "otlp"
SUBJECTS: Final = ("meterbook.subject", "user.id", "enduser.id")
_OPERATIONS: Final = frozenset({"chat", "text_completion", "generate_content", "embeddings", ""})
_USAGE: Final = "gen_ai.usage."
_NAMES: Final = ("traceId", "spanId")
_TIMES: Final = ("endTimeUnixNano", "startTimeUnixNano")

Node = Mapping[str, Any]


def spans(sent: object) -> Iterator[dict[str, Any]]:
    """
    Return the spans of calls of models, each as its attributes, those of its resource below them.

    Raises:
        InvalidInputError: it is no request of traces.
    """
    if not isinstance(sent, Mapping) or not isinstance(sent.get("resourceSpans", []), list):
        remedy = "send an ExportTraceServiceRequest: {'resourceSpans': […]}"
        raise InvalidInputError(field="resourceSpans", value=type(sent).__name__, remedy=remedy)
    for resource in _nodes(sent, "resourceSpans"):
        common = _attributes(resource.get("resource"))
        for scope in _nodes(resource, "scopeSpans"):
            for span in _nodes(scope, "spans"):
                own = _attributes(span)
                if _is_call(own):
                    yield {**span, "attributes": own, "resource": common}


def events(index: int, span: Node) -> Iterator[Sent]:
    """Return the tokens of a span, an event of each kind; or why it has none that count."""
    return made.attempted(
        index, lambda: _events(index, span), shape=SOURCE, kept=lambda: _kept(span)
    )


def again(kept: object) -> Iterator[Sent]:
    """Read what was kept of a span, perhaps mended, as if it had been sent."""
    span = kept if isinstance(kept, Mapping) else {}
    parts = {name: span.get(name) for name in ("attributes", "resource")}
    read = {name: part if isinstance(part, Mapping) else {} for name, part in parts.items()}
    return events(0, {**span, **read})


def _events(index: int, span: Node) -> Iterator[Sent]:
    own = span["attributes"]
    model = own.get("gen_ai.response.model") or own.get("gen_ai.request.model")
    provider = own.get("gen_ai.provider.name") or own.get("gen_ai.system")
    return made.of_tokens(
        index,
        source=SOURCE,
        call=_call(span),
        subject=_subject(span),
        at=_at(span),
        tokens=of_opentelemetry(own),
        about=made.told(
            model=model,
            provider=provider,
            operation=own.get("gen_ai.operation.name"),
            service=span["resource"].get("service.name"),
        ),
    )


def _is_call(attributes: Node) -> bool:
    operation = attributes.get("gen_ai.operation.name", "")
    return operation in _OPERATIONS and any(name.startswith(_USAGE) for name in attributes)


def _call(span: Node) -> str:
    if found := span["attributes"].get("gen_ai.response.id"):
        return str(found)
    if span.get("traceId") and span.get("spanId"):
        return f"{span['traceId']}/{span['spanId']}".lower()
    raise UnreadableError("spanId", "without traceId and spanId a call could count twice")


def _subject(span: Node) -> str:
    for attributes in (span["attributes"], span["resource"]):
        for name in SUBJECTS:
            if isinstance(found := attributes.get(name), str) and found:
                return found
    raise UnreadableError("attributes", f"set one of {', '.join(SUBJECTS)}, to say who pays")


def _at(span: Node) -> str:
    told = (str(span.get(name) or "") for name in _TIMES)
    written = next((text for text in told if text.strip("0")), "")
    if written.isascii() and written.isdigit() and len(written) < 30:  # noqa: PLR2004 - any time
        return made.instant(int(written) // 1000)
    raise UnreadableError("endTimeUnixNano", "send the time in nanoseconds since 1970")


def _kept(span: Node) -> dict[str, Any]:
    """Return what may be kept of a span: what was said to a model, and by it, is left out."""
    names = ("gen_ai.operation", "gen_ai.provider", "gen_ai.system", "gen_ai.request.model")
    kept = (*names, "gen_ai.response.id", "gen_ai.response.model", _USAGE, *SUBJECTS)
    own = {name: value for name, value in span["attributes"].items() if name.startswith(kept)}
    common = {name: span["resource"].get(name) for name in (*SUBJECTS, "service.name")}
    told = {name: span.get(name) for name in (*_NAMES, *_TIMES)}
    return {**made.told(**told), "attributes": own, "resource": made.told(**common)}


def _nodes(holder: Node, name: str) -> list[Node]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _attributes(holder: object) -> dict[str, Any]:
    if not isinstance(holder, Mapping):
        return {}
    return {str(one.get("key")): _value(one.get("value")) for one in _nodes(holder, "attributes")}


def _value(written: object) -> object:
    """
    Return a value as OTLP writes one: whole numbers are texts.

    >>> _value({"intValue": "2095"}), _value({"stringValue": "chat"}), _value({"arrayValue": {}})
    (2095, 'chat', None)
    """
    if not isinstance(written, Mapping):
        return None
    if isinstance(whole := written.get("intValue"), str):
        is_whole = whole.removeprefix("-").isdigit() and len(whole) < 20  # noqa: PLR2004 - 64 bits
        return int(whole) if is_whole else whole
    kinds = ("intValue", "stringValue", "doubleValue", "boolValue")
    return next((written[kind] for kind in kinds if kind in written), None)
