"""The price book in the admin."""

from decimal import Decimal

import pytest

from billing.models import CostPrice, UnknownModel
from tests.factories import NOON
from tests.ledger.admin.browser import Browser

LIST = "billing_costprice_changelist"
PRICES = {
    "input": "1.25",
    "output": "10",
    "effective_from": "2025-06-01T00:00:00",
}


@pytest.fixture
def unknown(dollar_book):
    return UnknownModel.objects.create(
        book=dollar_book,
        provider="in-house",
        model="llama-tuned",
        token_type="input",
        events=3,
        units=Decimal(120),
        first_seen_at=NOON,
        last_seen_at=NOON,
    )


def test_prices_are_found_by_provider_and_model(price_book):
    browser = Browser()

    shown = browser.read(LIST, q="OPENAI gpt-5-nano", origin="system")
    assert "gpt-5-nano" in shown
    assert "0.05 USD" in shown, "per million tokens"
    assert "claude" not in shown
    assert "claude-opus-4-6" in browser.read(LIST, q="claude-opus-4-6")


def test_prices_are_found_by_the_date_they_hold(price_book):
    browser = Browser()
    opus = CostPrice.objects.filter(provider="anthropic", model="claude-opus-4-6")
    before, after = opus.order_by("effective_from")

    def shown(date):
        page = browser.get(LIST, q=f"anthropic claude-opus-4-6 {date}").content.decode()
        return [row.pk for row in (before, after) if f"/costprice/{row.pk}/" in page]

    assert shown("2026-03-12") == [before.pk]
    assert shown("2026-03-13") == [after.pk]
    assert shown("") == [before.pk, after.pk]


@pytest.mark.parametrize(
    ("time", "expected"),
    [("now", ["after"]), ("past", ["before"]), ("coming", []), ("withdrawn", [])],
)
def test_the_list_can_be_narrowed_by_time(price_book, time, expected):
    opus = CostPrice.objects.filter(provider="anthropic", model="claude-opus-4-6")
    before, after = opus.order_by("effective_from")
    page = Browser().get(LIST, q="anthropic claude-opus-4-6", time=time).content.decode()

    rows = {"before": before, "after": after}
    assert [name for name, row in rows.items() if f"/costprice/{row.pk}/" in page] == expected


def test_an_override_is_added_per_million_and_withdrawn(dollar_book):
    browser = Browser()
    values = PRICES | {"book": dollar_book.pk, "provider": "openai", "model_id": "gpt-5"}
    browser.do("billing_costprice_add", values=values)
    made = CostPrice.objects.get()

    assert (made.book, made.currency, made.source) == (dollar_book, "USD", "manual")
    assert (made.input_per_token, made.output_per_token) == (
        Decimal("0.00000125"),
        Decimal("0.00001"),
    )
    assert made.cache_read_per_token is None
    assert "1.25 USD" in browser.read("billing_costprice_change", made.pk)
    browser.do("billing_costprice_remove", made.pk)
    made.refresh_from_db()
    assert made.removed_at is not None
    assert not browser.offers("remove", "billing_costprice_change", made.pk)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"effective_to": "2025-06-01T00:00:00"}, "name a time after effective_from"),
        ({"input": "0.0000001"}, "no more than 6 decimal places"),
        ({"output": "-1"}, "greater than or equal to 0"),
        ({"provider": ""}, "This field is required"),
    ],
)
def test_an_override_that_cannot_be_is_shown_as_it_was_filled_in(dollar_book, wrong, said):
    values = PRICES | {"book": dollar_book.pk, "provider": "openai", "model_id": "gpt-5"} | wrong
    page = Browser().do("billing_costprice_add", values=values, status=200).content.decode()

    assert said in page
    assert not CostPrice.objects.exists()


def test_published_prices_cannot_be_withdrawn(price_book):
    listed = CostPrice.objects.filter(book=None).earliest("pk")
    browser = Browser()

    assert not browser.offers("remove", "billing_costprice_change", listed.pk)
    browser.do("billing_costprice_remove", listed.pk, status=403)


def test_an_unknown_model_is_given_a_price_from_the_list(unknown):
    browser = Browser()
    assert (
        f"/unknownmodel/{unknown.pk}/price/"
        in browser.get("billing_unknownmodel_changelist").content.decode()
    )
    form = browser.get("billing_unknownmodel_price", unknown.pk).content.decode()
    assert 'value="llama-tuned"' in form
    assert 'value="2025-06-15T12:00:00"' in form

    values = PRICES | {"provider": "in-house", "model_id": "llama-tuned"}
    browser.do("billing_unknownmodel_price", unknown.pk, values=values)
    made = CostPrice.objects.get()
    assert (made.book, str(made)) == (unknown.book, "in-house/llama-tuned")


def test_an_auditor_looks_and_finance_changes(unknown):
    auditor, finance = Browser(role="Auditor"), Browser(role="Finance operations")

    assert "llama-tuned" in auditor.read("billing_unknownmodel_changelist")
    auditor.get("billing_unknownmodel_price", unknown.pk, status=403)
    auditor.get("billing_costprice_add", status=403)
    assert finance.get("billing_unknownmodel_price", unknown.pk).status_code == 200
    assert finance.get("billing_costprice_add").status_code == 200
