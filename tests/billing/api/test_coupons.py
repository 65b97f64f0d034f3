"""Coupons by API: made, redeemed for subscriptions, removed, archived."""

import pytest

from tests import factories
from tests.api import Api, code
from tests.billing.test_coupons import subscription

COUPON = {"key": "LAUNCH20", "name": "Launch", "kind": "percentage", "percentage": "20"}


@pytest.fixture
def made(api):
    return api.post("coupons", COUPON | {"duration": "periods", "periods": 3}).json()


@pytest.fixture
def sub(book):
    return subscription(book, factories.customer(book=book, key="c"))


def test_a_coupon_is_made_changed_and_archived(api, made):
    assert (made["percentage"], made["currency"], made["redemptions"]) == ("20", None, 0)
    assert api.get("coupons/LAUNCH20").json() == api.get(f"coupons/{made['id']}").json() == made
    assert api.get("coupons", key="LAUNCH20").json()["data"] == [made]

    changed = api.patch("coupons/LAUNCH20", {"max_redemptions": 7, "name": "Start"}).json()
    assert (changed["max_redemptions"], changed["name"]) == (7, "Start")
    assert api.patch("coupons/LAUNCH20", {"max_redemptions": None}).json()["name"] == "Start"
    assert code(api.patch("coupons/LAUNCH20", {"percentage": "30"})) == (400, "invalid_input")
    assert api.post("coupons/LAUNCH20/archive").json()["archived_at"]
    assert api.get("coupons").json()["data"] == []
    assert len(api.get("coupons", include_archived="true").json()["data"]) == 1


def test_an_amount_is_of_a_currency(api):
    body = {"key": "five", "name": "Five", "kind": "amount", "duration": "once", "amount": "5.50"}

    made = api.post("coupons", body | {"currency": "USD"}).json()
    assert (made["amount"], made["currency"], made["percentage"]) == ("5.5", "USD", None)
    response = api.post("coupons", body | {"key": "six"})
    assert code(response) == (400, "invalid_input")
    assert response.json()["errors"][0]["field"] == "currency"
    assert code(api.post("coupons", body | {"currency": "none"})) == (404, "not_found")


def test_a_coupon_is_redeemed_and_removed(api, made, sub):
    path = f"subscriptions/{sub.pk}/coupons"
    redeemed = api.post(path, {"coupon": "LAUNCH20", "key": "k"}).json()

    assert (redeemed["coupon"], redeemed["subscription_id"]) == ("LAUNCH20", str(sub.pk))
    assert redeemed["cause"].startswith("key:")
    assert api.post(path, {"coupon": "LAUNCH20", "key": "k"}).json() == redeemed
    again = api.post(path, {"coupon": made["id"]})
    assert code(again) == (409, "coupon_refused")
    assert again.json()["facts"]["reason"] == "already_applied"
    removed = api.post(f"{path}/{redeemed['id']}/remove").json()
    assert removed["removed_at"]
    assert api.get(path).json()["data"] == [removed]
    assert api.get("coupons/LAUNCH20/redemptions").json()["data"] == [removed]
    assert api.get("coupons/LAUNCH20").json()["redemptions"] == 1


def test_redeeming_is_for_finance_and_coupons_for_the_whole_book(api, book, made, sub):
    path = f"subscriptions/{sub.pk}/coupons"
    manager, bound = Api(book, scopes=["manage", "read"]), Api(book, customer=sub.customer)

    assert code(manager.post(path, {"coupon": "LAUNCH20"})) == (403, "scope_missing")
    assert code(bound.post(path, {"coupon": "LAUNCH20"})) == (404, "not_found")
    assert code(bound.get("coupons")) == (404, "not_found")
    assert bound.get(path).json()["data"] == []
    assert code(api.post(path, {"coupon": "none"})) == (404, "not_found")
    assert code(api.post("subscriptions/9/coupons", {"coupon": "LAUNCH20"})) == (404, "not_found")


@pytest.mark.parametrize("count", [1, 6])
def test_a_long_list_costs_no_more_queries(api, count, django_assert_num_queries):
    for number in range(count):
        api.post("coupons", COUPON | {"key": f"c{number}", "duration": "once"})
    api.get("coupons")

    with django_assert_num_queries(1):
        assert len(api.get("coupons").json()["data"]) == count
