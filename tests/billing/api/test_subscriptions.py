"""Subscriptions by API."""

import pytest

from billing.models import SubscriptionEvent
from ledger import registry
from ledger.models import TestClock
from tests import factories
from tests.api import Api, code
from tests.billing.subscriptions.shop import JANUARY, Shop, day, flat, stage, usage


@pytest.fixture
def shop(book):
    return Shop(book=book, dollars=registry.currency(code="USD"))


@pytest.fixture
def customer(book):
    clock = TestClock.objects.create(book=book, key="clock", now_at=JANUARY, created_at=JANUARY)
    return factories.customer(book=book, key="acme", clock=clock)


@pytest.fixture
def pro(shop):
    return shop.plan(stage("main", flat("10"), usage("0.01")), key="pro")


@pytest.fixture
def large(shop):
    return shop.plan(stage("main", flat("20"), usage("0.01")), key="max")


@pytest.fixture
def made(api, customer, pro):
    body = {"customer": {"key": "acme"}, "plan": {"key": "pro"}, "key": "s", "reason": "signed"}
    answer = api.post("subscriptions", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


@pytest.fixture
def wait(customer):
    """Move the customer's clock to a day."""

    def until(text):
        TestClock.objects.filter(pk=customer.clock_id).update(now_at=day(text))

    return until


def items(api, **query):
    return [
        (item["key"], item["price"]["amount"], item["active_from"][5:10], item["active_to"])
        for item in api.get("subscriptions/s/items", **query).json()["data"]
    ]


def test_a_subscription_is_made_and_read(api, made, pro, customer):
    assert made == api.get("subscriptions/s").json()
    assert made == api.get(f"subscriptions/{made['id']}").json()
    assert made["status"] == "active"
    assert (made["customer"], made["customer_id"]) == ("acme", str(customer.pk))
    assert made["plan"] == {"id": str(pro.pk), "key": "pro", "version": 1, "name": "pro"}
    assert made["plan_id"] == str(pro.pk)
    assert made["active_from"] == made["billing_anchor"] == "2024-01-01T00:00:00Z"
    assert (made["active_to"], made["billing_cadence"], made["currency"]) == (None, "P1M", "USD")


def test_a_plan_is_named_by_id_or_by_key_and_version(api, shop, customer, pro):
    newer = shop.plan(stage("main", flat("12")), key="pro")

    for plan, found in (
        ({"id": str(pro.pk)}, pro),
        ({"key": "pro", "version": 1}, pro),
        ({"key": "pro"}, newer),
    ):
        other = factories.customer(book=shop.book)
        body = {"customer": other.key, "plan": plan, "starts_at": "2024-01-01T00:00:00Z"}
        assert api.post("subscriptions", body).json()["plan_id"] == str(found.pk)


@pytest.mark.parametrize(
    ("change", "field", "status"),
    [
        ({"plan": {"key": "none"}}, "plan.key", 400),
        ({"plan": {"key": "pro", "version": 9}}, "plan.version", 400),
        ({"plan": {"id": "999999"}}, "plan.id", 400),
        ({"plan": "pro"}, "plan", 400),
        ({"plan": {"key": "pro", "colour": "red"}}, "plan", 400),
        ({"plan": {"key": "\0"}}, "plan", 400),
        ({"custom_plan": {}}, "plan", 400),
        ({"customer": 7}, "customer", 400),
        ({"overrides": [{"key": "none", "price": {"type": "free"}}]}, "overrides.0.key", 400),
        (
            {"overrides": [{"key": "base", "price": {"type": "flat", "amount": "\0"}}]},
            "overrides.0",
            400,
        ),
        ({"overrides": [{"key": "base", "price": {}}]}, "items.base.price.type", 400),
        ({"overrides": [{"price": {"type": "free"}}]}, "overrides.0.key", 400),
        ({"starting_phase": "later"}, "starting_phase", 400),
        ({"time_zone": "Mars"}, "time_zone", 400),
        ({"starts_at": "tomorrow"}, "starts_at", 400),
        ({"colour": "red"}, "colour", 400),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(api, customer, pro, change, field, status):
    body = {"customer": "acme", "plan": {"key": "pro"}}

    answer = api.post("subscriptions", body | change)

    assert code(answer)[0] == status
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_each_problem_of_negotiated_terms_is_named_with_its_rule(api, customer, pro):
    terms = {"price": {"type": "flat", "amount": "-1"}, "discounts": {"percentage": 101}}
    body = {"customer": "acme", "plan": {"key": "pro"}, "overrides": [{"key": "base"} | terms]}

    answer = api.post("subscriptions", body)

    assert code(answer) == (400, "invalid_terms")
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {
        ("items.base.price.amount", "negative"),
        ("items.base.discounts.percentage", "over_100"),
    }


def test_an_unknown_customer_is_not_found(api, pro):
    answer = api.post("subscriptions", {"customer": {"key": "nobody"}, "plan": {"key": "pro"}})

    assert code(answer) == (404, "not_found")


def test_a_plan_of_the_customer_s_own_comes_with_the_request(api, shop, customer):
    document = {
        "currency": "USD",
        "billing_cadence": "P1M",
        "phases": [
            {
                "key": "main",
                "name": "Main",
                "rate_cards": [
                    {
                        "key": "base",
                        "name": "Base",
                        "price": {"type": "flat", "amount": "99"},
                        "billing_cadence": "P1M",
                        "payment_term": "in_advance",
                    }
                ],
            }
        ],
    }
    made = api.post("subscriptions", {"customer": "acme", "custom_plan": document, "key": "s"})

    assert made.status_code == 201
    assert items(api) == [("base", "99", "01-01", None)]
    document["phases"][0]["rate_cards"][0]["billing_cadence"] = "P10D"
    refused = api.post("subscriptions", {"customer": "acme", "custom_plan": document})
    assert code(refused) == (422, "not_publishable")
    assert "billing_cadence" in refused.json()["errors"][0]["field"]


def test_the_same_request_is_answered_once(api, customer, pro):
    body = {"customer": "acme", "plan": {"key": "pro"}}

    first = api.post("subscriptions", body, once="k")
    again = api.post("subscriptions", body, once="k")

    assert first.json() == again.json()
    assert len(api.get("subscriptions").json()["data"]) == 1


def test_a_change_names_what_is_and_what_comes(api, made, large):
    changed = api.post(
        "subscriptions/s/change", {"plan": {"key": "max"}, "timing": "next_billing_cycle"}
    ).json()

    assert changed["current"]["plan"]["key"] == "pro"
    assert changed["next"]["plan"]["key"] == "max"
    assert changed["next"]["active_from"] == "2024-02-01T00:00:00Z"
    assert items(api) == [
        ("base", "10", "01-01", "2024-02-01T00:00:00Z"),
        ("tokens", "0.01", "01-01", None),
        ("base", "20", "02-01", None),
    ]
    assert [item[1] for item in items(api, at="2024-01-15T00:00:00Z")] == ["10", "0.01"]


def test_two_changes_at_one_instant_collide(api, made, large):
    change = {"plan": {"key": "max"}, "timing": "2024-02-01T00:00:00Z"}
    api.post("subscriptions/s/change", change)

    answer = api.post("subscriptions/s/cancel", {"timing": "next_billing_cycle"})

    assert code(answer) == (409, "same_instant")
    assert answer.json()["errors"][0]["field"] == "timing"
    assert "withdraw change 2" in answer.json()["facts"]["remedy"]


def test_a_scheduled_change_is_restored(api, made, large, wait):
    wait("01-05")
    api.post("subscriptions/s/change", {"plan": {"key": "max"}, "timing": "next_billing_cycle"})

    assert api.post("subscriptions/s/restore", {"changes": [2]}).status_code == 200

    assert [item[1] for item in items(api)] == ["10", "0.01"]
    shown = api.get("subscriptions/s/history").json()["data"]
    assert [(event["type"], event["is_withdrawn"]) for event in shown] == [
        ("created", False),
        ("changed", True),
        ("restored", False),
    ]
    assert code(api.post("subscriptions/s/restore", {"changes": [2]}))[0] == 400


def test_a_cancelation_is_scheduled_and_unscheduled(api, made, wait):
    wait("01-05")
    body = {"timing": "next_billing_cycle", "reason": "too dear"}

    canceled = api.post("subscriptions/s/cancel", body).json()
    assert (canceled["status"], canceled["active_to"]) == ("canceled", "2024-02-01T00:00:00Z")

    restored = api.post("subscriptions/s/unschedule-cancelation").json()
    assert (restored["status"], restored["active_to"]) == ("active", None)

    ended = api.post("subscriptions/s/cancel").json()
    assert (ended["status"], ended["active_to"]) == ("inactive", "2024-01-05T00:00:00Z")
    assert code(api.post("subscriptions/s/unschedule-cancelation")) == (409, "subscription_state")


def test_a_subscription_is_paused_and_resumed(api, made, wait):
    wait("01-05")
    assert api.post("subscriptions/s/pause").json()["status"] == "paused"
    assert api.get("subscriptions").json()["data"][0]["status"] == "paused"
    assert code(api.post("subscriptions/s/pause", {"timing": "2024-01-06T00:00:00Z"}))[0] == 409

    wait("01-10")
    assert api.post("subscriptions/s/resume").json()["status"] == "active"
    assert [item[2] for item in items(api)] == ["01-01", "01-01", "01-10", "01-10"]


def test_items_are_edited(api, made, wait):
    wait("01-05")
    body = {
        "add": [{"key": "support", "price": {"type": "flat", "amount": "5"}}],
        "remove": [{"key": "base"}],
        "replace": [{"key": "tokens", "discounts": {"percentage": 12.5}}],
    }

    assert api.post("subscriptions/s/edit", body).status_code == 200

    shown = api.get("subscriptions/s/items", at="2024-01-06T00:00:00Z").json()["data"]
    assert [(item["key"], item["origin"]) for item in shown] == [
        ("support", "custom"),
        ("tokens", "override"),
    ]
    assert shown[0]["billing_cadence"] is None
    assert shown[1]["discounts"] == {"percentage": "12.5"}
    answer = api.post("subscriptions/s/edit", {"remove": [{"key": "none"}]})
    assert (code(answer)[0], answer.json()["errors"][0]["field"]) == (400, "remove.0.key")


def test_a_migration_is_tried_and_made(api, shop, made, wait):
    wait("01-05")
    shop.plan(stage("main", flat("12"), usage("0.01")), key="pro")

    tried = api.post("subscriptions/s/migrate", {"dry_run": True}).json()
    assert (tried["before"]["version"], tried["after"]["version"]) == (1, 2)
    [difference] = tried["differences"]
    assert (difference["key"], difference["before"]["price"]["amount"]) == ("base", "10")
    assert len(items(api)) == 2

    migrated = api.post("subscriptions/s/migrate", {"version": 2}).json()
    assert migrated == tried | {"dry_run": False}
    assert api.get("subscriptions/s").json()["plan"]["version"] == 2
    assert code(api.post("subscriptions/s/migrate", {"version": 2}))[0] == 400


def test_an_addon_has_a_quantity_over_time(api, shop, made, pro, wait):
    seats = shop.addon(pro, flat("5", key="seat"), most=5)
    wait("01-05")
    bought = api.post("subscriptions/s/addons", {"addon": {"key": "seats"}, "quantity": 3})
    assert bought.status_code == 201
    wait("01-10")
    body = {"addon": {"id": str(seats.pk)}, "quantity": 0, "timing": "2024-01-20T00:00:00Z"}
    api.post("subscriptions/s/addons", body)

    [addon] = api.get("subscriptions/s/addons").json()["data"]
    assert addon["addon"] == {"id": str(seats.pk), "key": "seats", "version": 1}
    assert (addon["quantity"], addon["active_to"]) == (3, "2024-01-20T00:00:00Z")
    assert [segment["quantity"] for segment in addon["timeline"]] == [3, 0]
    assert len(addon["affected_subscription_item_ids"]) == 1
    for wanted, field in (
        ({"addon": {"key": "none"}}, "addon.key"),
        ({"addon": {"key": "seats"}, "quantity": 6}, "quantity"),
    ):
        answer = api.post("subscriptions/s/addons", wanted)
        assert answer.json()["errors"][0]["field"] == field


def test_the_history_says_who_and_why(api, made):
    [event] = api.get("subscriptions/s/history").json()["data"]

    assert (event["sequence"], event["type"]) == (1, "created")
    assert (event["cause"], event["reason"]) == (f"key:{api.key.prefix}", "signed")
    assert "request" not in event["content"]


def test_subscriptions_are_listed_by_customer_plan_and_status(api, shop, made, pro):
    other = factories.customer(book=shop.book, key="other")
    body = {"customer": "other", "plan": {"key": "pro"}, "key": "o"}
    api.post("subscriptions", body | {"starts_at": "2990-01-01T00:00:00Z"})

    def listed(**query):
        return [each["key"] for each in api.get("subscriptions", **query).json()["data"]]

    assert sorted(listed()) == ["o", "s"]
    assert listed(customer=other.key) == ["o"]
    assert listed(status="scheduled") == ["o"]
    assert listed(status="active") == ["s"]
    assert sorted(listed(plan="pro")) == ["o", "s"]
    assert listed(status="inactive") == listed(plan="none") == []
    assert code(api.get("subscriptions", status="asleep"))[0] == 400
    api.post("subscriptions/s/pause", {"timing": "immediate"})
    assert (listed(status="paused"), listed(status="active")) == (["s"], [])


def test_a_list_of_many_takes_as_many_statements_as_of_one(
    api, shop, made, pro, django_assert_num_queries, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12) as caught:
        api.get("subscriptions")
    before = len(caught)
    for number in range(20):
        factories.customer(book=shop.book, key=f"c{number}")
        api.post("subscriptions", {"customer": f"c{number}", "plan": {"key": "pro"}})
    api.get("subscriptions")  # whose key it is may have to be looked up anew by now

    with django_assert_num_queries(before):
        assert len(api.get("subscriptions").json()["data"]) == 21


def test_a_customer_s_own_key_reads_its_own_and_changes_nothing(api, shop, book, made, customer):
    other = factories.customer(book=book, key="other")
    api.post("subscriptions", {"customer": "other", "plan": {"key": "pro"}, "key": "o"})
    own, theirs = Api(book, customer=customer), Api(book, customer=other)

    assert [each["key"] for each in own.get("subscriptions").json()["data"]] == ["s"]
    assert own.get("subscriptions/s/items").status_code == 200
    assert own.get("subscriptions/s/history").status_code == 200
    assert own.get("subscriptions/s/addons").status_code == 200
    for path in ("subscriptions/s", "subscriptions/s/items", "subscriptions/s/history"):
        assert code(theirs.get(path)) == (404, "not_found")
    for path in ("change", "cancel", "edit", "pause", "restore", "migrate", "addons"):
        assert code(own.post(f"subscriptions/s/{path}"))[0] == 404
    assert code(own.post("subscriptions", {"customer": "acme", "plan": {"key": "pro"}}))[0] == 404
    assert SubscriptionEvent.objects.count() == 2


def test_reading_needs_its_scope_and_so_does_changing(book, made):
    reader = Api(book, scopes=["read"])

    assert reader.get("subscriptions/s").status_code == 200
    assert code(reader.post("subscriptions/s/cancel")) == (403, "scope_missing")
