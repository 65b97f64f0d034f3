"""Running periods on documents: at a threshold or by dates, tiers going on."""

import pytest

from billing import collection
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import rows, used, with_usage

pytestmark = pytest.mark.django_db


def test_running_periods_are_invoiced_when_spending_comes_to_a_threshold():
    shop = used(30)
    shop.profile(threshold=20)

    [first] = shop.issue("2024-01-15", at="2024-01-15T01:00")
    assert (first.is_progressive, first.due) == (True, 30)

    shop.use(15, "2024-01-20")
    assert shop.draft("2024-01-21").open == []  # not yet

    [last] = shop.issue("2024-02-01")
    assert (last.is_progressive, last.due) == (False, 15)


def test_tiers_go_on_over_the_documents_of_a_period():
    shop = with_usage(
        {
            "type": "graduated",
            "tiers": [
                {"up_to_amount": "10", "unit_price": {"type": "unit", "amount": "1"}},
                {"unit_price": {"type": "unit", "amount": "0.5"}},
            ],
        }
    )
    shop.profile(threshold=5)
    shop.issue("2024-01-01")
    shop.use(8, "2024-01-10")
    [first] = shop.issue("2024-01-11")
    shop.use(8, "2024-01-20")

    [second] = shop.issue("2024-01-21")

    assert (first.due, second.due) == (8, 5)
    [line] = rows(second)
    assert [(one["tier"], one["quantity"]) for one in line.arithmetic] == [(1, "2"), (2, "6")]
    assert line.description == "Calls"  # not late: its period runs


def test_running_periods_are_invoiced_at_dates():
    shop = used(30)
    shop.profile(progressive_cadence="P1W", anchor=on("2024-01-01"))

    [first] = shop.issue("2024-01-15")
    shop.use(5, "2024-01-16")
    again = shop.draft("2024-01-17")
    [second] = shop.issue("2024-01-22")

    assert (first.due, again.open, second.due) == (30, [], 5)


def test_usage_that_may_become_cheaper_waits_for_the_end_of_its_period():
    volume = {
        "type": "volume",
        "tiers": [
            {"up_to_amount": "10", "unit_price": {"type": "unit", "amount": "1"}},
            {"unit_price": {"type": "unit", "amount": "0.1"}},
        ],
    }
    shop = with_usage(volume)
    shop.profile(threshold=5)
    shop.issue("2024-01-01")
    shop.use(8, "2024-01-10")

    assert shop.draft("2024-01-11").open == []


def test_payers_are_found_when_their_running_periods_are_to_be_invoiced():
    shop = used(30)
    found = {"book": shop.book, "until": on("2024-01-15")}
    assert collection.payers_due(**found) == []

    held = shop.profile(threshold=31)
    assert collection.payers_due(**found) == []

    shop.use(1, "2024-01-11")
    assert collection.payers_due(**found) == [shop.payer.pk]
    shop.issue("2024-01-15")
    assert collection.payers_due(**found) == []

    held.effective_to = on("2024-01-15")
    held.save(update_fields=["effective_to"])
    shop.profile(progressive_cadence="P1W", anchor=on("2024-01-01"), version=2)
    shop.use(1, "2024-01-16")
    assert collection.payers_due(**found) == []
    assert collection.payers_due(book=shop.book, until=on("2024-01-22")) == [shop.payer.pk]
