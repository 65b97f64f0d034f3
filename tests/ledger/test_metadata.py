"""Metadata has one text; what PostgreSQL could not hold is refused."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInputError
from ledger.metadata import canonical

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=5))
def test_the_text_reads_back_as_the_same_and_ignores_order(metadata):
    written = canonical(metadata)

    assert json.loads(written) == metadata
    assert canonical(dict(reversed(metadata.items()))) == written


def test_shorter_keys_come_first_counted_in_bytes():
    assert canonical({"aaa": 1, "é": 2, "b": 3}) == '{"b": 3, "é": 2, "aaa": 1}'


def test_nothing_is_an_empty_object():
    assert canonical(None) == canonical({}) == "{}"


def test_numbers_are_plain():
    assert canonical({"n": [1e16, 1e-7, -0.0, 1.5, 10**30, Decimal("1.50")]}) == (
        '{"n": [10000000000000000, 0.0000001, 0.0, 1.5, 1000000000000000000000000000000, 1.50]}'
    )


@pytest.mark.parametrize(
    "refused",
    [float("nan"), float("inf"), Decimal("1e9999"), "\0", "\ud800", object(), {1: 2}, b"x"],
    ids=["nan", "infinity", "too large", "null", "surrogate", "object", "number as key", "bytes"],
)
def test_what_json_in_the_database_cannot_hold_is_refused(refused):
    with pytest.raises(InvalidInputError, match="metadata"):
        canonical({"value": refused})


def test_metadata_nested_without_end_is_refused():
    endless: dict[str, object] = {}
    endless["self"] = endless

    with pytest.raises(InvalidInputError, match="nest"):
        canonical(endless)
