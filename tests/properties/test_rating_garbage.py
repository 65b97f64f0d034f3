"""Whatever is sent as terms or as a case, it is answered: by a document or by its problems."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating import terms
from billing.rating.preview import preview, previews
from billing.rating.problems import InvalidTermsError
from tests.properties.rating_terms import terms as valid_terms

NAMES = """
    price type amount tiers up_to_amount unit_price flat_price rate rates match dimensions
    default multiplier basis fixed_fee free_events free_amount minimum_per_event
    maximum_per_event quantity_per_package unit_config operation conversion_factor rounding
    precision display_unit discounts percentage usage commitments minimum_amount maximum_amount
    currency quantity prior_quantity events prior_events value cost ends_period
""".split()  # noqa: SIM905
WORDS = """
    free flat unit graduated volume package dynamic percentage graduated_percentage rate_table
    divide multiply ceiling none cost amount USD 0 1 -1 0.5 1e5 NaN 99999999999999999999
""".split()  # noqa: SIM905
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
garbage = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=15,
)


@st.composite
def spoiled(draw):
    """Draw a valid case with one part replaced by anything."""
    case = draw(valid_terms()) | {"currency": "USD", "quantity": "10"}
    case = json.loads(json.dumps(case))
    at = case
    while True:
        name = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[name], dict | list) or not at[name] or draw(st.booleans()):
            break
        at = at[name]
    at[name] = draw(garbage)
    return case


def answered(case):
    answer = preview(case)
    if "errors" in answer:
        assert answer["errors"]
        assert all(error["code"] and error["detail"] for error in answer["errors"])
    else:
        total = sum(Decimal(line["amount"]) for line in answer["lines"])
        assert Decimal(answer["total"]) == total
    json.dumps(answer)


@given(garbage)
def test_anything_is_answered(case):
    answered(case)


@given(spoiled())
@settings(max_examples=400)
def test_a_case_with_one_spoiled_part_is_answered(case):
    answered(case)


@given(spoiled())
@settings(max_examples=200)
def test_terms_parse_exactly_when_they_have_no_problems(case):
    document = {name: case[name] for name in case if name not in {"currency", "quantity"}}
    found = terms.problems(document, scale=2)
    if not found:
        terms.parse(document, scale=2)
        return
    with pytest.raises(InvalidTermsError) as refused:
        terms.parse(document, scale=2)
    assert list(refused.value.problems) == found


@pytest.mark.parametrize(
    "written",
    [
        b'{"currency": "USD", "quantity": 1, "price": {"type": "free", "\\ud800": 1}}',
        b'{"currency": "USD", "quantity": 1e999999999999999999999, "price": {"type": "free"}}',
        b'{"currency": "USD", "quantity": 1e999999, "price": {"type": "free"}}',
        b'{"currency": "USD", "quantity": 1000000000000000000000000000000, "price": {}}',
        b'{"currency": "USD", "quantity": "1", "price": ' + b"[" * 900 + b"]" * 900 + b"}",
        b"[" * 100_000,
        b"\xff\xfe",
        b"1",
        b"[1]",
        b"null",
    ],
)
def test_what_no_case_can_be_is_answered(written):
    [answer] = previews([written]).splitlines()

    assert json.loads(answer)["errors"]


@given(st.lists(st.binary(max_size=30) | garbage.map(lambda case: repr(case).encode())))
def test_any_bytes_are_answered_line_by_line(written):
    answers = previews(written).splitlines()

    assert len(answers) == len(written)
    assert all(json.loads(answer)["errors"] for answer in answers)
