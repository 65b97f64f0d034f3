"""Taking published prices into the price book."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.costs import price_list, published
from billing.costs.published import BEGINNING, Model, Price
from billing.metering import snapshot
from billing.models import CostPrice
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)


def price(amount: str, starts_at: datetime = BEGINNING) -> Price:
    return Price(starts_at=starts_at, prices={"input": Decimal(amount), "output": Decimal(9)})


def model(*prices: Price, name: str = "m") -> Model:
    return Model(
        provider="acme", provider_name="ACME", model=name, model_name="", prices=tuple(prices)
    )


@pytest.fixture
def refresh(db):
    """Return a function that takes a list of models, and counts (added, changed, unchanged)."""

    def take(*models: Model, at: datetime = NOON, release: str = "1"):
        found = price_list.refresh(at=at, models=models, release=release)
        return found.added, found.changed, found.unchanged

    return take


def timeline() -> list[tuple[datetime, datetime | None, int]]:
    rows = CostPrice.objects.filter(removed_at=None).order_by("effective_from")
    return [(row.effective_from, row.effective_to, int(row.input_per_token)) for row in rows]


def version() -> int:
    return snapshot.current(factories.book().pk).version


def test_the_installed_list_is_taken_once(db):
    first = price_list.refresh(at=NOON)
    before = version()
    again = price_list.refresh(at=NOON + DAY)

    assert (first.changed, first.unchanged) == (0, 0)
    assert first.added > 2_000
    assert (again.added, again.changed, again.unchanged) == (0, 0, first.added)
    assert version() == before, "what changes nothing must not have every process read again"
    rows = CostPrice.objects.all()
    assert {row.release for row in rows} == {published.release()}
    assert rows.count() > first.added, "dated prices have a row for each date"
    assert not rows.exclude(source="system", book=None, currency="USD").exists()


def test_prices_are_per_token_exactly_and_dated(db):
    price_list.refresh(at=datetime(2026, 11, 1, tzinfo=UTC))

    opus = CostPrice.objects.filter(provider="anthropic", model="claude-opus-4-6")
    before, after = opus.order_by("effective_from")
    assert (before.input_per_token, before.output_per_token) == (
        Decimal("0.000005"),
        Decimal("0.000025"),
    )
    assert before.cache_read_per_token == Decimal("0.0000005")
    assert before.cache_write_per_token == Decimal("0.00000625")
    assert before.note == "differs for long contexts; the base price is kept"
    assert before.effective_from == BEGINNING
    assert before.effective_to == after.effective_from == datetime(2026, 3, 13, tzinfo=UTC)
    assert (after.effective_to, after.note) == (None, "")


def test_hours_of_the_day_are_noted_and_the_base_price_kept(db):
    price_list.refresh(at=NOON)

    row = CostPrice.objects.get(provider="deepseek", model="deepseek-reasoner")
    assert row.input_per_token == Decimal("0.000000135")
    assert "hours of the day" in row.note


def test_no_price_is_finer_than_amounts_are(db):
    price_list.refresh(at=NOON)

    row = CostPrice.objects.filter(note__contains="rounded to 12 places").first()
    assert row is not None
    for row in CostPrice.objects.all():
        for amount in (row.input_per_token, row.output_per_token, row.cache_write_per_token):
            assert amount is None or amount == round(amount, 12)


def test_a_change_holds_from_the_refresh_on(refresh):
    assert refresh(model(price("1"))) == (1, 0, 0)
    assert refresh(model(price("2")), at=NOON + DAY, release="2") == (0, 1, 0)
    assert refresh(model(price("2")), at=NOON + 2 * DAY, release="2") == (0, 0, 1)

    assert timeline() == [(BEGINNING, NOON + DAY, 1), (NOON + DAY, None, 2)]
    assert [row.release for row in CostPrice.objects.order_by("effective_from")] == ["1", "2"]


def test_a_dated_change_holds_from_its_date_on(refresh):
    refresh(model(price("1")))
    listed = model(price("1"), price("2", NOON - DAY), price("3", NOON + 5 * DAY))

    assert refresh(listed, at=NOON + DAY) == (0, 1, 0)
    assert refresh(listed, at=NOON + 9 * DAY) == (0, 0, 1)
    assert timeline() == [
        (BEGINNING, NOON - DAY, 1),
        (NOON - DAY, NOON + 5 * DAY, 2),
        (NOON + 5 * DAY, None, 3),
    ]


def test_an_announcement_that_is_taken_back_is_withdrawn(refresh):
    refresh(model(price("1"), price("2", NOON + DAY)))

    assert refresh(model(price("1")), release="2") == (0, 1, 0)
    assert timeline() == [(BEGINNING, None, 1)]
    assert CostPrice.objects.get(effective_from=NOON + DAY).removed_at == NOON


def test_an_announcement_may_change_its_price(refresh):
    refresh(model(price("1"), price("2", NOON + DAY)))
    refresh(model(price("1"), price("3", NOON + DAY)), release="2")

    assert timeline() == [(BEGINNING, NOON + DAY, 1), (NOON + DAY, None, 3)]


def test_two_lists_at_one_instant_leave_the_second(refresh):
    refresh(model(price("1")))
    refresh(model(price("2")), at=NOON + DAY)
    refresh(model(price("3")), at=NOON + DAY)

    assert timeline() == [(BEGINNING, NOON + DAY, 1), (NOON + DAY, None, 3)]


def test_a_model_that_leaves_the_list_keeps_its_prices(refresh):
    refresh(model(price("1")), model(price("5"), name="other"))

    assert refresh(model(price("1"))) == (0, 0, 1)
    assert timeline() == [(BEGINNING, None, 1), (BEGINNING, None, 5)]


def test_a_name_is_no_price(refresh):
    refresh(model(price("1")))

    assert refresh(replace(model(price("1")), model_name="Model M")) == (0, 0, 1)


def test_the_progress_is_told(db):
    told = []
    price_list.refresh(at=NOON, models=[model(price("1"))], release="1", advance=told.append)

    assert told == [1]
