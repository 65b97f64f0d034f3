"""Fingerprints see what is moved; digests see everything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.moves import (
    Move,
    Posting,
    digest,
    entry_line,
    fingerprint,
    header_line,
    microseconds,
    seal_hash,
)

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
POSTING = Posting(
    book_id=1,
    kind="usage",
    key="usage:1",
    effective_at=NOON,
    moves=(Move(2, 3, Decimal("1.50")), Move(4, 5, Decimal(7), source_id=9)),
)


def header(posting: Posting = POSTING, **changes: object) -> str:
    facts = {
        "transaction_id": 65536,
        "fingerprint": b"\x01",
        "posted_at": NOON,
        "period_id": 3,
        "entry_count": 2,
    }
    return header_line(posting=posting, **{**facts, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"effective_at": NOON + timedelta(days=1)},
        {"memo": "again"},
        {"cause": "retry"},
        {"key": "other"},
        {"moves": [move._replace(effective_at=NOON) for move in POSTING.moves]},
        {"moves": [Move(2, 3, Decimal("1.5")), Move(4, 5, Decimal("7.000"), source_id=9)]},
    ],
)
def test_a_retry_has_the_same_fingerprint(change):
    assert fingerprint(replace(POSTING, **change)) == fingerprint(POSTING)


@pytest.mark.parametrize(
    "change",
    [
        {"book_id": 2},
        {"kind": "grant"},
        {"reverses_id": 1},
        {"moves": POSTING.moves[:1]},
        {"moves": POSTING.moves[::-1]},
        {"moves": [POSTING.moves[0].mirror(), POSTING.moves[1]]},
        {"moves": [POSTING.moves[0], POSTING.moves[1]._replace(source_id=None)]},
        {"moves": [POSTING.moves[0], POSTING.moves[1]._replace(amount=Decimal("7.01"))]},
    ],
)
def test_another_content_has_another_fingerprint(change):
    assert fingerprint(replace(POSTING, **change)) != fingerprint(POSTING)


@pytest.mark.parametrize(
    "change",
    [
        {"book_id": 2},
        {"kind": "grant"},
        {"key": "usage:2"},
        {"effective_at": NOON + timedelta(microseconds=1)},
        {"memo": "m"},
        {"cause": "c"},
        {"metadata": {"a": 1}},
        {"reverses_id": 65536},
        {"evidence": b"e"},
    ],
)
def test_the_header_sees_each_field_of_a_posting(change):
    assert header(replace(POSTING, **change)) != header()


@pytest.mark.parametrize(
    "change",
    [
        {"transaction_id": 131072},
        {"fingerprint": b"\x02"},
        {"posted_at": NOON + timedelta(microseconds=1)},
        {"period_id": 4},
        {"entry_count": 3},
    ],
)
def test_the_header_sees_what_posting_adds(change):
    assert header(**change) != header()


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_can_pretend_to_be_another_field(memo, cause, other_memo, other_cause):
    one = header(replace(POSTING, memo=memo, cause=cause))
    two = header(replace(POSTING, memo=other_memo, cause=other_cause))

    assert (one == two) == ((memo, cause) == (other_memo, other_cause))
    assert one.count("|") == 13
    assert "\n" not in one


def test_a_digest_sees_header_lines_and_their_order():
    lines = [entry_line(65537, 2, 3, "1.5", 0, None), entry_line(65538, 4, 5, "7", 0, 9)]
    whole = digest(header(), lines)

    assert len(whole) == 32
    assert digest(header(), iter(lines)) == whole
    assert digest(header(entry_count=3), lines) != whole
    assert digest(header(), lines[::-1]) != whole
    assert digest(header(), lines[:1]) != whole


def test_a_seal_sees_its_predecessor_and_each_member():
    members = [(65536, b"a" * 32), (131072, b"b" * 32)]
    whole = seal_hash(2, b"p", members)

    assert seal_hash(2, b"p", iter(members)) == whole
    assert seal_hash(3, b"p", members) != whole
    assert seal_hash(2, b"q", members) != whole
    assert seal_hash(2, b"p", members[:1]) != whole
    assert seal_hash(2, b"p", members[::-1]) != whole


@given(
    st.datetimes(
        datetime(1900, 1, 1),
        datetime(2200, 1, 1),
        timezones=st.timezones(),
        allow_imaginary=False,
    )
)
def test_microseconds_are_exact(instant):
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(instant)) == (
        instant.astimezone(UTC)
    )


def test_a_move_mirrors_into_what_undoes_it():
    move = Move(debit=2, credit=3, amount=Decimal(1), effective_at=NOON, source_id=4)

    assert move.mirror() == Move(3, 2, Decimal(1), NOON, 4)
    assert move.mirror().mirror() == move
