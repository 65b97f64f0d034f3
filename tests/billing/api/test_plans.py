"""Plans and add-ons by API: drafted, checked, published, archived."""

import pytest

from tests import factories
from tests.api import Api, code
from tests.billing.plans import offers
from tests.billing.plans.offers import addon, card, fee, phase, plan


@pytest.fixture
def tokens(book):
    return offers.feature(book)


def publish(api, document, path="plans"):
    api.post(path, document)
    return api.post(f"{path}/{document['key']}/publish").json()


def test_a_plan_is_drafted_mended_and_published(api, tokens):
    made = api.post("plans", plan(phase("main", fee(), card(price={"type": "unit"}))))
    assert made.status_code == 201
    draft = made.json()
    assert (draft["version"], draft["status"], draft["effective_from"]) == (1, "draft", None)
    [found] = draft["validation_errors"]
    assert found["field"] == "phases[0].rate_cards[1].price.amount"
    assert found.keys() == {"code", "field", "message", "attributes"}

    mended = api.put("plans/pro", plan(phase("main", fee(), card()))).json()
    assert (mended["id"], mended["validation_errors"]) == (draft["id"], [])
    assert mended["phases"][0]["rate_cards"][1]["price"] == {"type": "unit", "amount": "0.01"}

    published = api.post("plans/pro/publish").json()
    assert published["status"] == "active"
    assert published["effective_from"]
    assert api.get("plans/pro").json() == api.get(f"plans/{draft['id']}").json() == published


def test_a_plan_says_what_becomes_of_overage(api, tokens):
    allowed = {"type": "metered", "limit": "100", "preserves_overage": True}
    made = api.post("plans", plan(phase("main", card(entitlement=allowed)))).json()

    assert made["validation_errors"] == []
    assert made["phases"][0]["rate_cards"][0]["entitlement"] == allowed


def test_publishing_lists_everything_that_is_wrong(api, tokens):
    document = plan(phase("a", fee()), phase("b", card(payment_term="in_advance")))
    api.post("plans", document)

    response = api.post("plans/pro/publish")
    assert code(response) == (422, "not_publishable")
    assert [error["field"] for error in response.json()["errors"]] == [
        "phases[0].duration",
        "phases[1].rate_cards[0].payment_term",
    ]
    assert api.get("plans/pro").json()["status"] == "draft"


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"key": "pro"}, ["name", "currency", "billing_cadence"]),
        (plan(phase("main", card())), ["phases[0].rate_cards[0].feature"]),
        (plan(currency="EURO"), ["currency"]),
        (plan(status="active"), ["status"]),
        ([], [""]),
    ],
)
def test_a_document_that_cannot_be_kept_is_refused(api, document, fields):
    response = api.post("plans", document)

    assert code(response) == (400, "invalid_document")
    assert [error["field"] for error in response.json()["errors"]] == fields


def test_what_is_published_does_not_change(api):
    made = publish(api, plan())

    for response in (
        api.put("plans/pro", plan(name="Other")),
        api.put(f"plans/{made['id']}", plan(name="Other")),
        api.send("delete", "plans/pro"),
        api.post("plans/pro/publish"),
    ):
        assert code(response) == (409, "version_published")


def test_the_next_version_takes_over_from_a_date(api):
    publish(api, plan())
    second = api.post("plans/pro/versions").json()
    assert (second["version"], second["status"]) == (2, "draft")
    assert code(api.post("plans/pro/versions")) == (409, "draft_exists")
    api.put("plans/pro", plan(name="New"))

    scheduled = api.post("plans/pro/publish", {"effective_from": "2999-01-01T00:00:00Z"}).json()

    assert scheduled["status"] == "scheduled"
    assert api.get("plans/pro").json()["name"] == "Pro"
    assert api.get("plans/pro", version=2).json() == scheduled
    first, second = api.get("plans/pro/versions").json()["data"]
    assert first["effective_to"] == second["effective_from"] == "2999-01-01T00:00:00Z"
    assert api.get("plans", status="scheduled").json()["data"] == [scheduled]
    assert api.get("plans", status="active").json()["data"] == [first]
    assert api.get("plans", status="draft", key="pro").json()["data"] == []


def test_a_version_takes_over_later_than_the_one_before_it(api):
    publish(api, plan())
    api.post("plans/pro/versions")

    response = api.post("plans/pro/publish", {"effective_from": "2000-01-01T00:00:00Z"})
    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == "effective_from"


def test_an_offer_is_archived(api):
    publish(api, plan())
    assert code(api.post("plans/pro/archive", {"effective_to": "soon"})) == (400, "invalid_input")

    archived = api.post("plans/pro/archive").json()

    assert archived["status"] == "archived"
    assert api.get("plans", status="archived").json()["data"] == [archived]
    assert api.get("plans/pro").json() == archived


def test_a_draft_is_discarded_and_cannot_be_archived(api):
    api.post("plans", plan())
    assert code(api.post("plans/pro/archive")) == (404, "not_found")

    assert api.send("delete", "plans/pro").status_code == 204
    assert code(api.get("plans/pro")) == (404, "not_found")
    assert api.post("plans", plan()).status_code == 201


def test_a_repeated_request_drafts_once(api):
    first = api.post("plans", plan(), once="k")

    assert api.post("plans", plan(), once="k").json() == first.json()
    assert code(api.post("plans", plan())) == (409, "already_exists")


def test_an_addon_is_published_and_attached(api):
    publish(api, plan(phase("trial", fee(), duration="P1M"), phase("main", fee())))
    made = publish(api, addon(instance_type="multiple"), "addons")
    assert (made["status"], made["instance_type"]) == ("active", "multiple")
    body = {"addon": {"key": "support"}, "from_plan_phase": "main", "max_quantity": 3}

    attached = api.post("plans/pro/addons", body).json()

    assert attached["addon"] == {"id": made["id"], "key": "support"}
    assert attached["name"] == "Support"
    assert api.get("plans/pro/addons").json()["data"] == [attached]
    path = f"plans/pro/addons/{attached['id']}"
    assert api.get(path).json() == attached
    assert code(api.send("delete", path)) == (409, "version_published")
    assert code(api.post("plans/pro/addons", body)) == (409, "already_exists")


def test_an_addon_that_does_not_fit_is_refused(api):
    publish(api, plan())
    publish(api, addon(currency="EUR"), "addons")

    response = api.post("plans/pro/addons", {"addon": "support", "from_plan_phase": "late"})
    assert code(response) == (422, "not_publishable")
    assert [each["code"] for each in response.json()["errors"]] == [
        "unknown_phase",
        "currency_differs",
    ]
    missing = api.post("plans/pro/addons", {"addon": "none", "from_plan_phase": "main"})
    assert code(missing) == (404, "not_found")
    wrong = api.post("plans/pro/addons", {"addon": {"name": "x"}, "from_plan_phase": "main"})
    assert code(wrong) == (400, "invalid_input")


def test_a_draft_gains_and_loses_addons(api):
    publish(api, plan())
    publish(api, addon(), "addons")
    draft = api.post("plans/pro/versions").json()

    attached = api.post("plans/pro/addons", {"addon": "support", "from_plan_phase": "main"}).json()
    path = f"plans/{draft['id']}/addons"
    assert api.get(path).json()["data"] == [attached]
    assert api.send("delete", f"{path}/{attached['id']}").status_code == 204
    assert api.get(path).json()["data"] == []


def test_addons_have_versions_as_plans_have(api):
    publish(api, addon(), "addons")
    api.post("addons/support/versions", {"copy": 1})
    changed = api.put("addons/support", addon(name="Better")).json()
    assert (changed["version"], changed["status"]) == (2, "draft")

    assert api.send("delete", "addons/support").status_code == 204
    assert len(api.get("addons/support/versions").json()["data"]) == 1
    assert api.post("addons/support/archive").json()["status"] == "archived"
    assert len(api.get("addons", status="archived").json()["data"]) == 1
    refused = api.post("addons", addon(rate_cards=[], key="empty")).json()
    assert refused["validation_errors"][0]["code"] == "rate_card_required"
    assert code(api.post("addons/empty/publish")) == (422, "not_publishable")


def test_plans_are_for_the_whole_book(api, book):
    made = publish(api, plan())
    bound, other = Api(book, customer=factories.customer(book=book)), Api(factories.book())

    for path in ("plans", "plans/pro", "addons"):
        assert code(bound.get(path)) == (404, "not_found")
    assert code(other.get(f"plans/{made['id']}")) == (404, "not_found")
    assert other.get("plans").json()["data"] == []
    assert code(Api(book, scopes=["read"]).send("delete", "plans/pro")) == (403, "scope_missing")


@pytest.mark.parametrize("count", [1, 8])
def test_a_long_list_costs_no_more_queries(api, book, tokens, count, django_assert_num_queries):
    api.get("plans")
    for number in range(count):
        api.post("plans", plan(phase("main", card(), fee()), key=f"p{number}"))
        api.post("addons", addon(card(), key=f"a{number}"))

    with django_assert_num_queries(4):
        assert len(api.get("plans").json()["data"]) == count
    with django_assert_num_queries(2):
        assert len(api.get("addons").json()["data"]) == count
