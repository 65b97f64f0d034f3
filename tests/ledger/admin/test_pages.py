"""Reports, status, roles, and what is set up through operations."""

import csv
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from ledger import outbox, sealing
from ledger.access import authenticate
from ledger.errors import DomainError
from ledger.models import ApiKey, Asset, Book, Customer, JobRun, Outbox, Period
from tests import factories
from tests.factories import NOON
from tests.ledger import journal
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = journal.scene()
    scene.top_up(1000)
    scene.use(250)
    scene.consume(42)
    return scene


class TestTrialBalance:
    def test_each_asset_balances(self, scene):
        said = Browser().read("ledger_trial_balance", book=scene.book.pk)

        assert "rail_clearing 0.00 1,000.00 0.00 1,000.00" in said
        assert "usage_revenue 0.00 0.00 250.00 -250.00" in said
        assert "Total 0.00 1,250.00 1,250.00 0.00" in said
        assert "consumed_units 0 42 0 42" in said

    def test_a_period_or_an_instant_is_chosen(self, scene):
        period = Period.objects.get(book=scene.book)
        browser = Browser()

        of_period = browser.read("ledger_trial_balance", book=scene.book.pk, period=period.pk)
        before = browser.read(
            "ledger_trial_balance", book=scene.book.pk, effective_at="2025-01-01T00:00:00"
        )

        assert "usage_revenue" in of_period
        assert "usage_revenue" not in before

    def test_it_is_downloaded_as_csv(self, scene):
        response = Browser().get("ledger_trial_balance", book=scene.book.pk, csv="1")
        rows = list(csv.reader(response.content.decode().splitlines()))

        assert response["Content-Type"].startswith("text/csv")
        assert ["income", "usage_revenue", "USD", "0", "0", "250", "-250"] in rows

    def test_csv_starts_no_formula(self, scene):
        Asset.objects.filter(pk=scene.dollars.pk).update(code="=cmd()")

        response = Browser().get("ledger_trial_balance", book=scene.book.pk, csv="1")

        assert "'=cmd()" in response.content.decode()
        assert ",=cmd()" not in response.content.decode()

    def test_books_that_do_not_balance_are_said(self, scene):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_delta DISABLE TRIGGER USER")
            cursor.execute(
                "UPDATE ledger_delta SET debits = debits + 1 WHERE account_id = %s",
                [scene.clearing.pk],
            )

        assert "verify_ledger" in Browser().read("ledger_trial_balance", book=scene.book.pk)

    def test_without_a_book_it_is_empty(self):
        assert "Trial balance" in Browser().read("ledger_trial_balance", book="x")

    def test_it_needs_the_permission(self):
        Browser(permissions=[]).get("ledger_trial_balance", status=403)


class TestVerification:
    def test_before_anything_is_sealed(self):
        assert "Nothing has been sealed yet" in Browser().read("ledger_verification")

    @pytest.mark.django_db(transaction=True)  # only what is committed can be sealed
    def test_head_lag_and_last_result_are_shown(self, scene):
        at = NOON + timedelta(days=1)
        JobRun.objects.create(
            job="verify", period_start=at, started_at=at, finished_at=at, state="failed",
            error="entry 5 differs",
        )  # fmt: skip
        unsealed = Browser().read("ledger_verification")
        sealing.seal(at=at)
        sealed = Browser().read("ledger_verification")

        assert "none waiting" not in unsealed
        assert "none waiting" in sealed
        assert str(sealing.head()) in sealed
        assert "entry 5 differs" in sealed
        assert "manage.py verify_ledger" in sealed


class TestRoles:
    def test_an_auditor_sees_everything_and_does_nothing(self, scene):
        call_command("create_roles", verbosity=0)
        browser = Browser(role="Auditor")
        posted = scene.top_up(3)

        for page in ("index", "ledger_account_changelist", "ledger_trial_balance"):
            browser.get(page)
        assert not browser.offers("reverse", "ledger_transaction_change", posted.pk)
        browser.get("ledger_transaction_reverse", posted.pk, status=403)
        browser.get("ledger_customer_add", status=403)
        browser.get("wallets_wallet_add", status=403)

    def test_finance_operations_act_but_do_not_set_up(self, scene):
        browser = Browser(role="Finance operations")
        posted = scene.top_up(3)

        assert browser.offers("reverse", "ledger_transaction_change", posted.pk)
        browser.get("ledger_transaction_reverse", posted.pk)
        browser.get("ledger_apikey_add", status=403)
        browser.get("ledger_book_add", status=403)

    def test_making_roles_again_keeps_what_was_added(self):
        call_command("create_roles", verbosity=0)
        group = Group.objects.get(name="Auditor")
        before = group.permissions.count()
        group.permissions.add(*Group.objects.get(name="Finance operations").permissions.all())

        call_command("create_roles", verbosity=0)

        assert group.permissions.count() > before

    def test_a_stranger_is_sent_to_the_login(self, client):
        assert client.get(reverse("admin:ledger_trial_balance")).status_code == 302


def test_figures_are_for_those_who_may_see_them(scene):
    assert "Unspent credit" in Browser().read("index")
    assert "Unspent credit" not in Browser(permissions=["ledger.view_seal"]).read("index")


def test_a_key_is_shown_once_and_ends_when_revoked(scene):
    browser = Browser()
    values = {"book": scene.book.pk, "name": "gateway", "scopes": ["ingest", "read"]}

    page = browser.do("ledger_apikey_add", values=values, status=200)
    secret = page.context["secret"]
    key = ApiKey.objects.get()

    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert authenticate(secret, at=NOON).pk == key.pk
    assert secret not in browser.get("ledger_apikey_change", key.pk).content.decode()

    browser.do("ledger_apikey_revoke", key.pk)
    with pytest.raises(DomainError):
        authenticate(secret, at=NOON)


def test_what_the_domain_refuses_is_said_at_its_field(scene):
    values = {"book": scene.book.pk, "name": "x", "scopes": ["read"]}
    other = factories.customer()

    page = Browser().do("ledger_apikey_add", values={**values, "customer": other.key}, status=200)

    assert page.context["form"].errors["customer"] == ["name a customer of the book"]


def test_a_book_an_asset_and_a_customer_are_added():
    browser = Browser()
    browser.do(
        "ledger_book_add",
        values={"key": "b", "name": "B", "base_currency": "EUR", "time_zone": "Europe/Berlin"},
    )
    book = Book.objects.get(key="b")
    browser.do(
        "ledger_asset_add", values={"code": "tok", "name": "Token", "kind": "unit", "scale": "0"}
    )
    customer = {"book": book.pk, "name": "ACME", "kind": "company"}
    browser.do("ledger_customer_add", values={**customer, "key": "acme"})
    browser.do("ledger_customer_add", values={**customer, "key": "team", "parent": "acme"})

    assert Asset.objects.get(code="tok").scale == 0
    assert Customer.objects.get(key="team").parent.key == "acme"
    page = browser.read("ledger_customer_change", Customer.objects.get(key="acme").pk)
    assert "team" in page


def test_a_customer_is_moved_but_not_below_itself():
    parent = factories.customer(key="parent")
    child = factories.customer(parent=parent, key="child")
    browser = Browser()
    values = {"name": "Parent", "is_active": "on", "parent": "child"}

    page = browser.do("ledger_customer_edit", parent.pk, values=values, status=200)
    browser.do("ledger_customer_edit", child.pk, values={"name": "Free", "is_active": "on"})

    child.refresh_from_db()
    assert "parent" in page.context["form"].errors
    assert (child.parent, child.name) == (None, "Free")


def test_a_name_already_taken_is_said(scene):
    values = {"book": scene.book.pk, "name": "x", "kind": "team", "key": scene.customer.key}

    page = Browser().do("ledger_customer_add", values=values, status=200)

    assert "That name is taken" in page.content.decode()


def test_a_period_begins_to_close(scene):
    period = Period.objects.get(book=scene.book)
    browser = Browser(permissions=["ledger.view_period", "ledger.close_period"])

    browser.do("ledger_period_begin", period.pk)

    period.refresh_from_db()
    assert period.state == "closing"


def test_closing_needs_the_permission(scene):
    period = Period.objects.get(book=scene.book)

    Browser(permissions=["ledger.view_period"]).do("ledger_period_begin", period.pk, status=403)


def test_a_dead_outbox_row_is_tried_again():
    row = outbox.publish(topic="t", key="k", payload={}, at=NOON)
    Outbox.objects.filter(pk=row.pk).update(is_dead=True, attempts=9)
    browser = Browser()

    browser.do("ledger_outbox_revive", row.pk)

    row.refresh_from_db()
    assert (row.is_dead, row.attempts) == (False, 0)
    browser.do("ledger_outbox_revive", row.pk, status=403)


def test_a_row_that_does_not_exist_is_not_found():
    Browser().get("ledger_transaction_reverse", 5, status=404)


def test_what_was_done_stands_in_the_history():
    customer = factories.customer()
    browser = Browser()
    browser.do("ledger_customer_edit", customer.pk, values={"name": "New", "is_active": "on"})

    said = browser.read("ledger_customer_history", customer.pk)

    assert f"Change: Changed {customer.key}." in said
    assert "1 entry" in said
