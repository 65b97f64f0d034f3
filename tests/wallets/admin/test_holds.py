"""Holds in the admin: found, looked into, released in need."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry

from tests import factories
from tests.ledger.admin.browser import Browser, counted
from tests.wallets.admin.scene import TENTH, wallet_at
from tests.wallets.holds.setting_aside import capture, held_on, hold, reserve
from wallets.models import Hold

pytestmark = pytest.mark.django_db

PAGE = "wallets_hold_change"


@pytest.fixture
def grant():
    return factories.grant(wallet=wallet_at())


def test_a_hold_says_where_it_lies_and_what_was_taken(grant):
    second = factories.grant(wallet=grant.wallet, amount=50)
    held = hold(grant.wallet.customer, 120, at=TENTH, purpose="A long answer", feature_key="api")
    part = capture(held, 30, at=TENTH, is_final=False)

    said = Browser().read(PAGE, held.pk)

    assert "Captured: 30.00 USD" in said
    assert "Still set aside: 90.00 USD" in said
    where = said.partition("Where it lies")[2]
    assert where.index(str(grant)) < where.index(str(second))
    assert f"{part.key} 30.00 USD" in said


def test_what_a_capture_waits_for_is_said(grant):
    held = hold(grant.wallet.customer, 20, at=TENTH)
    capture(held, 15, at=TENTH, events=[("app", "call-1"), ("app", "call-2")], arrived=lambda _: {})

    said = Browser().read(PAGE, held.pk)

    assert "15.00 USD 15.00 USD 0 of 2 came" in said


def test_finance_releases_with_a_reason_that_stays_on_record(grant):
    held = hold(grant.wallet.customer, 20, at=TENTH)
    finance = Browser(role="Finance operations")

    finance.do("wallets_hold_release", held.pk, values={"reason": "The agent died"})

    held.refresh_from_db()
    assert (held.state, held_on(grant)) == ("released", 0)
    done = LogEntry.objects.get(object_id=str(held.pk)).change_message
    assert f"The agent died (user:{finance.user.username})" in done
    finance.get("wallets_hold_release", held.pk, status=403)


def test_releasing_needs_a_reason_and_the_permission(grant):
    held = hold(grant.wallet.customer, 20, at=TENTH)
    auditor, finance = Browser(role="Auditor"), Browser(role="Finance operations")

    page = finance.do("wallets_hold_release", held.pk, values={}, status=200)
    auditor.do("wallets_hold_release", held.pk, values={"reason": "r"}, status=403)

    assert "reason" in page.context["form"].errors
    assert not auditor.offers("release", PAGE, held.pk)
    assert held_on(grant) == 20


def test_a_hold_is_over_when_it_expires_though_no_sweep_has_run(grant):
    held = hold(grant.wallet.customer, 20, at=TENTH - timedelta(hours=1))

    browser = Browser()

    assert "expired" in browser.read(PAGE, held.pk)
    assert not browser.offers("release", PAGE, held.pk)


def test_a_denied_hold_says_why(grant):
    denied = reserve(grant.wallet.customer, 101, at=TENTH).hold

    said = Browser().read(PAGE, denied.pk)

    assert "credit_exhausted" in said
    assert "It was denied: nothing was set aside." in said


def test_holds_are_found_by_state_customer_and_key(grant):
    mine = hold(grant.wallet.customer, 1, at=TENTH)
    denied = reserve(grant.wallet.customer, 1000, at=TENTH).hold
    other = hold(factories.grant().wallet.customer, 1)
    browser = Browser()

    def found(**query):
        page = browser.get("wallets_hold_changelist", **query)
        return [row.pk for row in page.context["cl"].result_list]

    assert found() == [other.pk, denied.pk, mine.pk]
    assert found(state="denied") == [denied.pk]
    assert found(q="acme") == [denied.pk, mine.pk]
    assert found(q=other.key) == [other.pk]


def test_the_list_takes_the_same_queries_however_long(grant):
    browser = Browser()
    hold(grant.wallet.customer, 1, at=TENTH)
    few = browser.queries("wallets_hold_changelist")
    for _ in range(6):
        hold(factories.grant().wallet.customer, 1)
    many = browser.queries("wallets_hold_changelist")

    assert Hold.objects.count() == 7
    assert len(many) == len(few) <= 8
    assert not counted(many)
