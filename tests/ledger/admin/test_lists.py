"""Lists show their pages in a fixed number of queries, and count nothing."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.urls import reverse

from ledger.admin.base import Listing
from ledger.models import Account, Customer, Entry, JobRun, Outbox, Transaction
from ledger.moves import Move
from tests import factories
from tests.factories import NOON
from tests.ledger import journal
from tests.ledger.admin.browser import Browser, counted

pytestmark = pytest.mark.django_db

OURS = [
    f"{model._meta.app_label}_{model._meta.model_name}_changelist"
    for model, page in admin.site._registry.items()
    if isinstance(page, Listing)
]


def fill(scene, count):
    """Make rows of every kind that the ledger lists."""
    for number in range(count):
        child = factories.customer(parent=scene.customer)
        factories.grant(wallet=factories.wallet(customer=child))
        scene.top_up(10)
        scene.use(1)
        scene.consume(3)
        at = NOON + timedelta(minutes=number)
        JobRun.objects.create(job=factories.name("job"), period_start=at, started_at=at)
        key = factories.name("key")
        Outbox.objects.create(topic="t", key=key, created_at=at, available_at=at)


@pytest.fixture
def scene():
    return journal.scene()


@pytest.mark.parametrize("page", OURS)
def test_number_of_queries_does_not_depend_on_rows(scene, page):
    browser = Browser()
    fill(scene, 2)
    few = browser.queries(page)
    fill(scene, 8)
    many = browser.queries(page)

    assert len(many) == len(few) <= 12
    assert not counted(many)


def test_first_page_reads_its_figures_without_counting_the_journal(scene):
    fill(scene, 3)

    assert not counted(Browser().queries("index"))


def ids_on(response):
    return [row.pk for row in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("page", "model", "order"),
    [
        ("ledger_transaction_changelist", Transaction, ["-pk"]),
        ("ledger_entry_changelist", Entry, ["-pk"]),
        ("ledger_account_changelist", Account, ["-pk"]),
        ("ledger_customer_changelist", Customer, ["key", "pk"]),
    ],
)
def test_pages_follow_each_other_and_come_back(scene, page, model, order, monkeypatch):
    fill(scene, 4)
    browser = Browser()
    monkeypatch.setattr(admin.site._registry[model], "list_per_page", 3)
    address = reverse(f"admin:{page}")
    seen, pages = [], []
    response = browser.client.get(address)
    while True:
        pages.append(ids_on(response))
        seen += pages[-1]
        if not (further := response.context["cl"].next_url):
            break
        response = browser.client.get(address + further)

    assert seen == list(model.objects.order_by(*order).values_list("pk", flat=True))

    back = browser.client.get(address + response.context["cl"].previous_url)
    assert ids_on(back) == pages[-2]


@pytest.mark.parametrize("place", ["", "x", "[]", '["x"]', '["1", "2"]', "null", '[{"a": 1}]'])
def test_a_page_that_does_not_exist_leads_back_to_the_list(scene, place):
    response = Browser().client.get(
        reverse("admin:ledger_transaction_changelist"), {"after": place}
    )

    assert response.status_code == 302


def test_filters_are_kept_from_page_to_page(scene, monkeypatch):
    fill(scene, 3)
    monkeypatch.setattr(admin.site._registry[Account], "list_per_page", 2)
    response = Browser().get("ledger_account_changelist", purpose="credit_lot")
    further = Browser().client.get(
        reverse("admin:ledger_account_changelist") + response.context["cl"].next_url
    )

    assert {row.purpose for row in further.context["cl"].result_list} == {"credit_lot"}


def test_accounts_are_found_by_customer_purpose_and_number(scene):
    fill(scene, 1)
    browser = Browser()
    lot = scene.lot

    for term in (scene.customer.key, "credit_lot", str(lot.pk)):
        assert lot.pk in ids_on(browser.get("ledger_account_changelist", q=term))
    assert not ids_on(browser.get("ledger_account_changelist", q="nobody"))


def test_transactions_are_found_by_key_and_by_the_number_of_an_entry(scene):
    posted = scene.top_up(5)
    scene.top_up(6)
    entry = Entry.objects.of(posted).get()
    browser = Browser()

    for term in (posted.key, str(posted.pk), str(entry.pk)):
        assert ids_on(browser.get("ledger_transaction_changelist", q=term)) == [posted.pk]


def test_entries_are_found_by_their_transaction(scene):
    moves = [Move(scene.clearing.pk, scene.lot.pk, Decimal(amount)) for amount in (1, 2)]
    posted = scene.post(moves)
    scene.top_up(6)

    found = ids_on(Browser().get("ledger_entry_changelist", q=str(posted.pk)))

    assert found == [posted.pk + 2, posted.pk + 1]


def test_balances_of_customers_are_shown_beside_them(scene):
    fill(scene, 2)

    assert "100.00 USD" in Browser().read("ledger_customer_changelist")
