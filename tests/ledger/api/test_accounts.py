"""Accounts: what they hold now and at any instant, line by line."""

from datetime import timedelta

import pytest

from tests import factories
from tests.api import Api, code
from tests.factories import NOON

HOUR = timedelta(hours=1)


@pytest.fixture
def lot(book):
    """Return the account of a grant of 100 dollars at noon."""
    wallet = factories.wallet(customer=factories.customer(book=book, key="c"))
    return factories.grant(wallet=wallet).account


def test_a_balance_is_settled_held_and_available(api, lot):
    found = api.get(f"accounts/{lot.pk}/balance").json()

    assert found["account_id"] == str(lot.pk)
    assert (found["settled"], found["held"], found["available"]) == ("100", "0", "100")
    assert (found["asset"], found["purpose"]) == ("USD", "credit_lot")


def test_a_past_balance_is_what_had_happened(api, lot):
    before = api.get(f"accounts/{lot.pk}/balance", as_of=NOON.isoformat()).json()
    after = api.get(f"accounts/{lot.pk}/balance", as_of=(NOON + HOUR).isoformat()).json()

    assert (before["settled"], after["settled"]) == ("0", "100")
    assert (after["held"], after["available"]) == (None, None)


def test_what_was_known_then_is_another_question(api, lot):
    known = {"as_of": (NOON + HOUR).isoformat(), "posted_as_of": (NOON + HOUR).isoformat()}

    assert api.get(f"accounts/{lot.pk}/balance", **known).json()["settled"] == "0"


@pytest.mark.parametrize(
    "instant",
    [
        "yesterday",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "0001-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
    ],
)
def test_an_instant_has_its_offset_and_exists(api, lot, instant):
    response = api.get(f"accounts/{lot.pk}/balance", as_of=instant)

    assert code(response) == (400, "invalid_input")


def test_a_customers_balances_are_told_together(api, lot, django_assert_max_num_queries):
    api.get("books")
    with django_assert_max_num_queries(4):
        found = api.get("customers/c/balances").json()

    assert [balance["settled"] for balance in found["balances"]] == ["100"]
    assert api.get("customers/c/balances", asset="EUR").json()["balances"] == []
    past = api.get("customers/c/balances", as_of=NOON.isoformat()).json()
    assert [balance["settled"] for balance in past["balances"]] == ["0"]


def test_accounts_are_listed_by_owner_and_purpose(api, lot):
    found = api.get("accounts", customer="c", purpose="credit_lot").json()["data"]

    assert [account["id"] for account in found] == [str(lot.pk)]
    house = [a for a in api.get("accounts").json()["data"] if a["customer_id"] is None]
    assert [account["purpose"] for account in house] == ["rail_clearing"]


def test_a_statement_runs_from_opening_to_closing(api, lot):
    found = api.get(f"accounts/{lot.pk}/statement").json()

    assert (found["opening"], found["closing"]) == ("0", "100")
    assert [(line["amount"], line["balance"]) for line in found["data"]] == [("100", "100")]
    assert found["data"][0]["effective_at"] == "2025-06-15T12:00:00Z"


def test_a_statement_is_paged_and_bounded(api, lot):
    wallet = lot.grant.wallet
    for _ in range(3):
        factories.grant(wallet=wallet)
    clearing = api.get("accounts", purpose="rail_clearing").json()["data"][0]["id"]

    first = api.get(f"accounts/{clearing}/statement", limit=3).json()
    second = api.get(
        f"accounts/{clearing}/statement", **{"limit": 3, "page[after]": first["next"]}
    ).json()

    assert (len(first["data"]), len(second["data"]), second["next"]) == (3, 1, None)
    assert second["opening"] == first["closing"]
    later = {"starts_at": (NOON + HOUR).isoformat()}
    assert api.get(f"accounts/{lot.pk}/statement", **later).json()["data"] == []
    backwards = later | {"ends_at": NOON.isoformat()}
    assert code(api.get(f"accounts/{lot.pk}/statement", **backwards))[0] == 400
    tampered = {"page[after]": "tampered"}
    assert code(api.get(f"accounts/{lot.pk}/statement", **tampered))[0] == 400


def test_accounts_of_others_do_not_exist(book, lot):
    elsewhere = Api(factories.book())
    beside = Api(book, customer=factories.customer(book=book))
    clearing = Api(book).get("accounts", purpose="rail_clearing").json()["data"][0]["id"]

    for stranger, number in ((elsewhere, lot.pk), (beside, lot.pk), (beside, clearing)):
        for path in ("", "/balance", "/statement"):
            assert code(stranger.get(f"accounts/{number}{path}")) == (404, "not_found")
        assert stranger.get("accounts").json()["data"] == []
