"""Features and tax codes by forms: filters as rows, a unit cost by choice."""

import pytest

from billing.models import Feature, TaxCode
from tests import factories
from tests.billing.plans import offers
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def book():
    return factories.book()


@pytest.fixture
def meter(book):
    return offers.meter(book)


def wanted(book, meter, **others):
    return {"book": book.pk, "key": "tokens", "name": "Tokens", "meter": meter.pk, **others}


def test_a_feature_filters_by_rows_and_costs_what_the_price_book_says(book, meter):
    values = wanted(
        book, meter, cost_type="llm", provider="openai", model_property="model",
        token_type_property="token",
        **{
            "filters-0-dimension": "model", "filters-0-operator": "in",
            "filters-0-value": "gpt-5, gpt-5-mini",
            "filters-4-dimension": "provider", "filters-4-operator": "absent",
            "filters-5-dimension": "", "filters-5-operator": "eq", "filters-5-value": "",
        },
    )  # fmt: skip
    browser = Browser()

    browser.do("billing_feature_add", values=values)

    feature = Feature.objects.get()
    assert feature.filters == {
        "model": {"in": ["gpt-5", "gpt-5-mini"]},
        "provider": {"exists": False},
    }
    assert feature.unit_cost == {
        "type": "llm", "provider": "openai", "model_property": "model",
        "token_type_property": "token",
    }  # fmt: skip
    said = browser.read("billing_feature_changelist")
    assert "model is one of gpt-5, gpt-5-mini; provider is not there" in said
    assert "price book: provider openai, model by model, token type by token" in said


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"key": "with space"}, "key"),
        ({"filters-0-dimension": "colour", "filters-0-value": "x"}, "filters"),
        ({"filters-0-value": "x"}, "filters"),
        (
            {
                "filters-0-dimension": "model",
                "filters-0-value": "a",
                "filters-1-dimension": "model",
                "filters-1-value": "b",
            },
            "filters",
        ),
        ({"cost_type": "manual"}, "cost_amount"),
        ({"cost_type": "manual", "cost_amount": "-1"}, "cost_amount"),
        ({"cost_type": "llm"}, "provider"),
        ({"meter": "", "cost_type": "manual", "cost_amount": "1"}, "cost_type"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(book, meter, wrong, field):
    page = Browser().do("billing_feature_add", values={**wanted(book, meter), **wrong}, status=200)

    assert field in page.context["form"].errors
    assert not Feature.objects.exists()


def test_a_wrong_dimension_is_marked_in_its_row(book, meter):
    rows = {"filters-0-dimension": "model", "filters-0-value": "a",
            "filters-1-dimension": "colour", "filters-1-value": "b"}  # fmt: skip

    page = Browser().do("billing_feature_add", values=wanted(book, meter, **rows), status=200)

    assert set(page.context["form"].fields["filters"].widget.problems) == {(1, "dimension")}


def test_a_feature_is_changed_and_archived(book, meter):
    feature = offers.feature(
        book, meter=meter, unit_cost={"type": "manual", "amount": "2"}, description="Old"
    )
    browser = Browser()
    form = browser.get("billing_feature_edit", feature.pk).context["form"]
    assert (form["cost_type"].value(), form["cost_amount"].value()) == ("manual", "2")

    browser.do("billing_feature_edit", feature.pk, values={"name": EVIL, "description": ""})
    browser.do("billing_feature_archive", feature.pk)

    feature.refresh_from_db()
    assert (feature.name, feature.description, feature.unit_cost) == (EVIL, "", None)
    assert feature.archived_at is not None
    for page in ("billing_feature_changelist", "billing_feature_change"):
        shown = browser.get(page, *([feature.pk] if "list" not in page else [])).content
        assert EVIL.encode() not in shown
    browser.do("billing_feature_archive", feature.pk, status=403)


def test_features_are_listed_in_a_fixed_number_of_queries(book, meter):
    browser = Browser()

    def add(count):
        for _ in range(count):
            offers.feature(book, factories.name("feature"), meter=meter)

    add(2)
    few = browser.queries("billing_feature_changelist")
    add(6)

    assert len(browser.queries("billing_feature_changelist")) == len(few) <= 12


def test_changing_needs_the_permission(book, meter):
    feature = offers.feature(book, meter=meter)
    browser = Browser(permissions=["billing.view_feature"])

    assert not browser.offers("edit", "billing_feature_change", feature.pk)
    browser.do("billing_feature_edit", feature.pk, values={"name": "N"}, status=403)
    browser.do("billing_feature_add", values={}, status=403)


def test_a_tax_code_is_added_and_renamed(book):
    browser = Browser()
    values = {"name": "SaaS", "classification": "digital"}
    browser.do("billing_taxcode_add", values={"book": book.pk, "key": "saas"} | values)
    code = TaxCode.objects.get()
    TaxCode.objects.update(metadata={"kept": 1})

    values = {"name": "Software", "description": "D", "classification": "goods"}
    browser.do("billing_taxcode_edit", code.pk, values=values)

    code.refresh_from_db()
    assert (code.name, code.description, code.metadata) == ("Software", "D", {"kept": 1})
    assert code.classification == "goods"
