"""Documents by API: read, approved, issued, voided, many at once."""

from decimal import Decimal

import pytest
from django.utils.timezone import now as clock

from ledger.models import ApiKey
from tests import factories
from tests.api import Api, code
from tests.billing.invoicing.documents import (
    ISSUED,
    composed_draft,
    issued_invoice,
    selling,
)
from wallets import approvals
from wallets.models import Approval

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return selling()


@pytest.fixture
def api(scene):
    return Api(scene.book)


def names(document):
    return [action["name"] for action in document["actions"]]


def test_a_document_says_what_may_be_done_with_it(api, scene):
    draft = composed_draft(scene, 120, tax=19)

    found = api.get(f"invoices/{draft.pk}").json()

    assert (found["state"], found["number"], found["due"]) == ("draft", "", "142.8")
    assert found["taxes"][0]["tax"] == "22.8"
    assert found["actions"][2] == {"name": "issue", "title": "Issue", "results": ["issued"]}
    assert names(found) == ["refresh", "approve", "issue", "discard"]


def test_a_draft_is_approved_issued_and_voided(api, scene):
    path = f"invoices/{composed_draft(scene).pk}"

    assert api.post(f"{path}/approve").json()["state"] == "approved"
    assert api.post(f"{path}/unapprove").json()["state"] == "draft"
    issued = api.post(f"{path}/issue", once="k").json()
    assert issued == api.post(f"{path}/issue", once="k").json()
    assert (issued["state"], issued["number"]) == ("issued", f"INV-{clock():%Y}-000001")
    assert api.get(f"invoices/{issued['number']}").json()["id"] == issued["id"]
    assert api.post(f"{path}/send", {"to": "ap@example.com"}).json()["sent_at"]
    assert code(api.post(f"{path}/void")) == (400, "invalid_input")
    assert api.post(f"{path}/void", {"reason": "wrong"}).json()["state"] == "void"
    assert code(api.post(f"{path}/approve")) == (409, "invoice_state")

    history = api.get(f"{path}/history").json()["data"]
    assert [row["action"] for row in history] == ["approve", "unapprove", "issue", "send", "void"]
    assert history[-1]["reason"] == "wrong"


def test_a_document_is_dated_by_the_caller(api, scene):
    path = f"invoices/{composed_draft(scene).pk}/issue"

    issued = api.post(path, {"issue_date": "2025-06-30"}).json()

    assert (issued["issue_date"], issued["due_date"]) == ("2025-06-30", "2025-07-30")


def test_lines_say_what_is_charged(api, scene):
    draft = composed_draft(scene, 120, tax=19)

    [line] = api.get(f"invoices/{draft.pk}/lines").json()["data"]

    assert (line["kind"], line["amount"], line["tax"]) == ("usage", "120", "22.8")
    assert line["consumer"] == scene.customer.key


def test_documents_are_listed_by_what_they_are(api, scene):
    first, second = issued_invoice(scene, 1), issued_invoice(scene, 0)
    note = issued_invoice(scene, 2, kind="debit_note", series_key="DN")

    def ids(**query):
        return [int(row["id"]) for row in api.get("invoices", **query).json()["data"]]

    assert ids() == [note.pk, second.pk, first.pk]
    assert ids(state="paid") == [second.pk]
    assert ids(kind="debit_note") == [note.pk]
    assert ids(is_open="true") == [note.pk, first.pk]
    assert ids(is_open="false") == [second.pk]
    assert ids(payer=scene.customer.key, number=first.number) == [first.pk]
    assert ids(issued_from="2026-01-01") == []
    assert code(api.get("invoices", payer="nobody")) == (404, "not_found")


def test_many_drafts_are_approved_and_issued_at_once(api, scene):
    drafts = [
        composed_draft(scene, 10, customer=factories.customer(book=scene.book)) for _ in range(3)
    ]
    blocked = composed_draft(scene, 10, is_blocked=True, problems=[{"code": "no_address"}])
    ids = [str(one.pk) for one in [*drafts, blocked]]

    approved = api.post("invoices/bulk", {"action": "approve", "ids": ids}).json()["data"]
    assert [row["state"] for row in approved] == ["approved"] * 3 + ["draft"]
    assert "critical problem" in approved[-1]["error"]

    issued = api.post("invoices/bulk", {"action": "issue", "ids": ids}).json()["data"]
    numbers = [f"INV-{clock():%Y}-00000{n}" for n in (1, 2, 3)]
    assert sorted(row["number"] for row in issued[:3]) == numbers
    assert [bool(row["error"]) for row in issued] == [False, False, False, True]


def test_a_bound_key_sees_what_it_was_sent_and_changes_nothing(scene):
    mine, draft = issued_invoice(scene), composed_draft(scene, 5)
    other = issued_invoice(scene, customer=factories.customer(book=scene.book))
    bound = Api(scene.book, customer=scene.customer)

    assert [row["id"] for row in bound.get("invoices").json()["data"]] == [str(mine.pk)]
    shown = bound.get(f"invoices/{mine.pk}").json()
    assert (shown["actions"], shown["approved_by"], shown["problems"]) == ([], "", [])
    assert Api(scene.book).get(f"invoices/{mine.pk}").json()["approved_by"]
    assert bound.get(f"invoices/{mine.pk}/lines").status_code == 200
    for hidden in (draft, other):
        assert code(bound.get(f"invoices/{hidden.pk}")) == (404, "not_found")
    assert bound.get(f"invoices/{mine.pk}/history").status_code == 404
    assert bound.post(f"invoices/{mine.pk}/void", {"reason": "x"}).status_code == 404


def test_reading_is_not_enough_to_issue(scene):
    draft = composed_draft(scene)
    reader = Api(scene.book, scopes=[ApiKey.Scope.READ])

    assert code(reader.post(f"invoices/{draft.pk}/issue")) == (403, "scope_missing")


def test_a_large_invoice_is_issued_by_another_than_who_approved_it(api, scene, settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(50)}
    first = composed_draft(scene, 100)
    other = Api(scene.book)
    path = f"invoices/{first.pk}"

    waiting = api.post(f"{path}/issue")
    assert (waiting.status_code, waiting.json()["operation"]) == (202, "invoice.issue")
    assert api.post(f"{path}/approve").json()["issue_after"] is None
    assert api.post(f"{path}/issue").status_code == 202
    bulk = {"action": "issue", "ids": [str(first.pk)]}
    said = api.post("invoices/bulk", bulk).json()["data"][0]["error"]
    assert f"approval={waiting.json()['id']}" in said.replace("'", "").replace(": ", "=")

    assert other.post(f"{path}/issue").json()["state"] == "issued"


def test_a_large_invoice_is_issued_once_a_second_person_agrees(api, scene, settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(50)}
    draft = composed_draft(scene, 100)
    waiting = api.post(f"invoices/{draft.pk}/issue").json()

    approvals.approve(
        approval=Approval.objects.get(pk=waiting["id"]), by="somebody else", at=ISSUED
    )

    draft.refresh_from_db()
    assert (draft.state, draft.number) == ("issued", "INV-2025-000001")
