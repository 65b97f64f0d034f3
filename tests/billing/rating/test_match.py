"""The most specific rate in force prices a usage."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating import match
from billing.rating.match import Dated, Rates
from billing.rating.unit import Unit

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
METER, NAMES = 7, ("model", "token")
PRICE = Unit(unit_price=Decimal(1))


def rate(id: int, days: int = 0, meter_id: int = METER, **dimensions: str) -> Dated:  # noqa: A002
    return Dated(
        id=id,
        meter_id=meter_id,
        price=PRICE,
        effective_from=NOON + timedelta(days=days),
        match=dimensions,
    )


def found(rates: list[Dated], *labels: str | None, at: datetime = NOON) -> int | None:
    chosen = Rates(rates, {METER: NAMES}).find(METER, labels, at)
    return chosen.id if chosen else None


def test_more_dimensions_win_over_a_later_date():
    rates = [
        rate(1, days=-9, model="a", token="in"),
        rate(2, days=-1, model="a"),
        rate(3, days=0),
    ]

    assert found(rates, "a", "in") == 1
    assert found(rates, "a", "out") == 2
    assert found(rates, "b", "in") == 3


def test_of_equal_dimensions_the_rate_in_force_last_wins():
    rates = [rate(1, days=-2), rate(9, days=-5), rate(3, days=1)]

    assert found(rates, "a", "in") == 1
    assert found(rates, "a", "in", at=NOON + timedelta(days=1)) == 3
    assert found(rates, "a", "in", at=NOON - timedelta(days=3)) == 9


def test_of_rates_from_one_instant_the_one_written_last_wins():
    assert found([rate(2), rate(5), rate(4)], "a", "in") == 5


def test_a_rate_is_in_force_from_its_first_instant():
    assert found([rate(1)], "a", "in") == 1
    assert found([rate(1)], "a", "in", at=NOON - timedelta(microseconds=1)) is None


def test_a_missing_label_fits_only_rates_that_do_not_ask_for_it():
    rates = [rate(1, model="a"), rate(2)]

    assert found(rates, None, None) == 2


def test_a_rate_for_a_dimension_the_meter_lacks_fits_nothing():
    assert found([rate(1, region="eu")], "a", "in") is None


def test_a_meter_is_priced_by_its_own_rates():
    rates = Rates([rate(1, meter_id=8)], {METER: NAMES, 8: ()})

    assert rates.find(METER, ("a", "in"), NOON) is None
    assert rates.find(8, (), NOON).id == 1
    assert rates.find(99, (), NOON) is None


def test_labels_without_end_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(match, "_KEPT", 10)
    rates = Rates([rate(1, model="7"), rate(2)], {METER: NAMES})

    chosen = [rates.find(METER, (str(number), None), NOON).id for number in range(100)]

    assert len(rates._fitting) <= 10
    assert chosen == [1 if number == 7 else 2 for number in range(100)]


labels = st.sampled_from(["a", "b", None])


@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3),
            st.dictionaries(st.sampled_from([*NAMES, "region"]), st.sampled_from("ab")),
        ),
        max_size=8,
    ),
    st.lists(st.tuples(labels, labels, st.integers(-4, 4)), max_size=8),
)
def test_the_index_finds_what_a_search_of_all_rates_finds(drawn, usages):
    rates = [rate(number, days, **asked) for number, (days, asked) in enumerate(drawn)]
    index = Rates(rates, {METER: NAMES})
    for model, token, days in usages:
        at, held = NOON + timedelta(days=days), {"model": model, "token": token}
        fitting = [
            each
            for each in rates
            if each.effective_from <= at
            and all(held.get(name) == value for name, value in each.match.items())
        ]
        best = max(fitting, key=lambda r: (len(r.match), r.effective_from, r.id), default=None)

        assert index.find(METER, (model, token), at) is best


def test_labels_must_be_those_of_the_meter():
    with pytest.raises(ValueError, match="shorter"):
        found([rate(1)], "a")
