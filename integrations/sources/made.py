"""CloudEvents made of what a source tells: one of a call, one of each kind of its tokens (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from billing.metering import decode
from billing.metering.facts import Rejection, Sent, in_shape
from integrations.sources.tokens import Tokens
from ledger.errors import InvalidInputError

REQUEST: Final = "api.request"
TOKENS: Final = "llm.tokens"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_written: Final = msgspec.json.Encoder(decimal_format="number")


class UnreadableError(Exception):
    """A thing that a source sent says too little to be usage."""

    def __init__(self, field: str, detail: str) -> None:
        """Keep what is missing, and why it matters."""
        super().__init__(detail)
        self.field, self.detail = field, detail


def event(
    index: int,
    *,
    source: str,
    name: str,
    kind: str,
    subject: str,
    at: str,
    data: object,
) -> Sent:
    """Return an event of a kind, under the source's name for it, as if it had been sent as one."""
    said = {
        "specversion": "1.0",
        "id": name,
        "source": source,
        "type": kind,
        "subject": subject,
        "time": at,
        "data": data,
    }
    return decode.one(_written.encode(said), index)


def of_tokens(
    index: int,
    *,
    source: str,
    call: str,
    subject: str,
    at: str,
    tokens: Tokens,
    about: Mapping[str, Any],
) -> Iterator[Sent]:
    """Return an event of each bucket that holds any tokens of a call."""
    for bucket, count in tokens.counted():
        yield event(
            index,
            source=source,
            name=f"{call}/{bucket}",
            kind=TOKENS,
            subject=subject,
            at=at,
            data={"tokens": count, "type": bucket, **about},
        )


def rejection(index: int, error: UnreadableError, kept: object, *, shape: str = "") -> Rejection:
    """
    Return why a thing cannot be taken, with what may be kept of it.

    In a source's shape, its source reads it again when it is replayed.
    """
    raw = _written.encode(in_shape(shape, kept) if shape else kept)[: decode.MAX_EVENT_BYTES]
    return Rejection(index, "invalid_event", error.detail, error.field, raw)


def attempted(
    index: int,
    make: Callable[[], Iterable[Sent]],
    *,
    shape: str,
    kept: Callable[[], object],
) -> Iterator[Sent]:
    """Return the events that a thing makes, all of them; or why it makes none."""
    try:
        found = list(make())
    except UnreadableError as error:
        yield rejection(index, error, kept(), shape=shape)
    except InvalidInputError as error:
        unreadable = UnreadableError(error.field, str(error))
        yield rejection(index, unreadable, kept(), shape=shape)
    else:
        yield from found


def instant(microseconds: int) -> str:
    """
    Return the time so many microseconds after the epoch.

    >>> instant(1_726_783_839_538_000)
    '2024-09-19T22:10:39.538000+00:00'
    """
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:
        raise UnreadableError("time", f"{microseconds} µs is no time: send one") from None


def told(**data: Any) -> dict[str, Any]:
    """Leave out what a source does not say."""
    return {name: value for name, value in data.items() if value not in (None, "")}


def without_query(address: object) -> str | None:
    """
    Return an address without its query, which may hold secrets.

    >>> without_query("/v1/chat?apikey=secret"), without_query(None)
    ('/v1/chat', None)
    """
    return address.partition("?")[0].partition("#")[0] if isinstance(address, str) else None
