"""
Who asks for what: read from a call by the options of a face (pure).

Options are written like a query, in the address by which a gateway asks:
``feature=chat&subject=header:X-Consumer-ID&quantity=header:X-Estimated-Tokens``. A value is a text,
or says where in the call it stands; one option given twice takes the first that says something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from billing.entitlements.answers import Ask
from ledger.errors import InvalidInputError

_LABEL: Final = "label."
_READ: Final = ("customer", "subject", "feature", "quantity", "cost")
_AMOUNTS: Final = ("hide", "show")
_KNOWN: Final = (*_READ, f"{_LABEL}<dimension>", "amounts", "key")
_LONGEST_NUMBER: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that a gateway asks about, as far as it tells us."""

    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    consumer: Mapping[str, str] = field(default_factory=dict)  # as Kong knows it


class Source(NamedTuple):
    """Where in a call something stands: of a kind, under a name. No kind: it is the text itself."""

    kind: str
    name: str

    def value(self, call: Call) -> str | None:
        """
        Return what the call says; None if it says nothing.

        >>> call = Call(path="/v1/chat/completions", headers={"x-user": "ann"})
        >>> Source("header", "X-User").value(call), Source("path", "2").value(call)
        ('ann', 'chat')
        >>> Source("path", "2-").value(call), Source("", "chat").value(call)
        ('chat_completions', 'chat')
        """
        match self.kind:
            case "header":
                found = call.headers.get(self.name.lower())
            case "query":
                found = call.query.get(self.name)
            case "consumer":
                found = call.consumer.get(self.name)
            case "path":
                found = _segments(call.path, self.name)
            case _:
                found = self.name
        return found or None


Sources = tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a face reads calls, and what it shows."""

    sources: Mapping[str, Sources]
    labels: Mapping[str, Sources]
    shows_amounts: bool = False  # of money, to whoever calls through the gateway
    key: str = ""  # for gateways that cannot send headers

    def ask(self, call: Call) -> Ask:
        """
        Return the question that a call puts.

        Raises:
            InvalidInputError: the feature is not said where it must stand; a number is none.
        """
        feature = self._of("feature", call)
        if feature is None and self.sources.get("feature"):
            remedy = "say it where the face's option feature looks for it"
            raise InvalidInputError(field="feature", value="", remedy=remedy)
        labels = {name: _first(sources, call) for name, sources in self.labels.items()}
        return Ask(
            customer_key=self._of("customer", call),
            subject=self._of("subject", call),
            feature_key=feature or "",
            quantity=_number("quantity", self._of("quantity", call)),
            cost=_number("cost", self._of("cost", call)),
            labels={name: text for name, text in labels.items() if text is not None},
        )

    def _of(self, name: str, call: Call) -> str | None:
        return _first(self.sources.get(name, ()), call)


@lru_cache(maxsize=1000)
def read_options(text: str, subject: Sources) -> Options:
    """
    Read the options of a face; who calls is found by ``subject`` unless they say it.

    Raises:
        InvalidInputError: an unknown option, or a place that no call has.

    >>> options = read_options("feature=chat&label.model=header:X-Model", ())
    >>> options.ask(Call(headers={"x-model": "gpt-5"})).labels
    {'model': 'gpt-5'}
    """
    sources: dict[str, Sources] = {}
    labels: dict[str, Sources] = {}
    flags = {"amounts": "hide", "key": ""}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name.startswith(_LABEL):
            _add(labels, name.removeprefix(_LABEL), _source(name, value))
        elif name in _READ:
            _add(sources, name, _source(name, value))
        elif name in flags:
            flags[name] = value
        else:
            raise InvalidInputError(
                field=name, value=value, remedy=f"use options among {', '.join(_KNOWN)}"
            )
    if flags["amounts"] not in _AMOUNTS:
        remedy = f"use one of {', '.join(_AMOUNTS)}"
        raise InvalidInputError(field="amounts", value=flags["amounts"], remedy=remedy)
    if not {"customer", "subject"} & sources.keys():
        sources["subject"] = subject
    return Options(
        sources=sources,
        labels=labels,
        shows_amounts=flags["amounts"] == "show",
        key=flags["key"],
    )


def _add(found: dict[str, Sources], name: str, source: Source) -> None:
    found[name] = (*found.get(name, ()), source)


def _source(field: str, text: str) -> Source:
    kind, colon, name = text.partition(":")
    if not colon or kind not in {"header", "query", "path", "consumer"}:
        return Source("", text)
    if not name or (kind == "path" and not _is_range(name)):
        remedy = "write header:<name>, query:<name>, consumer:<field>, path:2 or path:2-3"
        raise InvalidInputError(field=field, value=text, remedy=remedy)
    return Source(kind, name)


def _is_range(text: str) -> bool:
    first, _, last = text.partition("-")
    return first.isascii() and first.isdigit() and int(first) > 0 and _is_end(last)


def _is_end(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())


def _segments(path: str, wanted: str) -> str:
    """Return a part of a path, from one, or several joined by underscores."""
    first, dash, last = wanted.partition("-")
    parts = [part for part in path.split("/") if part]
    end = int(last) if last else len(parts) if dash else int(first)
    return "_".join(parts[int(first) - 1 : end])


def _first(sources: Iterable[Source], call: Call) -> str | None:
    return next((found for source in sources if (found := source.value(call))), None)


def _number(field: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        number = Decimal(text) if len(text) <= _LONGEST_NUMBER else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number < 0:
        remedy = "send a number, zero or more"
        raise InvalidInputError(field=field, value=text, remedy=remedy)
    return number
