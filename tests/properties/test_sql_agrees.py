"""PostgreSQL writes amounts, metadata and digests exactly as the pure core does."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from ledger.metadata import canonical
from ledger.money import text
from ledger.moves import Move, Posting, digest, entry_line, fingerprint, header_line, microseconds

pytestmark = pytest.mark.django_db
database = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)

amounts = st.decimals(
    min_value=Decimal("-1e25"), max_value=Decimal("1e25"), places=12, allow_nan=False
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(texts, values, max_size=5)

ENTRY = """concat_ws('|', %s::bigint, %s::bigint, %s::bigint, trim_scale(%s::numeric(38,12))::text,
    (extract(epoch from %s::timestamptz) * 1000000)::bigint, coalesce(%s::bigint::text, ''))"""
HEX = "encode(convert_to(%s::text, 'UTF8'), 'hex')"
HEADER = f"""concat_ws('|', %s::bigint, %s::bigint, {HEX}, {HEX}, encode(%s::bytea, 'hex'),
    (extract(epoch from %s::timestamptz) * 1000000)::bigint,
    (extract(epoch from %s::timestamptz) * 1000000)::bigint,
    %s::bigint, coalesce(%s::bigint::text, ''), %s::int, {HEX}, {HEX},
    encode(convert_to(%s::jsonb::text, 'UTF8'), 'hex'), encode(coalesce(%s::bytea, ''), 'hex'))"""


def answer(sql: str, *parameters: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", parameters)
        return cursor.fetchone()[0]


@database
@given(st.lists(amounts, min_size=1, max_size=50))
def test_amounts(drawn):
    written = answer(
        "array(SELECT trim_scale(amount)::text FROM unnest(%s::numeric[]) AS amount)", drawn
    )

    assert written == [text(amount) for amount in drawn]


@database
@given(objects)
def test_metadata(metadata):
    assert answer("%s::jsonb::text", Jsonb(metadata)) == canonical(metadata)


@database
@given(
    st.tuples(texts, texts, texts, texts),
    instants,
    instants,
    objects,
    st.none() | st.binary(max_size=40),
    st.none() | st.integers(1, 2**62),
    st.lists(
        st.builds(
            Move,
            st.integers(1, 2**41),
            st.integers(1, 2**41),
            amounts.filter(bool).map(abs),
            instants,
            st.none() | st.integers(1, 2**62),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_digests(free, effective_at, posted_at, metadata, evidence, reverses_id, moves):
    kind, key, cause, memo = free
    posting = Posting(
        book_id=3,
        kind=kind,
        key=key,
        effective_at=effective_at,
        moves=moves,
        memo=memo,
        cause=cause,
        metadata=metadata,
        reverses_id=reverses_id,
        evidence=evidence,
    )
    print_ = fingerprint(posting)
    header = header_line(
        transaction_id=65536,
        posting=posting,
        fingerprint=print_,
        posted_at=posted_at,
        period_id=5,
        entry_count=len(moves),
    )
    lines = [
        entry_line(number, *move[:2], text(move.amount), microseconds(move.effective_at), move[4])
        for number, move in enumerate(moves, 65537)
    ]

    lines_in_sql = [answer(ENTRY, number, *move) for number, move in enumerate(moves, 65537)]
    header_in_sql = answer(
        HEADER, 65536, 3, kind, key, print_, effective_at, posted_at, 5, reverses_id,
        len(moves), cause, memo, Jsonb(metadata), evidence,
    )  # fmt: skip
    whole = "\n".join([header_in_sql, *lines_in_sql])

    assert lines_in_sql == lines
    assert header_in_sql == header
    assert bytes(answer("sha256(convert_to(%s, 'UTF8'))", whole)) == digest(header, lines)
    assert hashlib.sha256(whole.encode()).digest() == digest(header, lines)
