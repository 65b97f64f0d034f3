"""Transactions are read, paged and reversed; the books balance and are sealed."""

import pytest

from ledger import sealing
from ledger.models import Transaction
from tests import factories
from tests.api import Api, code


@pytest.fixture
def grant(book):
    """Return credit of 100 dollars."""
    wallet = factories.wallet(customer=factories.customer(book=book, key="c"))
    return factories.grant(wallet=wallet)


@pytest.fixture
def granted(grant):
    return Transaction.objects.get(key=f"grant:{grant.pk}")


def test_transactions_are_listed_newest_first(api, granted):
    newer = factories.grant(wallet=factories.wallet(customer=factories.customer(book=api.book)))

    found = api.get("transactions", kind="grant").json()["data"]
    assert [each["key"] for each in found] == [f"grant:{newer.pk}", granted.key]
    assert api.get("transactions", key=granted.key).json()["data"] == found[1:]
    assert api.get(f"transactions/{granted.pk}").json() == found[1]
    assert found[1]["id"] == str(granted.pk)


def test_transactions_are_found_by_either_clock(api, granted):
    effective = {"effective_from": "2025-06-15T00:00:00Z", "effective_to": "2025-06-16T00:00:00Z"}

    assert len(api.get("transactions", **effective).json()["data"]) == 1
    assert len(api.get("transactions", posted_to="2025-06-16T00:00:00Z").json()["data"]) == 0
    assert len(api.get("transactions", posted_from="2025-06-16T00:00:00Z").json()["data"]) == 1


def test_entries_name_amount_and_asset(api, grant, granted, django_assert_max_num_queries):
    api.get("books")
    with django_assert_max_num_queries(3):
        entries = api.get(f"transactions/{granted.pk}/entries").json()["data"]

    assert [(e["amount"], e["asset"], e["source_id"]) for e in entries] == [
        ("100", "USD", str(grant.pk))
    ]
    assert entries[0]["credit_account_id"] == str(grant.account_id)


def test_a_transaction_is_reversed_once(api, grant, granted):
    path = f"transactions/{granted.pk}/reverse"
    reversal = api.post(path, {"reason": "By mistake"}, once="r1")

    assert reversal.status_code == 201
    assert reversal.json()["reverses_id"] == str(granted.pk)
    assert reversal.json()["cause"] == f"key:{api.key.prefix}"
    assert reversal.json()["memo"] == "By mistake"
    assert api.get(f"accounts/{grant.account_id}/balance").json()["settled"] == "0"
    assert api.post(path, {"reason": "By mistake"}, once="r1").json() == reversal.json()
    assert code(api.post(path, once="r2")) == (409, "already_reversed")


def test_a_transaction_is_reversed_in_part(api, grant, granted):
    entry = api.get(f"transactions/{granted.pk}/entries").json()["data"][0]["id"]
    path = f"transactions/{granted.pk}/reverse"
    too_much = {"amounts": [{"entry_id": entry, "amount": "100.01"}]}
    assert code(api.post(path, too_much, once="r1")) == (422, "reversal_exceeds")
    too_fine = {"amounts": [{"entry_id": entry, "amount": "0.0000000000001"}]}
    assert code(api.post(path, too_fine, once="r1")) == (400, "invalid_input")
    nothing = {"amounts": []}
    assert code(api.post(path, nothing, once="r1")) == (422, "empty_transaction")

    part = {"amounts": [{"entry_id": entry, "amount": "40"}]}
    assert api.post(path, part, once="r1").status_code == 201
    assert api.get(f"accounts/{grant.account_id}/balance").json()["settled"] == "60"


def test_reversing_needs_the_scope_finance(book, granted):
    manager = Api(book, scopes=["read", "manage", "ingest"])

    refused = manager.post(f"transactions/{granted.pk}/reverse", once="r1")
    assert code(refused) == (403, "scope_missing")


def test_the_trial_balance_balances(api, granted):
    found = api.get("trial-balance").json()

    closing = {row["purpose"]: row["closing"] for row in found["rows"]}
    assert closing == {"rail_clearing": "100", "credit_lot": "-100"}
    assert api.get("trial-balance", as_of="2025-06-15T12:00:00Z").json()["rows"] == []


def test_a_period_has_its_own_trial_balance(api, granted):
    periods = api.get("periods").json()["data"]
    assert [period["state"] for period in periods] == ["open"]
    assert api.get("periods", state="closed").json()["data"] == []
    period = periods[0]["id"]

    assert api.get(f"periods/{period}").json() == periods[0]
    assert len(api.get("trial-balance", period=period).json()["rows"]) == 2
    both = {"period": period, "as_of": "2025-06-15T12:00:00Z"}
    assert code(api.get("trial-balance", **both)) == (400, "invalid_input")
    assert code(api.get("trial-balance", period="999999")) == (404, "not_found")


def test_a_period_begins_to_close(api, granted):
    period = f"periods/{granted.period_id}"

    assert api.post(f"{period}/begin-close").json()["state"] == "closing"
    assert api.post(f"{period}/begin-close").json()["state"] == "closing"
    manager = Api(api.book, scopes=["read", "manage"])
    assert code(manager.post(f"{period}/begin-close")) == (403, "scope_missing")


def test_the_head_of_the_chain_is_shown(api):
    found = api.get("verification").json()
    head = sealing.head()

    assert (found["head"] and found["head"]["hash"]) == (head and head.hash.hex())
    assert found["unsealed_seconds"] >= 0


def test_the_journal_of_other_books_does_not_exist(granted):
    other = Api(factories.book())

    for path in (f"transactions/{granted.pk}", f"transactions/{granted.pk}/entries"):
        assert code(other.get(path)) == (404, "not_found")
    refused = other.post(f"transactions/{granted.pk}/reverse", once="r1")
    assert code(refused) == (404, "not_found")
    assert other.get("transactions").json()["data"] == []
