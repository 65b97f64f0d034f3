"""Documents in the admin: what they say, what may be done, many at once; runs and series."""

from decimal import Decimal

import pytest

from billing.invoicing import running
from billing.models import Invoice, Run, Series
from tests import factories
from tests.billing.invoicing.documents import (
    DRAFTED,
    ISSUED,
    composed_draft,
    issued_invoice,
    selling,
    used,
)
from tests.ledger.admin.browser import Browser
from wallets.models import Approval

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def scene():
    return selling()


@pytest.fixture
def browser():
    return Browser()


def test_a_page_says_what_is_charged_what_may_be_done_and_where_it_leads(scene, browser):
    draft = composed_draft(scene, 120, tax=19, line={"description": EVIL})

    shown = browser.read("billing_invoice_change", draft.pk)

    assert "142.80 USD" in shown
    assert "Approve approved" in shown
    assert "Issue issued" in shown
    assert "&lt;script&gt;" in shown
    assert "DE S 19 % 120.00 22.80" in shown


def test_a_draft_is_approved_issued_and_voided_by_buttons(scene, browser):
    draft = composed_draft(scene)

    browser.do("billing_invoice_approve", draft.pk)
    browser.do("billing_invoice_issue", draft.pk)
    assert browser.offers("void", "billing_invoice_change", draft.pk)
    assert f"Open {draft.due:.2f} USD" in browser.read("billing_invoice_change", draft.pk)
    assert not browser.offers("discard", "billing_invoice_change", draft.pk)
    browser.do("billing_invoice_void", draft.pk, values={"reason": "wrong"})

    draft.refresh_from_db()
    assert (draft.state, draft.closed_reason) == ("void", "wrong")
    shown = browser.read("billing_invoice_change", draft.pk)
    assert f"void Void user:{browser.user.username} wrong" in shown.replace(
        "void void", "void Void"
    )


def test_what_is_refused_is_said_on_the_form(scene, browser):
    first = issued_invoice(scene, 10)
    issued_invoice(scene, 5)

    browser.do("billing_invoice_void", first.pk, values={"reason": "x"}, status=403)


def test_many_are_approved_and_issued_from_the_list(scene, browser):
    drafts = [
        composed_draft(scene, 10, customer=factories.customer(book=scene.book)) for _ in range(3)
    ]
    drafts.append(composed_draft(scene, 1, is_blocked=True, problems=[{"code": "no_address"}]))
    chosen = {"_selected_action": [one.pk for one in drafts]}

    browser.do("billing_invoice_changelist", values=chosen | {"action": "approve_selected"})
    browser.do("billing_invoice_changelist", values=chosen | {"action": "issue_selected"})

    states = Invoice.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["issued"] * 3 + ["draft"]
    shown = browser.read("billing_invoice_changelist")
    assert "Issued: 3." in shown
    assert "Refused 1" in shown


def test_what_is_large_waits_for_a_second_person_one_by_one_and_in_bulk(scene, browser, settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(50)}
    small, large, other = (
        composed_draft(scene, amount, customer=factories.customer(book=scene.book))
        for amount in (10, 100, 90)
    )

    browser.do("billing_invoice_issue", large.pk)
    chosen = {"_selected_action": [small.pk, large.pk, other.pk], "action": "issue_selected"}
    browser.do("billing_invoice_changelist", values=chosen)

    issued = Invoice.objects.exclude(number="")
    assert list(issued) == [small]
    waiting = list(Approval.objects.order_by("pk"))
    assert [one.amount for one in waiting] == [100, 90]
    second = Browser()
    second.do("wallets_approval_approve", waiting[1].pk)
    assert set(issued.all()) == {small, other}


def test_who_may_only_look_is_offered_nothing(scene):
    draft = composed_draft(scene)
    auditor = Browser(role="Auditor")

    assert not auditor.offers("approve", "billing_invoice_change", draft.pk)
    auditor.do("billing_invoice_approve", draft.pk, status=403)


def test_a_list_takes_as_many_queries_as_a_row(scene, browser):
    issued_invoice(scene, 1)
    one = len(browser.queries("billing_invoice_changelist"))
    for _ in range(4):
        issued_invoice(scene, 1)

    assert len(browser.queries("billing_invoice_changelist")) == one


def test_a_run_shows_how_far_it_is_and_what_failed(scene, browser, monkeypatch):
    for _ in range(2):
        used(scene, 10, customer=factories.customer(book=scene.book))
    browser.do("billing_run_add", values={"book": scene.book.pk, "key": "june", "issues": "on"})
    run = Run.objects.get()
    assert "0 of 2" in browser.read("billing_run_change", run.pk)

    browser.do("billing_run_pause", run.pk)
    assert running.work(run=run, at=ISSUED).payers_done == 0
    browser.do("billing_run_resume", run.pk)
    running.work(run=run, at=run.until)

    shown = browser.read("billing_run_change", run.pk)
    assert "2 of 2" in shown
    assert "issued 2" in shown


def test_a_series_is_named_and_written_otherwise(scene, browser):
    wanted = {"book": scene.book.pk, "key": "INV", "pattern": "R{sequence:04}"}
    browser.do("billing_series_add", values=wanted)
    assert issued_invoice(scene, 1, at=DRAFTED).number == "R0001"

    series = Series.objects.get()
    browser.do("billing_series_pattern", series.pk, values={"pattern": "none"}, status=200)
    browser.do(
        "billing_series_pattern", series.pk, values={"pattern": "{year}-{sequence}"}, status=200
    )
    browser.do("billing_series_pattern", series.pk, values={"pattern": "S{sequence}"})

    assert issued_invoice(scene, 1, at=DRAFTED).number == "S2"
