"""Credit that recurs, is adjusted, moves, is shared and priced, over the API."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.api import Api, code
from tests.wallets.spending import left_in
from wallets import schedules
from wallets.models import GrantSchedule, WalletShare

MONTHLY = {
    "key": "included",
    "amount": "100",
    "cadence": "P1M",
    "starts_at": "2025-01-31T00:00:00Z",
    "rollover_maximum": "40",
}


@pytest.fixture
def wallet(book):
    return factories.wallet(customer=factories.customer(book=book, key="c"), is_shared=True)


@pytest.fixture
def lot(wallet):
    return factories.grant(wallet=wallet)


def test_a_schedule_is_made_told_and_ended(api, wallet):
    path = f"wallets/{wallet.pk}/grant-schedules"
    made = api.post(path, MONTHLY, once="s1")

    assert made.status_code == 201
    told = made.json()
    assert (told["amount"], told["cadence"], told["rollover_maximum"]) == ("100", "P1M", "40")
    assert (told["issued"], told["due_at"]) == (0, "2025-01-31T00:00:00Z")
    assert api.get(path).json()["data"] == [told]
    assert api.get(f"grant-schedules/{told['id']}").json() == told
    assert code(api.post(path, MONTHLY | {"amount": "1"}, once="s2")) == (
        409,
        "idempotency_conflict",
    )

    schedules.issue(at=GrantSchedule.objects.get().starts_at)
    ended = api.post(f"grant-schedules/{told['id']}/end", {"ends_at": "2025-02-01T00:00:00Z"})
    assert (ended.json()["issued"], ended.json()["due_at"]) == (1, None)
    assert len(api.get("grants", wallet=wallet.pk).json()["data"]) == 1


def test_a_schedule_that_cannot_be_is_refused(api, wallet):
    path = f"wallets/{wallet.pk}/grant-schedules"

    assert code(api.post(path, MONTHLY | {"cadence": "monthly"}, once="s"))[0] == 400
    assert code(api.post(path, MONTHLY | {"amount": "0"}, once="s"))[0] == 400
    assert code(api.post(path, MONTHLY | {"feature_keys": ["a\nb"]}, once="s"))[0] == 400
    assert not GrantSchedule.objects.exists()


def test_a_grant_is_adjusted_up_and_down(api, lot):
    path = f"grants/{lot.pk}/adjust"

    more = api.post(path, {"key": "a", "amount": "5.5", "reason": "More"}, once="a1")
    less = api.post(path, {"key": "b", "amount": "-20", "reason": "Less"}, once="a2")

    assert more.status_code == 201
    assert (more.json()["parent_id"], more.json()["amount"]) == (str(lot.pk), "5.5")
    assert (less.json()["reason"], less.json()["figures"]["voided"]) == ("Less", "20")
    balance = api.get(f"wallets/{lot.wallet_id}/balance").json()
    assert (balance["granted"], balance["voided"], balance["available"]) == ("105.5", "20", "85.5")


def test_an_adjustment_needs_a_reason_and_what_it_takes(api, lot):
    path = f"grants/{lot.pk}/adjust"

    assert code(api.post(path, {"key": "a", "amount": "5"}, once="a")) == (400, "invalid_input")
    refused = api.post(path, {"key": "a", "amount": "-101", "reason": "Less"}, once="a")
    assert code(refused) == (402, "credit_exhausted")


def test_credit_moves_to_another_wallet(api, book, wallet, lot):
    target = factories.wallet(customer=factories.customer(book=book, key="other"))
    order = {"key": "t", "to_wallet": str(target.pk), "amount": "30", "reason": "The team moved"}

    moved = api.post(f"wallets/{wallet.pk}/transfers", order, once="t1")

    assert moved.status_code == 201
    (part,) = moved.json()["data"]
    assert (part["wallet_id"], part["parent_id"]) == (str(target.pk), str(lot.pk))
    assert part["figures"]["transferred"] == "-30"
    assert api.get(f"wallets/{wallet.pk}/balance").json()["transferred"] == "30"
    again = api.post(f"wallets/{wallet.pk}/transfers", order, once="t2")
    assert again.json() == moved.json()


def test_credit_moves_only_where_the_caller_sees(book, wallet, lot):
    elsewhere = factories.wallet()
    bound = Api(book, customer=wallet.customer)
    order = {"key": "t", "to_wallet": str(elsewhere.pk), "amount": "30"}

    assert bound.post(f"wallets/{wallet.pk}/transfers", order, once="t").status_code == 404


def test_customers_do_not_give_themselves_credit(book, api, wallet, lot):
    bound = Api(book, customer=wallet.customer)
    path = f"wallets/{wallet.pk}"
    schedule = api.post(f"{path}/grant-schedules", MONTHLY, once="s").json()

    for address, sent in (
        (f"{path}/grants", {"key": "g", "amount": "1000"}),
        (f"{path}/grant-schedules", MONTHLY | {"key": "mine"}),
        (f"grant-schedules/{schedule['id']}/end", {}),
        (f"grants/{lot.pk}/adjust", {"key": "a", "amount": "1000", "reason": "More"}),
        (f"grants/{lot.pk}/void", {}),
    ):
        assert code(bound.post(address, sent, once="x")) == (404, "not_found"), address
    assert bound.get(f"{path}/grant-schedules").json()["data"] == [schedule]
    assert left_in(lot) == 100


def test_what_moves_money_needs_finance(book, wallet, lot):
    manager = Api(book, scopes=["read", "manage"])
    other = {"key": "t", "to_wallet": "1", "amount": "30"}
    price = {"asset": "credits", "currency": "USD", "amount": "1"}

    for path, sent in (
        (f"wallets/{wallet.pk}/grant-schedules", MONTHLY),
        (f"grants/{lot.pk}/adjust", {"key": "a", "amount": "1", "reason": "More"}),
        (f"wallets/{wallet.pk}/transfers", other),
        ("credit-prices", price),
    ):
        assert code(manager.post(path, sent, once="x")) == (403, "scope_missing")


def test_a_share_is_given_told_and_ended(api, wallet):
    factories.customer(parent=wallet.customer, key="team")
    path = f"wallets/{wallet.pk}/shares"
    share = {"customer": "team", "amount": "250", "cadence": "P1M"}

    made = api.post(path, share)

    assert made.status_code == 201
    told = made.json()
    assert (told["amount"], told["used"], told["remaining"]) == ("250", "0", "250")
    assert api.get(path).json()["data"] == [told]
    assert api.post(path, share | {"amount": "10"}).json()["id"] == told["id"]
    assert api.post(f"wallet-shares/{told['id']}/end", {}).json()["ended_at"] is not None
    assert WalletShare.objects.get().amount == 10


def test_a_list_of_shares_costs_no_more_queries(api, wallet):
    def listed():
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"wallets/{wallet.pk}/shares").status_code == 200
        return len(queries)

    give = {"amount": "250", "cadence": "P1M"}
    factories.customer(parent=wallet.customer, key="t0")
    api.post(f"wallets/{wallet.pk}/shares", give | {"customer": "t0"})
    few = listed()
    for number in range(1, 4):
        factories.customer(parent=wallet.customer, key=f"t{number}")
        api.post(f"wallets/{wallet.pk}/shares", give | {"customer": f"t{number}"})

    assert listed() == few


def test_credits_have_a_price(api):
    factories.asset(code="credits", kind="credit")
    price = {"asset": "credits", "currency": "USD", "amount": "0.01"}

    made = api.post("credit-prices", price)

    assert made.status_code == 201
    assert api.get("credit-prices", asset="credits").json()["data"] == [made.json()]
    wrong = price | {"asset": "USD"}
    assert code(api.post("credit-prices", wrong)) == (400, "invalid_input")


def test_a_wallet_tells_how_long_it_lasts_and_how_it_went(api, wallet, lot):
    told = api.get(f"wallets/{wallet.pk}/forecast").json()
    story = api.get(f"wallets/{wallet.pk}/history", days=3).json()

    assert (told["available"], told["burn_per_day"], told["runs_out_at"]) == ("100", "0", None)
    assert [day["balance"] for day in story["days"]] == ["100"] * 4
    assert code(api.get(f"wallets/{wallet.pk}/history", days=0)) == (400, "invalid_input")


def test_a_wallet_says_what_becomes_of_credit_that_returns_late(api, wallet):
    asked = {"customer": "c", "asset": "USD", "key": "kind", "after_expiry": "reopen"}

    made = api.post("wallets", asked)

    assert (made.status_code, made.json()["after_expiry"]) == (201, "reopen")
    changed = asked | {"after_expiry": "breakage"}
    assert code(api.post("wallets", changed)) == (409, "idempotency_conflict")
