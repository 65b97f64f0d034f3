"""
Usage from files: lines of CloudEvents, or CSV whose columns are named; plain or gzip.

Everything becomes records, the JSON of one event each, to be decoded as if it had been sent. What
cannot be read becomes a record that says why. Nothing is kept in memory but the record at hand.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from billing.metering import decode
from billing.metering.facts import Rejection, Sent
from ledger.errors import InvalidInputError

MALFORMED: Final = "malformed"
UNIX: Final = "unix"
UNIX_MS: Final = "unix_ms"

_LONGEST: Final = decode.MAX_EVENT_BYTES
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ATTRIBUTES: Final = ("id", "source", "type", "subject", "time")


class Record(NamedTuple):
    """One event of a file as JSON, and where it stands; ``problem`` says why it cannot be one."""

    line: int  # the first is 1
    raw: bytes
    problem: str = ""

    def read(self) -> Sent:
        """Decode the event; its index is its line."""
        if self.problem:
            return Rejection(self.line, MALFORMED, self.problem, "", self.raw)
        return decode.one(self.raw, self.line)


class _Envelope(msgspec.Struct):
    subject: str = ""


_subject: Final = msgspec.json.Decoder(_Envelope)


def shard(record: Record, shards: int) -> int:
    """Choose one of so many shards by the record's subject; one subject is always in one shard."""
    try:
        subject = _subject.decode(record.raw).subject
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    return zlib.crc32(subject.encode()) % shards


class Content(Protocol):
    """Bytes that are read by lines."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line, or as much of it."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class Opened:
    """A file that is being read, plain or gzip (told by its first bytes), and how far it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = path.stat().st_size
        self._raw = path.open("rb")
        is_gzip = self._raw.read(2) == _GZIP
        self._raw.seek(0)
        self.content: Content = self._raw
        if is_gzip:
            self.content = gzip.GzipFile(fileobj=self._raw)

    @property
    def done(self) -> int:
        """How many of the file's bytes have been read."""
        return min(self._raw.tell(), self.bytes)

    def close(self) -> None:
        """Let the file go."""
        self.content.close()
        self._raw.close()


def events(content: Content) -> Iterator[Record]:
    """
    Read newline-delimited events; blank lines say nothing.

    Raises:
        EOFError, OSError, zlib.error: a gzip file that ends early or is damaged.
    """
    for number, line in _lines(content):
        said = (line.removeprefix(_BOM) if number == 1 else line).strip()
        if said:
            yield Record(number, said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """
    How rows of a CSV file become events.

    ``named`` gives the column of an attribute, ``fixed`` its value where no column has it. Without
    an id, the number of the row is one. ``data`` gives the column of each member of the data;
    without any, the columns that no attribute uses are the data, under their own names.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    time_format: str = ""  # strptime's, unix or unix_ms; none: ISO 8601
    zone: tzinfo = UTC  # of times that name none
    delimiter: str = ","

    def placed(self, header: list[str]) -> _Placed:
        """
        Find the columns in a file's header.

        Raises:
            InvalidInputError: a column is not there, or named twice.
        """
        wanted = {*self.named.values(), *self.data.values()}
        for name in sorted(wanted):
            if header.count(name) != 1:
                known = ", ".join(header[:50])
                remedy = f"name one column of the file: {known}"
                raise InvalidInputError(field="column", value=name, remedy=remedy)
        data = dict(self.data)
        if not data:
            used = set(self.named.values())
            data = {name: name for name in header if name and name not in used}
        return _Placed(
            columns=self,
            width=len(header),
            attributes={name: header.index(column) for name, column in self.named.items()},
            data={name: header.index(column) for name, column in data.items()},
            instant=reader_of_times(self.time_format, self.zone),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """Where a file has its columns."""

    columns: Columns
    width: int
    attributes: dict[str, int]
    data: dict[str, int]
    instant: Callable[[str], str]

    def record(self, line: int, row: int, cells: list[str]) -> Record:
        if len(cells) != self.width:
            problem = f"the row has {len(cells)} columns, the header {self.width}"
            return Record(line, _written(cells), problem)
        event: dict[str, object] = {"specversion": "1.0", "id": str(row), **self.columns.fixed}
        for name, place in self.attributes.items():
            if cells[place]:
                event[name] = cells[place]
        if "time" in self.attributes and "time" in event:
            try:
                event["time"] = self.instant(cells[self.attributes["time"]])
            except (ValueError, OverflowError, ArithmeticError) as error:
                return Record(line, _written(cells), f"time cannot be read: {error}")
        event["data"] = {name: cells[place] for name, place in self.data.items() if cells[place]}
        return Record(line, _written(event))


def rows(content: Content, columns: Columns) -> Iterator[Record]:
    """
    Read a CSV file with a header as events.

    Values stay text, as which meters take numbers too; an empty cell says nothing.

    Raises:
        InvalidInputError: there is no header, or a column is not in it.
        EOFError, OSError, zlib.error: a gzip file that ends early or is damaged.
    """
    csv.field_size_limit(_LONGEST)
    pieces = _Pieces(_lines(content))
    reader = csv.reader(pieces, strict=True, delimiter=columns.delimiter)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise InvalidInputError(
            field="file", value="", remedy=f"mend its header: {error}"
        ) from None
    if not header:
        raise InvalidInputError(field="file", value="", remedy="begin it with a header")
    placed = columns.placed([name.strip() for name in header])
    row = 0
    while True:
        pieces.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            row += 1
            yield Record(pieces.first, pieces.taken(), f"not a row of CSV: {error}")
            continue
        if cells is None:
            return
        if cells:
            row += 1
            yield placed.record(pieces.first, row, cells)


class _Pieces:
    """Lines of a CSV file as text, which remembers those of the row at hand."""

    def __init__(self, lines: Iterator[tuple[int, bytes]]) -> None:
        self._lines = lines
        self._held: list[bytes] = []
        self._size = 0
        self._last = 0
        self.first = 1

    def begin(self) -> None:
        """Start a row."""
        self._held, self._size, self.first = [], 0, self._last + 1

    def taken(self) -> bytes:
        """Return what was read of the row, cut where it grows too long."""
        return b"".join(self._held)[:_LONGEST]

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> str:
        self._last, line = next(self._lines)
        if self._last == 1:
            line = line.removeprefix(_BOM)
        self._held.append(line)
        self._size += len(line)
        if self._size > _LONGEST:
            raise csv.Error(f"longer than {_LONGEST} bytes")
        return line.decode("utf-8", "surrogateescape")


def _lines(content: Content) -> Iterator[tuple[int, bytes]]:
    """Number the lines; of one that is too long its beginning, a little longer than is allowed."""
    number = 0
    while line := content.readline(_LONGEST + 2):
        number += 1
        yield number, line
        while not line.endswith(b"\n") and (line := content.readline(_LONGEST)):
            pass


def reader_of_times(form: str, zone: tzinfo) -> Callable[[str], str]:
    """Return what reads a time and writes it as ISO 8601: its argument as ``form`` writes times."""

    def iso(written: str) -> str:
        return _aware(datetime.fromisoformat(written.strip()), zone).isoformat()

    def by_format(written: str) -> str:
        return _aware(datetime.strptime(written.strip(), form), zone).isoformat()  # noqa: DTZ007

    def seconds(written: str) -> str:
        return (_EPOCH + timedelta(microseconds=_micros(written, 6))).isoformat()

    def milliseconds(written: str) -> str:
        return (_EPOCH + timedelta(microseconds=_micros(written, 3))).isoformat()

    return {"": iso, UNIX: seconds, UNIX_MS: milliseconds}.get(form, by_format)


def _micros(written: str, places: int) -> int:
    whole, _, part = written.strip().partition(".")
    if not (whole.isascii() and whole.isdigit() and (not part or part.isdigit())):
        raise ValueError(f"{written!r} is not a number of seconds")
    return int(whole + (part + "000000")[:places])


def _aware(at: datetime, zone: tzinfo) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _written(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # bytes that are no UTF-8: the decoder says so
        return json.dumps(value).encode()


def read(content: Content, columns: Columns | None) -> Iterator[Record]:
    """Read events, or rows if there are columns."""
    return events(content) if columns is None else rows(content, columns)


def chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Group records."""
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
