"""Files of usage: lines of events and rows of CSV, however they are written."""

import gzip
import io
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering import files
from billing.metering.decode import MAX_EVENT_BYTES
from billing.metering.facts import Fact, Rejection
from billing.metering.files import Columns, Opened, Record, shard
from ledger.errors import InvalidInputError

EVENT = b'{"id": "1", "source": "s", "type": "t", "subject": "ann", "data": {"n": 1}}'
COLUMNS = Columns(
    named={"id": "request", "time": "at", "subject": "who"},
    fixed={"source": "file", "type": "call"},
    data={"tokens": "n"},
)


def sent_of(text, columns=None):
    """Read what a file of this text says."""
    content = text if isinstance(text, bytes) else text.encode()
    return [record.read() for record in files.read(io.BytesIO(content), columns)]


def test_blank_lines_count_but_say_nothing():
    first, second = sent_of(EVENT + b"\r\n\r\n  \n" + EVENT)

    assert (first.index, second.index) == (1, 4)


def test_a_byte_order_mark_is_no_part_of_the_first_event():
    [fact] = sent_of(b"\xef\xbb\xbf" + EVENT)

    assert fact.external_id == "1"


def test_a_line_without_end_is_refused_and_the_next_one_taken():
    long, fact = sent_of(b"x" * (3 * MAX_EVENT_BYTES) + b"\n" + EVENT)

    assert (long.reason, long.index) == ("too_large", 1)
    assert (fact.external_id, fact.index) == ("1", 2)


def test_a_row_becomes_an_event():
    [fact] = sent_of("request,at,who,n\nr1,2025-06-15T12:00:00Z,ann,12\n", COLUMNS)

    assert isinstance(fact, Fact)
    assert (fact.external_id, fact.source, fact.type, fact.subject) == ("r1", "file", "call", "ann")
    assert fact.occurred_at == datetime(2025, 6, 15, 12, tzinfo=UTC)
    assert fact.data == {"tokens": "12"}


def test_rows_without_an_id_are_numbered():
    columns = Columns(fixed={"source": "f", "type": "t", "subject": "s"})

    facts = sent_of("n\n1\n\n2\n", columns)

    assert [(fact.external_id, fact.index) for fact in facts] == [("1", 2), ("2", 4)]


def test_columns_that_no_attribute_uses_are_the_data():
    columns = Columns(named={"subject": "who"}, fixed={"source": "f", "type": "t"})

    [fact] = sent_of("who,model,n\nann,gpt,3\n", columns)

    assert fact.data == {"model": "gpt", "n": "3"}


def test_an_empty_cell_says_nothing():
    columns = Columns(named={"subject": "who", "time": "at"}, fixed={"source": "f", "type": "t"})

    [fact] = sent_of("who,at,n\nann,,\n", columns)

    assert (fact.occurred_at, fact.data) == (None, {})


def test_quotes_line_breaks_and_marks_of_other_systems_are_read():
    text = '\ufeffrequest,at,who,n\r\n"a ""b""\nc",2025-06-15T12:00Z,"ann, eve",1\r\n'

    [fact] = sent_of(text, COLUMNS)

    assert (fact.external_id, fact.subject) == ('a "b"\nc', "ann, eve")


@pytest.mark.parametrize(
    ("written", "form", "zone", "expected"),
    [
        ("2023-11-16 18:17:03.9799600", "", "UTC", datetime(2023, 11, 16, 18, 17, 3, 979960)),
        ("2025-06-15 12:00", "", "Europe/Berlin", datetime(2025, 6, 15, 10)),
        ("15/06/2025 12.30", "%d/%m/%Y %H.%M", "UTC", datetime(2025, 6, 15, 12, 30)),
        ("1750000000.25", "unix", "Europe/Berlin", datetime(2025, 6, 15, 15, 6, 40, 250000)),
        ("1750000000250", "unix_ms", "UTC", datetime(2025, 6, 15, 15, 6, 40, 250000)),
    ],
)
def test_times_are_read_as_they_are_written(written, form, zone, expected):
    columns = Columns(
        named={"time": "at"},
        fixed={"source": "f", "type": "t", "subject": "s"},
        time_format=form,
        zone=ZoneInfo(zone),
    )

    [fact] = sent_of(f"at\n{written}\n", columns)

    assert fact.occurred_at == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("r1,yesterday,ann,1", "time cannot be read"),
        ("r1,2025-06-15T12:00Z,ann", "3 columns, the header 4"),
        ("r1,2025-06-15T12:00Z,ann,1,2", "5 columns, the header 4"),
        ('r1,2025-06-15T12:00Z,"ann"x,1', "not a row of CSV"),
        (f"r1,2025-06-15T12:00Z,{'a' * (MAX_EVENT_BYTES + 1)},1", "longer than"),
        (b"r1,2025-06-15T12:00Z,\xff\xfe,1", "not"),
        (b"r1,2025-06-15T12:00Z,a\0n,1", "null"),
        ("r1,2025-06-15T12:00Z,,1", "subject"),
    ],
)
def test_a_bad_row_is_refused_and_the_next_one_taken(row, problem):
    text = row if isinstance(row, bytes) else row.encode()
    good = b"r2,2025-06-15T12:00Z,ann,1"

    bad, fact = sent_of(b"request,at,who,n\n" + text + b"\n" + good + b"\n", COLUMNS)

    assert isinstance(bad, Rejection)
    assert (bad.index, fact.index) == (2, 3)
    assert problem in bad.detail
    assert bad.raw
    assert fact.external_id == "r2"


def test_a_quote_that_never_ends_is_told_where_it_began():
    text = "request,at,who,n\n" + '"oops,2025-06-15T12:00Z,ann,1\n' + "x,y,z,1\n" * 100_000

    first, *_ = sent_of(text, COLUMNS)

    assert (first.index, len(first.raw)) == (2, MAX_EVENT_BYTES)
    assert "longer than" in first.detail


@pytest.mark.parametrize("header", ["request,at,who", "request,at,who,n,n", ""])
def test_a_header_without_the_columns_is_refused(header):
    with pytest.raises(InvalidInputError):
        sent_of(f"{header}\n", COLUMNS)


def test_gzip_is_told_by_its_content(tmp_path):
    path = tmp_path / "events"
    path.write_bytes(gzip.compress(EVENT + b"\n" + EVENT))

    opened = Opened(path)
    records = list(files.events(opened.content))
    opened.close()

    assert len(records) == 2
    assert opened.bytes == path.stat().st_size


@given(st.text(min_size=1), st.integers(2, 5))
def test_one_subject_is_always_in_one_shard(subject, shards):
    places = {
        shard(Record(line, json.dumps({"subject": subject, "n": line}).encode()), shards)
        for line in range(3)
    }

    assert len(places) == 1
    assert places <= set(range(shards))


@pytest.mark.parametrize("raw", [b"", b"[1]", b"\xff", b'{"subject": 3}', b"[" * 100_000])
def test_what_has_no_subject_has_a_shard_too(raw):
    assert shard(Record(1, raw), 4) == 0
