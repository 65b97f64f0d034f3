"""Runs of invoices by API and by command: begun, paused, gone on with, and how far they are."""

import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.invoicing import drafting, scheduled
from billing.models import Invoice, Run, Supplier
from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.documents import ISSUED, issued_invoice, selling, used

pytestmark = pytest.mark.django_db

LATER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def scene():
    found = selling()
    for _ in range(3):
        used(found, 10, customer=factories.customer(book=found.book))
    return found


@pytest.fixture
def api(scene):
    return Api(scene.book)


def run(command, *words):
    out = StringIO()
    call_command(command, *words, stdout=out)
    return " ".join(re.sub(r"[^\w ,.:-]", " ", out.getvalue()).split())


def test_a_run_is_begun_by_one_request_and_done_by_workers(api, scene):
    response = api.post("invoice-runs", {"key": "june"})
    assert response.status_code == 202
    assert response.json()["progress"]["payers"] == 3
    assert api.post("invoice-runs", {"key": "june", "issues": False}).status_code == 409

    assert scheduled.work_on_runs(at=LATER) == 1

    found = api.get("invoice-runs/june").json()
    assert (found["run"]["state"], found["progress"]["issued"]) == ("done", 3)
    assert [row["key"] for row in api.get("invoice-runs").json()["data"]] == ["june"]
    documents = api.get("invoices", run=found["run"]["id"]).json()["data"]
    assert len(documents) == 3


def test_a_run_is_paused_and_gone_on_with(api, scene):
    api.post("invoice-runs", {"key": "june"})

    assert api.post("invoice-runs/june/pause").json()["run"]["state"] == "paused"
    assert scheduled.work_on_runs(at=LATER) == 0
    assert api.post("invoice-runs/june/resume").json()["run"]["state"] == "running"
    assert scheduled.work_on_runs(at=LATER) == 1


def test_what_failed_is_said_with_its_payer(api, scene, monkeypatch):
    def fail(**_terms):
        raise ValueError("no address")

    api.post("invoice-runs", {"key": "june"})
    with monkeypatch.context() as patched:
        patched.setattr(drafting, "draft", fail)
        scheduled.work_on_runs(at=LATER)

    found = api.get("invoice-runs/june").json()
    assert found["run"]["state"] == "failed"
    assert {row["failure"] for row in found["failures"]} == {"no address"}
    assert api.post("invoice-runs/june/resume").json()["progress"]["payers_failed"] == 0


def test_runs_are_for_who_sees_the_whole_book(scene):
    bound = Api(scene.book, customer=scene.customer)

    assert bound.get("invoice-runs").status_code == 404
    assert code(Api(scene.book).get("invoice-runs/none")) == (404, "not_found")


def test_books_that_say_who_sells_make_invoices_by_themselves(scene):
    assert scheduled.invoice(at=LATER).issued == 0
    Supplier.objects.create(book=scene.book, updated_at=LATER)

    turn = scheduled.invoice(at=LATER)

    assert (turn.drafted, turn.issued) == (3, 3)
    assert scheduled.invoice(at=LATER).drafted == 0


def test_whoever_fails_keeps_no_one_from_their_invoice(scene, monkeypatch):
    Supplier.objects.create(book=scene.book, updated_at=LATER)
    draft = drafting.draft
    unlucky = scene.book.customers.order_by("-pk").values_list("pk", flat=True)[0]

    def fail(**terms):
        if unlucky in terms["payers"]:
            raise ValueError("broken")
        return draft(**terms)

    with monkeypatch.context() as patched:
        patched.setattr(drafting, "draft", fail)
        turn = scheduled.invoice(at=LATER)

    assert (turn.issued, list(turn.failures)) == (2, [unlucky])
    assert scheduled.invoice(at=LATER).issued == 1


def test_unpaid_invoices_fall_overdue_by_themselves(scene):
    invoice = issued_invoice(scene, 5, at=ISSUED)

    assert scheduled.invoice(at=LATER).overdue == 1
    invoice.refresh_from_db()
    assert invoice.state == "overdue"


def test_the_commands_draft_then_issue(scene):
    book = scene.book.key

    assert "documents 3 due, USD 30.00" in run("issue_invoices", "--book", book, "--dry-run")
    assert not Invoice.objects.exists()
    assert "drafted 3 issued 0" in run("draft_invoices", "--book", book, "--until", "2025-07-05")
    assert "drafted 0 issued 3" in run("issue_invoices", "--book", book)
    assert set(Invoice.objects.values_list("state", flat=True)) == {"issued"}


def test_a_command_goes_on_with_the_run_that_was_stopped(scene, api):
    book = scene.book.key
    with pytest.raises(CommandError, match="no run"):
        run("issue_invoices", "--book", book, "--resume")
    api.post("invoice-runs", {"key": "june"})
    api.post("invoice-runs/june/pause")

    assert "Run june state done" in run("issue_invoices", "--book", book, "--resume")
    assert Run.objects.count() == 1


def test_a_command_says_what_it_cannot_read(scene):
    with pytest.raises(CommandError, match="--until is 'soon'"):
        run("issue_invoices", "--book", scene.book.key, "--until", "soon")
    with pytest.raises(CommandError, match="for what is over"):
        run("issue_invoices", "--book", scene.book.key, "--until", "2999-01-01")
