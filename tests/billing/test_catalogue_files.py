"""A whole catalogue is written to a file, and read back into another book."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing import catalogue, coupons, features, taxcodes
from billing.models import Coupon, Feature, Meter, Plan, PlanVersion, Rate, TaxCode
from billing.plans import addons, drafting, publishing
from billing.plans.errors import InvalidDraftError
from billing.plans.files import exchange, writing
from billing.plans.files.changes import Action
from ledger import registry
from ledger.models import Book
from tests import factories
from tests.billing.plans import offers
from tests.billing.plans.offers import addon, card, fee, phase, plan
from tests.factories import NOON

DAY = timedelta(days=1)


@pytest.fixture
def book(db):
    return full_book()


@pytest.fixture
def empty(book):
    return factories.book()


def full_book() -> Book:
    """Return a book that has something of everything, some of it archived."""
    dollars = registry.currency(code="USD")
    book = factories.book()
    taxcodes.create(book=book, key="saas", name="Software", at=NOON, metadata={"rate": 0.19})
    meter = offers.meter(book)
    offers.feature(book, "tokens")
    offers.feature(book, "gpt-5", filters={"model": {"eq": "gpt-5"}}, unit_cost=_cost())
    gone = offers.feature(book, "gone", meter=offers.meter(book, "old", aggregation="max"))
    prices = catalogue.create_rate_card(
        book=book, key="list", asset=dollars, at=NOON, is_default=True
    )
    price = {"rate_card": prices, "meter": meter, "effective_from": NOON, "at": NOON}
    catalogue.add_rate(**price, unit_price=Decimal("0.10"), match={"model": "gpt-5"})
    catalogue.add_rate(**price, terms={"price": {"type": "unit", "amount": "0.2"}})
    offers.publish_addon(book, addon(instance_type="multiple"))
    support = offers.publish_addon(book, addon(name="Better", instance_type="multiple"), NOON + DAY)
    tax = {"code": {"key": "saas"}, "behavior": "exclusive"}
    sold = card(tax_config=tax, entitlement={"type": "static", "config": {"most": 1.5}})
    allowed = {"type": "metered", "limit": "100", "preserves_overage": True}
    counted = card("gpt-5", entitlement=allowed)
    first = offers.publish(book, plan(phase("main", sold, counted, fee()), metadata={"tier": 1}))
    addons.attach(
        plan_version=first, addon_version=support, from_plan_phase="main", max_quantity=3, at=NOON
    )
    offers.publish(book, plan(phase("main", card("gone"))), NOON + DAY)
    drafting.next_version(plan=first.plan, at=NOON, document=plan(phase("x", fee(price={}))))
    retired = offers.publish(book, plan(key="retired"))
    publishing.archive_plan(plan=retired.plan, effective_to=NOON + 2 * DAY, at=NOON)
    drafting.create(
        book=book, document=plan(key="own"), customer=factories.customer(book=book), at=NOON
    )
    coupons.create(
        book=book, key="X", name="X", kind="amount", amount=Decimal("5.50"), asset=dollars,
        duration="periods", periods=2, feature_keys=["tokens"], expires_at=NOON + DAY, at=NOON,
        max_redemptions_per_customer=None,
    )  # fmt: skip
    features.archive(feature=gone, at=NOON + DAY)
    catalogue.archive_meter(meter=Meter.objects.get(book=book, key="old"), at=NOON + DAY)
    return book


def _cost() -> dict[str, Any]:
    return {
        "type": "llm",
        "provider_property": "provider",
        "model_property": "model",
        "token_type_property": "token",
    }


def load(book: Book, document: Any, **others: Any) -> list[tuple[str, str, str]]:
    """Import a document, and return what changed."""
    found = exchange.load(book=book, document=document, at=NOON + 9 * DAY, **others)
    return [(str(change.action), change.kind, change.key) for change in found]


def refused(book: Book, document: Any) -> list[tuple[str, str]]:
    """Return why a document is refused: field and code."""
    with pytest.raises(InvalidDraftError) as error:
        load(book, document)
    return [(problem.field, problem.code) for problem in error.value.problems]


@pytest.mark.parametrize("form", writing.FORMATS)
def test_an_empty_book_becomes_the_same(book, empty, form):
    document = exchange.export(book=book)
    text = writing.written(document, form)

    changes = load(empty, writing.read(text))

    assert exchange.export(book=empty) == document
    assert ("create", "plan", "pro v3") in changes
    assert ("publish", "plan", "pro v2") in changes
    assert ("archive", "feature", "gone") in changes
    assert ("archive", "plan", "retired v1") in changes
    assert not Plan.objects.filter(book=empty, key="own").exists()


def test_a_second_import_does_nothing(book, empty):
    document = exchange.export(book=book)

    assert load(book, document) == []
    load(empty, document)
    assert load(empty, writing.read(writing.written(document, "yaml"))) == []


def test_a_dry_run_says_the_same_and_changes_nothing(book, empty):
    document = exchange.export(book=book)

    said = load(empty, document, is_dry_run=True)

    assert exchange.export(book=empty) == {"catalogue": 1}
    assert load(empty, document) == said


def test_what_may_change_is_changed_and_shown(book):
    document = exchange.export(book=book)
    document["meters"][0]["name"] = "Tokens of models"
    document["features"][1]["unit_cost"] = {"type": "manual", "amount": Decimal("0.5")}
    document["tax_codes"][0]["name"] = "Services"
    document["coupons"][0]["max_redemptions"] = 7
    draft = document["plans"][0]["versions"][2]
    draft["phases"][0]["rate_cards"][0]["price"] = {"type": "flat", "amount": "7"}
    draft["addons"][0]["from_plan_phase"] = "x"
    draft["effective_from"] = "2030-01-01T00:00:00Z"
    rate = {"meter": "llm", "unit_price": "0.3", "effective_from": "2030-01-01T00:00:00+01:00"}
    document["price_lists"][0]["rates"].append(rate)

    changes = exchange.load(book=book, document=document, at=NOON)

    shown = {(change.action, change.key): change.fields for change in changes}
    [named] = shown[Action.CHANGE, "llm"]
    assert (named.field, named.before, named.after) == ("name", "", "Tokens of models")
    assert {each.field for each in shown[Action.CHANGE, "pro v3"]} == {
        "phases[0].rate_cards[0].price.type",
        "phases[0].rate_cards[0].price.amount",
        "addons[0].from_plan_phase",
    }
    assert shown[Action.PUBLISH, "pro v3"][0].after == "2030-01-01T00:00:00Z"
    assert shown[Action.CHANGE, "list"][0].field == "rates[2]"
    assert Feature.objects.get(book=book, key="gpt-5").unit_cost["amount"] == "0.5"
    assert TaxCode.objects.get(book=book).name == "Services"
    assert Coupon.objects.get(book=book).max_redemptions == 7
    assert Rate.objects.filter(rate_card__book=book).count() == 3
    assert PlanVersion.objects.get(plan__book=book, plan__key="pro", version=3).effective_from


def test_what_is_there_and_not_in_the_file_stays(book):
    before = exchange.export(book=book)

    assert load(book, {"catalogue": 1}) == []
    assert exchange.export(book=book) == before


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("meters", 0, "aggregation"), "max", "meters[0].aggregation"),
        (("meters", 0, "dimensions"), {}, "meters[0].dimensions.model"),
        (("features", 1, "meter"), "old", "features[1].meter"),
        (("price_lists", 0, "asset"), "EUR", "price_lists[0].asset"),
        (("price_lists", 0, "rates", 0, "unit_price"), 7, "price_lists[0].rates[0].unit_price"),
        (("coupons", 0, "amount"), "6", "coupons[0].amount"),
        (("assets", 1, "scale"), 3, "assets[1].scale"),
        (("plans", 0, "versions", 0, "name"), "Other", "plans[0].versions[0].name"),
        (
            ("plans", 0, "versions", 0, "effective_from"),
            "2030-01-01T00:00:00Z",
            "plans[0].versions[0].effective_from",
        ),
    ],
)
def test_what_is_signed_or_posted_does_not_change(book, path, value, field):
    document = exchange.export(book=book)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert (field, "cannot_change") in refused(book, document)
    assert load(book, exchange.export(book=book)) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], [("", "not_an_object")]),
        ({}, [("catalogue", "unknown_format")]),
        ({"catalogue": 2}, [("catalogue", "unknown_format")]),
        ({"catalogue": 1, "colours": []}, [("colours", "unknown_field")]),
        ({"catalogue": 1, "meters": {}}, [("meters", "not_a_list")]),
        ({"catalogue": 1, "meters": [1]}, [("meters[0]", "not_an_object")]),
        (
            {"catalogue": 1, "tax_codes": [{"key": "a", "name": "A"}, {"key": "a", "name": "B"}]},
            [("tax_codes[1].key", "repeated")],
        ),
        (
            {"catalogue": 1, "tax_codes": [{"key": "a"}], "coupons": [{"periods": "two"}]},
            [
                ("tax_codes[0].name", "required"),
                ("coupons[0].key", "required"),
                ("coupons[0].name", "required"),
                ("coupons[0].kind", "required"),
                ("coupons[0].duration", "required"),
                ("coupons[0].periods", "not_a_count"),
            ],
        ),
        (
            {"catalogue": 1, "plans": [{"key": "p", "versions": [{"version": 2}]}]},
            [
                ("plans[0].versions[0].version", "not_in_order"),
                ("plans[0].versions[0].name", "required"),
                ("plans[0].versions[0].currency", "required"),
                ("plans[0].versions[0].billing_cadence", "required"),
            ],
        ),
        (
            {"catalogue": 1, "features": [{"key": "f", "name": "F", "meter": "none"}]},
            [("features[0].meter", "invalid_input")],
        ),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_by_field(empty, document, expected):
    assert refused(empty, document) == expected
    assert exchange.export(book=empty) == {"catalogue": 1}


def test_rules_are_named_by_the_path_of_the_field(book, empty):
    document = exchange.export(book=book)
    version = document["plans"][0]["versions"][0]
    version["phases"][0]["rate_cards"][0]["price"]["amount"] = "-1"
    document["plans"][1]["versions"][0]["effective_from"] = "soon"
    assert refused(empty, document) == [("plans[1].versions[0].effective_from", "not_an_instant")]

    document["plans"][1]["versions"][0]["effective_from"] = "2024-01-01T00:00:00Z"
    assert refused(empty, document) == [
        ("plans[0].versions[0].phases[0].rate_cards[0].price.amount", "negative")
    ]


def test_an_offer_is_not_prolonged(book):
    document = exchange.export(book=book)
    document["plans"][1]["versions"][0]["effective_to"] = "2031-01-01T00:00:00Z"

    assert refused(book, document) == [("plans[1].versions[0].effective_to", "invalid_input")]


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x\n",
        "a: !!python/object/apply:os.system ['true']\n",
        "a: 1\na: 2\n",
        "a: .inf\n",
        "1: 2\n",
        '{"a": NaN}',
        "a: [1\n",
        b"\xff\xfe\x00",
        "[" * 100_000,
        "a: '" + "x" * (writing.MAX_BYTES + 1) + "'",
    ],
)
def test_a_file_that_is_not_plain_is_refused(text):
    with pytest.raises(InvalidDraftError) as error:
        writing.read(text)
    assert error.value.problems[0].code == "not_readable"


def test_numbers_and_dates_are_read_as_they_are_written():
    read = writing.read("a: 0.10\nb: 2026-03-01T12:00:00Z\nc: 3\nd: '0.5'\ne: yes\n")

    assert read == {
        "a": Decimal("0.10"),
        "b": "2026-03-01T12:00:00Z",
        "c": 3,
        "d": "0.5",
        "e": True,
    }
    assert str(read["a"]) == "0.10"
    assert writing.read(json.dumps({"a": [1, "x"]})) == {"a": [1, "x"]}
