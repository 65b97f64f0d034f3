"""Ledger rows are shown and never edited; what was posted wrongly is reversed."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from ledger import balances
from ledger.admin.base import Listing
from ledger.models import Account, Entry, Seal, Transaction
from ledger.moves import Move
from tests import factories
from tests.factories import NOON
from tests.ledger import journal
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db

REVERSE = "ledger_transaction_reverse"
SHOW = "ledger_transaction_change"
LOOK_AND_REVERSE = ["ledger.view_transaction", "ledger.reverse_transaction"]


@pytest.fixture
def scene():
    return journal.scene()


def reversal_of(transaction):
    return Transaction.objects.get(reverses=transaction)


@pytest.mark.parametrize("model", [Account, Entry, Seal, Transaction])
def test_ledger_rows_cannot_be_added_changed_or_deleted(scene, model):
    scene.top_up(10)
    page, request = admin.site._registry[model], None

    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    name = f"admin:ledger_{model._meta.model_name}"
    client = Browser().client
    assert client.get(reverse(f"{name}_add")).status_code == 403
    for row in model.objects.all()[:1]:
        assert client.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert client.post(reverse(f"{name}_delete", args=[row.pk]), {}).status_code == 403


def test_no_page_of_ours_lets_a_row_be_edited_or_deleted():
    for page in admin.site._registry.values():
        if isinstance(page, Listing):
            assert not page.has_change_permission(None)
            assert not page.has_delete_permission(None)


def test_a_transaction_is_reversed_with_a_reason(scene):
    posted = scene.top_up(100)
    browser = Browser(permissions=LOOK_AND_REVERSE)
    entry = Entry.objects.of(posted).get()
    assert browser.offers("reverse", SHOW, posted.pk)

    browser.do(
        REVERSE, posted.pk, values={"reason": "twice", f"amount_{entry.pk}": "100", "key": "x"}
    )

    reversal = reversal_of(posted)
    assert (reversal.memo, reversal.cause) == ("twice", f"user:{browser.user.username}")
    assert balances.now([scene.lot.pk])[scene.lot.pk].settled == 0
    assert LogEntry.objects.get().user == browser.user


def test_a_transaction_is_reversed_in_part(scene):
    moves = [Move(scene.clearing.pk, scene.lot.pk, Decimal(amount)) for amount in (40, 60)]
    posted = scene.post(moves)
    first, second = Entry.objects.of(posted)

    Browser().do(
        REVERSE,
        posted.pk,
        values={"reason": "part", f"amount_{first.pk}": "0", f"amount_{second.pk}": "15.5"},
    )

    assert Entry.objects.of(reversal_of(posted)).get().amount == Decimal("15.5")


def test_a_reversal_takes_effect_when_told(scene):
    posted = scene.top_up(100)
    entry = Entry.objects.of(posted).get()
    values = {"reason": "r", f"amount_{entry.pk}": "100", "effective_at": "2025-06-20T08:00:00"}

    Browser().do(REVERSE, posted.pk, values=values)

    assert reversal_of(posted).effective_at.isoformat() == "2025-06-20T08:00:00+00:00"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"reason": ""}, "This field is required"),
        ({"amount": "101"}, "less than or equal to 100"),
        ({"amount": "-1"}, "greater than or equal to 0"),
        ({"amount": "0"}, "at least one move"),
        ({"amount": "1e400"}, "Ensure that there are no more than"),
    ],
)
def test_what_cannot_be_reversed_is_said_at_the_form(scene, values, said):
    posted = scene.top_up(100)
    entry = Entry.objects.of(posted).get()
    given = {"reason": "r", "amount": "100"} | values
    given[f"amount_{entry.pk}"] = given.pop("amount")

    response = Browser().do(REVERSE, posted.pk, values=given, status=200)

    assert said in response.content.decode()
    assert not Transaction.objects.exclude(reverses=None).exists()


def test_spent_credit_cannot_be_reversed(scene):
    posted = scene.top_up(100)
    scene.use(30)
    entry = Entry.objects.of(posted).get()
    values = {"reason": "r", f"amount_{entry.pk}": "100"}

    response = Browser().do(REVERSE, posted.pk, values=values, status=200)

    assert "below its lower bound" in response.content.decode()


def test_reversing_needs_the_permission(scene):
    posted = scene.top_up(100)
    browser = Browser(permissions=["ledger.view_transaction"])

    assert not browser.offers("reverse", SHOW, posted.pk)
    browser.get(REVERSE, posted.pk, status=403)
    browser.do(REVERSE, posted.pk, values={"reason": "r"}, status=403)
    assert not Transaction.objects.exclude(reverses=None).exists()


def test_a_transaction_is_reversed_once(scene):
    posted = scene.top_up(100)
    entry = Entry.objects.of(posted).get()
    browser = Browser()
    values = {"reason": "r", f"amount_{entry.pk}": "100"}
    browser.do(REVERSE, posted.pk, values=values)

    browser.do(REVERSE, posted.pk, values=values, status=403)

    assert "reversed" in browser.read("ledger_transaction_changelist")


def test_usage_is_corrected_by_its_events_instead(scene):
    scene.top_up(100)
    moves = [Move(scene.lot.pk, scene.revenue.pk, Decimal(1))]
    posted = scene.post(moves, kind="usage")
    browser = Browser()

    assert "Void or amend the event" in browser.read(SHOW, posted.pk)
    browser.do(REVERSE, posted.pk, values={"reason": "r"}, status=403)


def test_a_transaction_shows_its_entries_page_by_page(scene, monkeypatch):
    monkeypatch.setattr("ledger.admin.transactions._ENTRIES", 2)
    moves = [Move(scene.clearing.pk, scene.lot.pk, Decimal(amount)) for amount in (11, 22, 33)]
    posted = scene.post(moves)
    browser = Browser()

    first = browser.read(SHOW, posted.pk)
    rest = browser.read(SHOW, posted.pk, entries_after=posted.pk + 2)

    assert [amount in first for amount in ("11.00 USD", "22.00 USD", "33.00 USD")] == [1, 1, 0]
    assert [amount in rest for amount in ("11.00 USD", "22.00 USD", "33.00 USD")] == [0, 0, 1]


def test_an_entry_says_why_it_exists():
    grant = factories.grant(amount=50)
    entry = Entry.objects.get(source_id=grant.pk)

    page = Browser().get("ledger_entry_change", entry.pk).content.decode()

    assert reverse("admin:wallets_creditgrant_change", args=[grant.pk]) in page
    assert reverse("admin:ledger_transaction_change", args=[entry.transaction_id]) in page


class TestTAccount:
    def statement(self, account, **query):
        page = Browser().get("ledger_account_change", account.pk, **query).content.decode()
        rows = re.findall(r"(?s)<tr>(.*?)</tr>", page[page.index("mb-t-account") :])
        lines = [re.findall(r"(?s)<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]
        return [[" ".join(re.sub("<[^>]+>", "", cell).split()) for cell in line] for line in lines]

    def test_debits_stand_left_credits_right_and_the_balance_runs(self, scene):
        scene.top_up(1000)
        scene.use(250)

        lines = self.statement(scene.lot)

        assert lines[0][-3:] == ["Debit", "Credit", "Balance"]
        assert [line[-3:] for line in lines[1:]] == [
            ["–", "–", "0.00 USD"],
            ["", "1,000.00", "1,000.00"],
            ["250.00", "", "750.00"],
            ["", "", "750.00 USD"],
        ]

    def test_house_accounts_have_one_line_a_transaction(self, scene):
        scene.top_up(1000)
        posted = scene.use(250)

        lines = self.statement(scene.revenue, period="all")

        assert [line[-2:] for line in lines[2:-1]] == [["250.00", "250.00"]]
        assert posted.key in lines[2][1]

    def test_pages_go_on_where_the_last_one_ended(self, scene, monkeypatch):
        monkeypatch.setattr("ledger.admin.t_account._LINES", 2)
        for amount in (1, 2, 3):
            scene.top_up(amount)
        page = Browser().get("ledger_account_change", scene.lot.pk)
        query = page.context["tables"][-1].next_url

        page = Browser().client.get(
            reverse("admin:ledger_account_change", args=[scene.lot.pk]) + query
        )

        assert [row[-1] for row in page.context["tables"][-1].rows][1:] == [
            '<span class="mb-amount">6.00</span>'
        ]
        assert page.context["tables"][-1].next_url == ""

    def test_a_period_is_chosen(self, scene):
        scene.top_up(1000, at=NOON - timedelta(days=60))
        scene.top_up(5)

        newest = self.statement(scene.lot)
        ever = self.statement(scene.lot, period="all")

        assert [line[-1] for line in newest[1:]] == ["1,000.00 USD", "1,005.00", "1,005.00 USD"]
        assert len(ever) == len(newest) + 1

    def test_the_balance_as_of_an_instant_is_shown(self, scene):
        scene.top_up(1000)
        scene.use(250, at=NOON + timedelta(hours=2))

        said = Browser().read(
            "ledger_account_change", scene.lot.pk, effective_at="2025-06-15T13:00:00"
        )

        assert "Balance as of" in said
        assert "1,000.00 1,000.00 USD" in said

    def test_a_cursor_that_is_none_is_refused_politely(self, scene):
        assert "cursor" in Browser().read("ledger_account_change", scene.lot.pk, cursor="nonsense")

    def test_a_long_history_takes_no_more_queries(self, scene):
        scene.top_up(1000)
        few = Browser().queries("ledger_account_change", scene.lot.pk)
        for _ in range(10):
            scene.use(1)

        assert len(Browser().queries("ledger_account_change", scene.lot.pk)) <= len(few) + 1
