"""Events from bytes: each part of what was sent is read, or refused, by itself."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering import decode
from billing.metering.facts import Fact, Rejection

WHOLE = (
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u",'
    b'"time":"2025-06-15T12:00:00Z","datacontenttype":"application/json","data":{"n":1}}'
)


def with_data(data):
    return WHOLE.replace(b'{"n":1}', data)


def shown(sent):
    return [one.external_id if isinstance(one, Fact) else one.reason for one in sent]


def test_an_event_is_read_with_all_it_says():
    fact = decode.structured(WHOLE)

    assert isinstance(fact, Fact)
    assert (fact.external_id, fact.source, fact.type, fact.subject) == ("1", "s", "t", "u")
    assert fact.occurred_at == datetime(2025, 6, 15, 12, tzinfo=UTC)
    assert (fact.data, fact.data_json, fact.raw) == ({"n": 1}, '{"n":1}', WHOLE)


def test_only_what_is_needed_must_be_there():
    fact = decode.structured(b'{"id":"1","source":"s","type":"t","subject":"u"}')

    assert (fact.occurred_at, fact.data, fact.data_json) == (None, {}, "{}")


@pytest.mark.parametrize("name", ["id", "source", "type", "subject"])
@pytest.mark.parametrize("wrong", [b'""', b"null", b"1", b"[]"])
def test_attributes_are_texts_that_say_something(name, wrong):
    written = {"id": b'"1"', "source": b'"s"', "type": b'"t"', "subject": b'"u"'}
    key = name.encode()

    refused = decode.structured(
        WHOLE.replace(b'"%s":%s' % (key, written[name]), b'"%s":%s' % (key, wrong))
    )

    assert (refused.reason, refused.field) == ("invalid_event", name)


@pytest.mark.parametrize("name", ["id", "source", "type", "subject"])
def test_missing_attributes_are_named(name):
    refused = decode.structured(WHOLE.replace(b'"%s"' % name.encode(), b'"other"'))

    assert (refused.reason, refused.field) == ("invalid_event", name)


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("2025-06-15T14:00:00+02:00", datetime(2025, 6, 15, 12, tzinfo=UTC)),
        ("2025-06-15t12:00:00.5z", datetime(2025, 6, 15, 12, 0, 0, 500_000, tzinfo=UTC)),
        (
            "2025-06-15T12:00:00.1234567-05:45",
            datetime(
                2025,
                6,
                15,
                12,
                0,
                0,
                123_457,
                tzinfo=timezone(-timedelta(hours=5, minutes=45)),
            ),
        ),
        ("2025-06-15T12:00:00", None),
        ("2025-06-15", None),
        ("2025-13-01T00:00:00Z", None),
        ("2025-06-15T23:59:60Z", None),
        ("1750000000", None),
        ("", None),
    ],
)
def test_times_are_rfc_3339_with_their_offset(time, read):
    sent = decode.structured(WHOLE.replace(b"2025-06-15T12:00:00Z", time.encode()))

    if read is None:
        assert (sent.reason, sent.field) == ("invalid_event", "time")
    else:
        assert sent.occurred_at == read


def test_numbers_are_kept_exactly():
    fact = decode.structured(with_data(b'{"a":0.10,"b":1e2,"c":12345678901234567890123,"d":-0.0}'))

    assert [str(value) for value in fact.data.values()] == [
        "0.10",
        "1E+2",
        "12345678901234567890123",
        "-0.0",
    ]
    assert type(fact.data["a"]) is Decimal


@pytest.mark.parametrize(
    "number", [b"1e1001", b"1e-1001", b"1e99999999999999999999", b"0." + b"1" * 400]
)
def test_numbers_that_nothing_can_hold_are_refused(number):
    refused = decode.structured(with_data(b'{"n":%s}' % number))

    assert (refused.reason, refused.field) == ("invalid_event", "data")


def test_a_part_that_is_no_json_does_not_spoil_the_batch():
    parts = [WHOLE, with_data(b'{"n":NaN}'), with_data(b'{"n":"\\ud800"}'), b"", b'{"a":"]"', WHOLE]

    assert shown(decode.batch(b"[" + b",".join(parts[:4] + parts[5:]) + b"]")) == [
        "1",
        "malformed",
        "malformed",
        "malformed",
        "1",
    ]


@pytest.mark.parametrize(
    "text", [b'"a]b,c{"', b'"\\"],["', b'"\\\\"', '"é]"'.encode(), b'"\\u005d,"']
)
def test_brackets_and_commas_within_texts_do_not_cut(text):
    odd = with_data(b'{"n":1,"x":%s}' % text)

    assert shown(decode.batch(b"[" + odd + b",NaN," + odd + b"]")) == ["1", "malformed", "1"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"]", b"[}", b'["', b"[]]", b"[[]", b"[] []"])
def test_what_is_no_array_is_refused_whole(body):
    assert shown(decode.batch(body)) == ["malformed"]


@given(st.lists(st.sampled_from([WHOLE, b"NaN", b"7", b'"x"', b"[1,{}]"]), max_size=8))
def test_arrays_are_cut_where_json_would_cut_them(parts):
    expected = [
        "1" if p == WHOLE else "malformed" if p == b"NaN" else "invalid_event" for p in parts
    ]

    assert shown(decode.batch(b"[" + b" , ".join(parts) + b"]")) == expected


def test_a_very_long_array_is_not_told_apart_to_its_end():
    sent = list(decode.batch(b"[" + b"1," * 2_000_000 + b"1]"))

    assert len(sent) == decode.MAX_BATCH + 1


def test_lines_are_read_one_by_one_and_blank_ones_only_counted():
    sent = list(decode.lines([WHOLE + b"\r\n", b"\n", b"  \n", b"{\n", WHOLE], first=10))

    assert [(one.index, isinstance(one, Fact)) for one in sent] == [
        (10, True),
        (13, False),
        (14, True),
    ]


@pytest.mark.parametrize(("depth", "is_read"), [(98, True), (99, False), (5000, False)])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"x":', b"}")])
def test_depth_is_bounded(depth, is_read, opening, closing):
    deep = with_data(b'{"x":' + opening * depth + b"1" + closing * depth + b"}")

    assert isinstance(decode.structured(deep), Fact) is is_read


def test_brackets_within_texts_are_not_deep():
    assert isinstance(decode.structured(with_data(b'{"x":"' + b"[" * 500 + b'"}')), Fact)


def test_size_is_bounded():
    refused = decode.structured(with_data(b'{"x":"' + b"x" * decode.MAX_EVENT_BYTES + b'"}'))

    assert isinstance(refused, Rejection)
    assert (refused.reason, len(refused.raw)) == ("too_large", decode.MAX_EVENT_BYTES)


def test_subject_is_no_longer_than_what_can_be_mapped():
    assert isinstance(decode.structured(WHOLE.replace(b'"u"', b'"%s"' % (b"u" * 255))), Fact)
    refused = decode.structured(WHOLE.replace(b'"u"', b'"%s"' % (b"u" * 256)))
    assert (refused.reason, refused.field) == ("invalid_event", "subject")


BINARY = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-subject": "u"}


def test_binary_mode_reads_what_structured_mode_would():
    fact = decode.binary(
        BINARY | {"ce-time": "2025-06-15T12:00:00Z", "content-type": "application/json"},
        b'{"n":1}',
    )

    assert (fact.external_id, fact.data) == ("1", {"n": 1})
    assert decode.structured(fact.raw).content() == fact.content()


def test_binary_event_may_have_no_data():
    assert decode.binary(BINARY | {"content-type": "text/plain"}, b"").data == {}


def test_same_content_has_one_hash_and_names_are_told_apart():
    fact = decode.structured(WHOLE)
    keys = {
        decode.structured(
            WHOLE.replace(b'"source":"s"', b'"source":%s' % source).replace(
                b'"id":"1"', b'"id":%s' % name
            )
        ).key(book)
        for source, name in [(b'"s"', b'"1"'), (b'"s1"', b'"1"'), (b'"s"', b'"11"')]
        for book in (1, 2)
    }

    assert fact.key(1) == decode.structured(WHOLE).key(1)
    assert len(keys) == 6
