"""The admin's pages of charges, revenue and period ends."""

import pytest

from billing.models import Charge, Reopening
from ledger.models import Period
from tests.billing.charging.agreed import on
from tests.billing.scene import event
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def january(scene):
    scene.send(event(100, at=on("2025-01-10")), at=on("2025-01-10"))
    return Period.objects.get(book=scene.book, starts_at=on("2025-01-01"))


def state(period):
    period.refresh_from_db()
    return period.state


def test_a_period_is_checked_closed_and_reopened(january):
    browser = Browser()
    browser.do("ledger_period_check", january.pk)
    page = browser.read("ledger_period_change", january.pk)
    assert "Checklist" in page
    assert "Nobody has run it yet" not in page

    browser.do("ledger_period_close", january.pk)
    assert state(january) == "closed"
    browser.do("ledger_period_reopen", january.pk, values={"reason": ""}, status=200)
    browser.do("ledger_period_reopen", january.pk, values={"reason": "a mistake"})
    assert state(january) == "open"
    assert Reopening.objects.get().reopened_by.startswith("user:")
    assert "a mistake" in browser.read("ledger_period_change", january.pk)


def test_what_blocks_is_shown_and_answered_for(scene, january):
    scene.grant(40, at=on("2025-01-05"))
    browser = Browser()
    page = browser.do("ledger_period_close", january.pk, status=200)
    assert "rail_clearing USD 40" in page.content.decode()
    assert "rail_clearing USD 40" in browser.read("ledger_period_change", january.pk)

    answer = {"check_key": "clearing", "reason": "arrives on Monday"}
    browser.do("ledger_period_waive", january.pk, values=answer)
    assert "arrives on Monday" in browser.read("ledger_period_change", january.pk)
    browser.do("ledger_period_close", january.pk)
    assert state(january) == "closed"


def test_each_step_needs_its_permission(january):
    looker = Browser(permissions=["ledger.view_period"])
    for operation in ("check", "close", "waive", "reopen"):
        looker.do(f"ledger_period_{operation}", january.pk, status=403)
    closer = Browser(permissions=["ledger.view_period", "ledger.close_period"])
    closer.do("ledger_period_close", january.pk)
    closer.do("ledger_period_reopen", january.pk, values={"reason": "x"}, status=403)


@pytest.mark.parametrize(
    "name", ["revenue", "deferred_revenue", "contract_balances", "commitments"]
)
def test_reports_are_pages_and_files(january, name):
    browser = Browser()
    page = browser.read(f"billing_{name}")
    assert "Against the trial balance" in page

    answer = browser.get(f"billing_{name}", csv="1")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert b"Difference" in answer.content
    Browser(permissions=[]).get(f"billing_{name}", status=403)


def test_revenue_shows_products_by_month(january):
    page = Browser().read("billing_revenue")

    assert "sum USD 50.00" in page
    assert "All USD 50.00" in page  # below the products


def test_a_book_without_periods_has_empty_reports(book):
    assert "Revenue" in Browser().read("billing_revenue", book=book.pk)


def charge(scene, **more):
    return {
        "customer": scene.customer.key, "key": "k", "kind": "one_off", "name": "Onboarding",
        "asset": scene.dollars.pk, "unit_price": "250", "quantity": "2", **more,
    }  # fmt: skip


def test_something_is_charged_once_or_adjusted(scene):
    browser = Browser()
    browser.do("billing_charge_add", values=charge(scene))
    adjusted = charge(scene, key="a", kind="adjustment", unit_price="-20", reason="outage")
    browser.do("billing_charge_add", values=adjusted)

    assert scene.unbilled == 480
    one_off, adjustment = Charge.objects.order_by("pk")
    assert "Onboarding" in browser.read("billing_charge_changelist")
    assert "500.00" in browser.read("billing_charge_change", one_off.pk)
    assert "outage" in browser.read("billing_charge_change", adjustment.pk)


def test_what_is_wrong_is_shown_at_its_field(scene):
    page = Browser().do("billing_charge_add", values=charge(scene, quantity="0"), status=200)
    assert "quantity" in page.context["form"].errors
    page = Browser().do("billing_charge_add", values=charge(scene, kind="adjustment"), status=200)
    assert "reason" in page.context["form"].errors
