"""Ids say when they were given, and lines belong to their head."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.ids import (
    EPOCH,
    LINES,
    account_number,
    asset_of,
    first_id_at,
    head_of,
    instant_of,
    is_house,
)

instants = st.datetimes(datetime(2025, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


@given(instants, st.integers(0, 63), st.integers(0, LINES - 1))
def test_every_line_of_a_millisecond_lies_between_its_first_id_and_the_next(at, sequence, line):
    first = first_id_at(at)
    row = first | sequence << 14 | line

    assert first <= row < first_id_at(at + timedelta(milliseconds=1))
    assert row < 2**63
    assert timedelta(0) <= at - instant_of(row) < timedelta(milliseconds=1)
    assert head_of(row) == first | sequence << 14


def test_before_the_epoch_every_id_is_later():
    assert first_id_at(EPOCH - timedelta(days=365)) == 0


@given(
    st.booleans(), st.integers(1, 2**14 - 1), st.integers(1, 2**16 - 1), st.integers(1, 2**32 - 1)
)
def test_an_account_number_says_whose_it_is_and_what_it_holds(is_customer, book, asset, serial):
    number = account_number(book_id=book, asset_id=asset, serial=serial, is_customer=is_customer)

    assert 0 < number < 2**63
    assert is_house(number) is not is_customer
    assert asset_of(number) == asset
    assert number >> 48 & 0x3FFF == book
    assert number & 0xFFFFFFFF == serial
