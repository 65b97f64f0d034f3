"""Lines of access logs in JSON, as nginx and Envoy write them, as usage (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from billing.metering import paths
from billing.metering.facts import Sent, in_shape
from billing.metering.files import Record
from integrations.sources import made
from integrations.sources.made import UnreadableError

NGINX: Final = {
    "id": "request_id",
    "time": "time_iso8601",
    "subject": "http_x_consumer_username",
    "method": "request_method",
    "path": "uri",
    "status": "status",
    "bytes_in": "request_length",
    "bytes_out": "body_bytes_sent",
    "seconds": "request_time",
}
ENVOY: Final = {
    "id": "x_request_id",
    "time": "start_time",
    "subject": "consumer",
    "method": "method",
    "path": "path",
    "status": "response_code",
    "bytes_in": "bytes_received",
    "bytes_out": "bytes_sent",
    "milliseconds": "duration",
}
SERVERS: Final = {"nginx": NGINX, "envoy": ENVOY}
ATTRIBUTES: Final = ("id", "time", "subject")
SHAPE: Final = "access-log"

_NOTHING: Final = frozenset({None, "", "-"})  # how servers write that there is none
_line: Final = msgspec.json.Decoder(dict[str, Any], float_hook=paths.decimal)
_written: Final = msgspec.json.Encoder(decimal_format="number")
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """
    How lines become events: ``members`` says where an attribute or a member of the data stands.

    A dotted name is a member of a member, unless a line has one of that very name.
    """

    source: str
    members: Mapping[str, str]
    instant: Callable[[str], str]
    kind: str = made.REQUEST

    def event(self, record: Record) -> Record:
        """Return a line as the event that it tells, or as why it tells none."""
        try:
            line = _line.decode(record.raw)
        except _UNREADABLE as error:
            kept = f"line {record.line} of {self.source}, {len(record.raw)} bytes".encode()
            return Record(record.line, kept, f"not a JSON object: {error}")
        said = {name: _found(line, place) for name, place in self.members.items()}
        if "path" in said:
            said["path"] = made.without_query(said["path"])
        try:
            return Record(record.line, _written.encode(self._event(said)))
        except UnreadableError as error:
            read = {"source": self.source, "type": self.kind, "line": said}
            kept = _written.encode(in_shape(SHAPE, read))
            return Record(record.line, kept, f"{error.field}: {error.detail}")

    def _event(self, said: Mapping[str, Any]) -> dict[str, Any]:
        for name in ATTRIBUTES:
            if said.get(name) is None:
                place = self.members.get(name, "")
                raise UnreadableError(name, f"the line has no {place!r}: log it, or map {name}")
        try:
            at = self.instant(str(said["time"]))
        except (ValueError, OverflowError, ArithmeticError) as error:
            raise UnreadableError("time", str(error)) from None
        data = {name: value for name, value in said.items() if name not in ATTRIBUTES}
        return {
            "specversion": "1.0",
            "id": str(said["id"]),
            "source": self.source,
            "type": self.kind,
            "subject": str(said["subject"]),
            "time": at,
            "data": made.told(**data),
        }


def again(kept: object) -> Iterator[Sent]:
    """Read what was kept of a line, perhaps mended: its time as CloudEvents write one."""
    read = kept if isinstance(kept, Mapping) else {}
    line = read.get("line")
    said = line if isinstance(line, Mapping) else {}
    reader = Reader(
        source=str(read.get("source", "")),
        members={name: name for name in (*ATTRIBUTES, *said)},
        instant=str,
        kind=str(read.get("type", "")),
    )
    yield reader.event(Record(0, _written.encode(said))).read()


def _found(line: Mapping[str, Any], place: str) -> Any:
    """
    Return what stands at a place.

    >>> _found({"a": {"b": 1}}, "a.b"), _found({"a.b": 2}, "a.b"), _found({"a": "-"}, "a")
    (1, 2, None)
    """
    found: Any = line.get(place)
    if place not in line:
        found = line
        for name in place.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    is_nothing = isinstance(found, str | None) and found in _NOTHING
    return None if is_nothing or isinstance(found, dict | list) else found
