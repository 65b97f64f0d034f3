"""``manage.py simulate``"""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing import catalogue
from tests import factories
from tests.billing.plans import offers
from tests.billing.plans.offers import card, fee, phase, plan
from tests.billing.scene import START, event

JUNE = ("--from", "2025-06-01", "--to", "2025-07-01")


@pytest.fixture
def used(scene):
    meter = scene.meter("sum", price="1")
    offers.feature(scene.book, "tokens", meter=meter)
    scene.send(event(10), event("2.5"))
    return scene


@pytest.fixture
def price(tmp_path):
    path = tmp_path / "price.json"
    path.write_text('{"price": {"type": "unit", "amount": "2"}, "currency": "USD"}')
    return str(path)


def run(*arguments: str) -> str:
    written = StringIO()
    call_command("simulate", *arguments, stdout=written)
    return written.getvalue()


def test_a_plan_is_shown_as_a_table(used):
    document = plan(phase("main", fee(amount="20"), card(price={"type": "unit", "amount": "3"})))
    offers.publish(used.book, document, START)
    shown = run(*JUNE, "--plan", "pro:1:main")

    assert "What if, in USD" in shown
    [row] = [line for line in shown.splitlines() if "tokens" in line]
    assert [part.strip() for part in row.strip("│ ").split("│")] == [
        used.customer.key, "tokens", "12.5 thing", "12.50", "37.50", "25.00",
    ]  # fmt: skip
    [total] = [line for line in shown.splitlines() if "all 1" in line]
    assert [part.strip() for part in total.strip("│ ").split("│")][-3:] == [
        "12.50",
        "57.50",
        "45.00",
    ]


def test_a_price_is_written_as_json_lines(used, price):
    row, totals = map(
        json.loads, run(*JUNE, "--price", price, "--meter", "sum", "--json").split("\n")[:2]
    )

    assert (row["customer"], row["feature"], row["simulated"], row["difference"]) == (
        used.customer.key,
        "sum",
        "25",
        "12.5",
    )
    assert totals["totals"] == {
        "currency": "USD",
        "customers": 1,
        "posted": "12.5",
        "simulated": "25",
        "difference": "12.5",
        "not_compared": "0",
        "leaves_out": ["addons", "coupons", "contracts", "overrides"],
    }


def test_a_price_list_without_a_price_says_what_it_left_out(used):
    catalogue.create_rate_card(book=used.book, key="empty", asset=used.dollars, at=START)
    shown = run(*JUNE, "--price-list", "empty")

    assert "no price" in shown
    assert "Posted for what has no price there: 12.50" in shown


def test_long_tables_are_cut_and_summed_up(used, price):
    for number in range(60):
        child = factories.customer(book=used.book)
        catalogue.map_subject(book=used.book, key=f"s{number}", customer=child, at=START)
        used.send(event(1, subject=f"s{number}"))
    shown = run(*JUNE, "--price", price, "--meter", "sum")

    assert "… 11 more" in shown
    assert "all 61" in shown


def test_days_begin_in_the_books_time_zone_and_customers_can_be_named(used, price):
    child = used.child("below")
    used.send(event(4, subject="below"))
    named = ("--from", "2025-06-01T00:00:00Z", "--to", "2025-07-01", "--customer", child.key)
    row, _ = run(*named, "--price", price, "--feature", "tokens", "--json").split("\n")[:2]

    assert json.loads(row)["simulated"] == "8"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*JUNE, "--plan", "none"], "there are: none yet"),
        ([*JUNE, "--plan", "pro:x"], "write KEY, KEY:VERSION or KEY:VERSION:PHASE"),
        ([*JUNE, "--price-list", "none"], "there are: list"),
        ([*JUNE, "--price", "missing.json"], "missing.json"),
        ([*JUNE, "--price-list", "list", "--customer", "none"], "There is no customer 'none'"),
        (["--from", "2025-07-01", "--to", "2025-06-01", "--price-list", "list"], "it starts"),
        (["--from", "June", "--to", "2025-06-01", "--price-list", "list"], "write a day"),
        (["--from", "2025-02-30", "--to", "2025-06-01", "--price-list", "list"], "2025-02-30"),
        ([*JUNE], "one of the arguments"),
    ],
)
def test_what_cannot_be_is_refused(used, arguments, said):
    with pytest.raises(CommandError, match=said):
        run(*arguments)
