"""Closing periods and the reports of finance over the API."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from billing.charging import oneoffs
from ledger.models import Period
from tests.api import Api, code
from tests.billing.charging.agreed import on
from tests.billing.scene import event, new_scene

pytestmark = pytest.mark.django_db

SPAN = {"from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z"}


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter("sum", price=1)
    scene.send(event(100, at=on("2025-01-10")), at=on("2025-01-10"))
    return scene


@pytest.fixture
def api(scene):
    return Api(scene.book)


@pytest.fixture
def january(scene):
    period = Period.objects.get(book=scene.book, starts_at=on("2025-01-01"))
    return f"periods/{period.pk}"


def test_a_period_is_closed_and_opened_again(api, january):
    assert api.get(f"{january}/closing").json()["checks"] == []
    assert api.post(f"{january}/check").json()["is_blocked"] is False

    closed = api.post(f"{january}/close").json()
    assert closed["state"] == "closed"
    assert closed["closed_by"].startswith("key:")
    assert closed["checks"][0]["key"] == "usage_posted"
    assert api.get(january).json()["state"] == "closed"

    assert code(api.post(f"{january}/reopen", {})) == (400, "invalid_input")
    opened = api.post(f"{january}/reopen", {"reason": "a mistake"}).json()
    assert (opened["state"], opened["closed_at"]) == ("open", None)
    assert [row["reason"] for row in opened["reopenings"]] == ["a mistake"]


def test_a_period_in_which_much_was_booked_is_reopened_by_two(scene, api, january, settings):
    api.post(f"{january}/close")
    settings.METERBOOK_APPROVAL_ABOVE = {"": Decimal(99)}

    waits = api.post(f"{january}/reopen", {"reason": "a mistake"})

    assert (waits.status_code, waits.json()["operation"]) == (202, "period.reopen")
    assert api.post(f"{january}/reopen", {"reason": "a mistake"}).json() == waits.json()
    with pytest.raises(CommandError, match=r"somebody else|approval"):
        call_command("close_period", "2025-01", "--book", scene.book.key, "--reopen", "please")
    done = Api(scene.book).post(f"approvals/{waits.json()['id']}/approve").json()
    assert (done["state"], api.get(january).json()["state"]) == ("approved", "open")
    reopened = api.get(f"{january}/closing").json()["reopenings"][0]
    assert reopened["reason"] == "a mistake"


def test_what_blocks_is_said_and_may_be_answered_for(scene, api, january):
    scene.grant(40, at=on("2025-01-05"))

    refused = api.post(f"{january}/close")
    assert code(refused) == (409, "closing_blocked")
    assert refused.json()["facts"]["clearing"] == "rail_clearing USD 40"
    found = api.post(f"{january}/check").json()
    assert found["is_blocked"] is True
    waived = api.post(f"{january}/checks/clearing/waive", {"reason": "arrives on Monday"}).json()
    assert (waived["state"], waived["found"]) == ("waived", ["rail_clearing USD 40"])
    assert api.post(f"{january}/close").json()["state"] == "closed"


def test_closing_is_for_finance_and_for_the_whole_book(scene, january):
    manager = Api(scene.book, scopes=["read", "manage"])
    assert code(manager.post(f"{january}/close")) == (403, "scope_missing")
    mine = Api(scene.book, customer=scene.customer)
    assert code(mine.get(f"{january}/closing")) == (404, "not_found")
    assert code(mine.get("reports/revenue", **SPAN)) == (404, "not_found")


def test_revenue_is_reported_and_ties_out(scene, api):
    oneoffs.charge_once(
        customer=scene.customer, name="Setup", asset=scene.dollars, unit_price=Decimal(5),
        key="k", product="services", at=on("2025-01-10"),
    )  # fmt: skip
    found = api.get("reports/revenue", **SPAN).json()

    assert [(row["product"], row["month"], row["amount"]) for row in found["rows"]] == [
        ("services", "2025-01", "5"),
        ("sum", "2025-01", "100"),
    ]
    assert found["totals"] == {"USD": "105"}
    assert {row["difference"] for row in found["ties"]} == {"0"}
    by_source = api.get("reports/revenue", **SPAN, group="source").json()["rows"]
    assert {row["source"] for row in by_source} == {"one_off_revenue", "usage_revenue"}
    assert code(api.get("reports/revenue", **SPAN, group="mood")) == (400, "invalid_input")


def test_what_is_owed_either_way_is_reported(scene, api):
    scene.grant(40, at=on("2025-01-20"))
    deferred = api.get("reports/deferred-revenue", **SPAN).json()
    [credit] = deferred["credit"]
    assert (credit["sold"], credit["closing"], credit["difference"]) == ("40", "40", "0")

    [row] = api.get("reports/contract-balances", **SPAN).json()["rows"]
    assert (row["closing"]["unbilled"], row["closing"]["credit"]) == ("100", "40")
    one = api.get("reports/contract-balances", **SPAN, customer=scene.customer.key).json()
    assert (len(one["rows"]), one["ties"]) == (1, [])
    assert api.get("reports/commitments").json()["rows"] == []
