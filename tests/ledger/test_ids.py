"""Ids say when they were given, and lines belong to their head."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.ids import EPOCH, LINES, first_id_at, head_of, instant_of, is_house

instants = st.datetimes(datetime(2025, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


@given(instants, st.integers(0, 63), st.integers(0, LINES - 1))
def test_every_line_of_a_millisecond_lies_between_its_first_id_and_the_next(at, sequence, line):
    first = first_id_at(at)
    row = first | sequence << 16 | line

    assert first <= row < first_id_at(at + timedelta(milliseconds=1))
    assert row < 2**63
    assert timedelta(0) <= at - instant_of(row) < timedelta(milliseconds=1)
    assert head_of(row) == first | sequence << 16


def test_before_the_epoch_every_id_is_later():
    assert first_id_at(EPOCH - timedelta(days=365)) == 0


def test_house_accounts_lie_below_two_to_the_forty():
    assert is_house(2**40 - 1)
    assert not is_house(2**40)
