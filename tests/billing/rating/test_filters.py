"""Filters of features say which usage is meant, and what is wrong with them."""

import pytest

from billing.rating import filters
from billing.rating.filters import Filter

NAMES = ["model", "region"]


@pytest.mark.parametrize(
    ("condition", "fitting"),
    [
        ({"exists": True}, {"gpt-5", "gpt-5-mini", "claude", ""}),
        ({"exists": False}, {None}),
        ({"eq": "gpt-5"}, {"gpt-5"}),
        ({"neq": "gpt-5"}, {"gpt-5-mini", "claude", "", None}),
        ({"in": ["gpt-5", "claude"]}, {"gpt-5", "claude"}),
        ({"nin": ["gpt-5", "claude"]}, {"gpt-5-mini", "", None}),
        ({"contains": "gpt"}, {"gpt-5", "gpt-5-mini"}),
        ({"ncontains": "gpt"}, {"claude", "", None}),
        ({"and": [{"contains": "gpt"}, {"neq": "gpt-5"}]}, {"gpt-5-mini"}),
        ({"or": [{"eq": "claude"}, {"and": [{"exists": False}]}]}, {"claude", None}),
    ],
)
def test_each_condition_fits_what_it_says(condition, fitting):
    asked = Filter({"model": condition}, NAMES)
    values = ["gpt-5", "gpt-5-mini", "claude", "", None]

    assert {value for value in values if asked.fits((value, "us"))} == fitting


def test_every_dimension_must_fit():
    asked = Filter({"region": {"eq": "eu"}, "model": {"eq": "gpt-5"}}, NAMES)

    assert asked.fits(("gpt-5", "eu"))
    assert not asked.fits(("gpt-5", "us"))
    assert not asked.fits(("claude", "eu"))
    assert asked.dimensions == 2


def test_no_filter_needs_no_asking():
    assert filters.compiled({}, NAMES) is None


def nested(depth):
    return {"eq": "x"} if depth == 0 else {"and": [nested(depth - 1)]}


@pytest.mark.parametrize(
    ("document", "code", "field"),
    [
        ([], "not_an_object", "filters"),
        ({"modle": {"eq": "x"}}, "unknown_dimension", "filters.modle"),
        ({"model": "x"}, "not_one_condition", "filters.model"),
        ({"model": {}}, "not_one_condition", "filters.model"),
        ({"model": {"eq": "x", "neq": "y"}}, "not_one_condition", "filters.model"),
        ({"model": {"like": "x"}}, "unknown_condition", "filters.model.like"),
        ({"model": {"exists": 1}}, "not_a_boolean", "filters.model.exists"),
        ({"model": {"eq": 5}}, "not_a_text", "filters.model.eq"),
        ({"model": {"in": []}}, "not_a_list", "filters.model.in"),
        ({"model": {"in": ["x", None]}}, "not_a_text", "filters.model.in[1]"),
        ({"model": {"nin": ["x"] * 101}}, "not_a_list", "filters.model.nin"),
        ({"model": {"or": "x"}}, "not_a_list", "filters.model.or"),
        ({"model": {"or": [{"eq": "x"}, {}]}}, "not_one_condition", "filters.model.or[1]"),
        ({"model": nested(5)}, "too_deep", "filters.model.and[0].and[0].and[0].and[0].and"),
    ],
)
def test_what_is_wrong_is_named(document, code, field):
    [found] = filters.problems(document, dimensions=NAMES)

    assert (found.code, found.field) == (code, field)


def test_all_problems_are_named_at_once():
    document = {f"d{place}": {"eq": 1} for place in range(11)}

    codes = [found.code for found in filters.problems(document, dimensions=NAMES)]

    assert codes == ["too_many", *["unknown_dimension", "not_a_text"] * 11]


def test_sound_filters_have_no_problems():
    document = {"model": nested(4), "region": {"nin": ["eu"]}}

    assert filters.problems(document, dimensions=NAMES) == []
