"""Drafts become documents with a number, and what they say is posted."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from billing.invoicing import issuing, states
from billing.invoicing.errors import InvoiceDiffersError
from billing.models import Billable, Invoice, InvoiceEvent, InvoiceLine, InvoiceTax, Series
from ledger import closing, verification
from ledger.errors import InvalidInputError
from ledger.models import Outbox, Period, Transaction
from tests import factories
from tests.billing.invoicing.documents import (
    DRAFTED,
    ISSUED,
    composed_draft,
    issued_invoice,
    selling,
    used,
)
from tests.billing.scene import entries

pytestmark = pytest.mark.django_db

OVERDRAWN = {
    "kind": "overdraft",
    "billable": None,
    "before": None,
    "upto": None,
    "amount": 5,
    "due": 5,
    "taxable": 5,
    "exact_due": 0,
    "exact_overdraft": 5,
}


@pytest.fixture
def scene():
    return selling()


def issue(*drafts, **more):
    return issuing.issue(
        invoice_ids=[draft.pk for draft in drafts], at=more.pop("at", ISSUED), by="Ada", **more
    )


def posted(invoice):
    """Return what an invoice posted, as (debit, credit, amount)."""
    return [entry[:3] for entry in entries(f"e.transaction_id = {invoice.transaction_id}")]


def test_an_issued_invoice_has_a_number_a_date_and_is_owed(scene):
    draft = composed_draft(scene, 120, tax=19)

    assert issue(draft).numbers == {draft.pk: "INV-2025-000001"}

    draft.refresh_from_db()
    assert (draft.state, draft.open, draft.due) == ("issued", Decimal("142.80"), Decimal("142.80"))
    assert (draft.issue_date, draft.due_date) == (date(2025, 7, 5), date(2025, 8, 4))
    assert posted(draft) == [
        ("receivable", "unbilled", Decimal(120)),
        ("receivable", "tax_payable", Decimal("22.8")),
    ]
    assert scene.unbilled == 0
    assert scene.holds("tax_payable", "DE:S:19") == Decimal("-22.8")
    assert verification.verify(book=scene.book).is_clean


def test_what_printing_rounds_goes_to_rounding(scene):
    invoice = issued_invoice(scene, "10.004")

    assert invoice.due == 10
    assert posted(invoice) == [
        ("receivable", "unbilled", Decimal("10.004")),
        ("rounding", "receivable", Decimal("0.004")),
    ]
    assert scene.unbilled == 0


def test_the_rounding_of_a_source_never_adds_up(scene):
    invoices = [issued_invoice(scene, "0.004") for _ in range(5)]

    assert [one.due for one in invoices] == [0, Decimal("0.01"), 0, Decimal("0.01"), 0]
    assert scene.holds("rounding") == 0
    assert scene.holds("receivable") == Decimal("0.02")


def test_a_payer_owes_what_another_consumed(scene):
    payer = factories.customer(book=scene.book)
    invoice = issued_invoice(scene, 50, payer=payer)

    assert scene.holds("receivable", customer=payer) == 50
    assert scene.holds("receivable") == 0
    assert scene.unbilled == 0
    assert invoice.payer == payer


def test_issuing_again_changes_nothing(scene):
    draft = composed_draft(scene)
    issue(draft)
    transactions = Transaction.objects.count()

    again = issue(draft)

    assert (again.numbers, again.skipped) == ({}, [draft.pk])
    assert Transaction.objects.count() == transactions


def test_a_source_that_was_billed_since_makes_a_draft_stale(scene):
    first = composed_draft(scene, 10)
    second = composed_draft(scene, 5, group_key="other")  # is about the same fifteen, as a whole

    assert issue(second).numbers
    result = issue(first)

    assert (result.numbers, result.stale) == ({}, [first.pk])
    first.refresh_from_db()
    assert (first.state, [problem["code"] for problem in first.problems]) == ("draft", ["stale"])
    assert scene.holds("receivable") == 15


def test_of_two_drafts_of_one_source_in_one_call_none_is_issued(scene):
    first, second = composed_draft(scene, 10), composed_draft(scene, 5, group_key="other")

    result = issue(first, second)

    assert (result.numbers, result.stale) == ({}, [first.pk, second.pk])


def test_drafts_that_follow_each_other_are_issued_together(scene):
    first = composed_draft(scene, 10)
    line = first.lines.get()
    second = composed_draft(scene, 5, group_key="other")
    following = second.lines.get()
    InvoiceLine.objects.filter(pk=following.pk).update(
        before=line.upto, amount=5, due=5, exact_due=5, taxable=5
    )
    Invoice.objects.filter(pk=second.pk).update(subtotal=5, taxable=5, total=5, due=5)

    assert len(issue(second, first).numbers) == 2

    billable = Billable.objects.get(pk=line.billable_id)
    assert billable.billed == following.upto
    assert billable.last_line_id == following.pk
    assert scene.unbilled == 0


def test_a_source_that_is_over_is_settled_when_all_of_it_is_billed(scene):
    invoice = issued_invoice(scene, 10)

    assert Billable.objects.get(pk=invoice.lines.get().billable_id).settled_at == DRAFTED


def test_a_source_with_more_to_bill_is_looked_at_again(scene):
    draft = composed_draft(scene, 10)
    composed_draft(scene, 7, group_key="other")  # seven more are used

    issue(draft)

    assert Billable.objects.get(pk=draft.lines.get().billable_id).settled_at is None


def test_a_progressive_invoice_settles_nothing(scene):
    invoice = issued_invoice(scene, 10, until=DRAFTED - timedelta(days=10))

    assert Billable.objects.get(pk=invoice.lines.get().billable_id).settled_at is None


def test_nothing_due_is_paid_at_once_and_posts_nothing(scene):
    invoice = issued_invoice(scene, 0)

    assert (invoice.state, invoice.transaction_id, invoice.paid_at) == ("paid", None, ISSUED)


def test_blocked_drafts_are_skipped(scene):
    draft = composed_draft(scene, is_blocked=True)

    assert issue(draft).skipped == [draft.pk]


def test_a_document_may_be_dated_back_but_not_ahead(scene):
    draft = composed_draft(scene)

    with pytest.raises(InvalidInputError, match="issue_date"):
        issue(draft, issue_date=date(2025, 7, 6))
    issue(draft, issue_date=date(2025, 6, 30))

    draft.refresh_from_db()
    assert draft.issue_date == date(2025, 6, 30)
    posting = Transaction.objects.get(pk=draft.transaction_id)
    assert posting.effective_at.date() == date(2025, 6, 30)


def test_a_document_is_not_dated_back_into_a_closed_month(scene):
    draft = composed_draft(scene)
    june = closing.begin(period=Period.objects.get(book=scene.book), at=DRAFTED)
    closing.close(period=june, at=DRAFTED)

    with pytest.raises(InvalidInputError, match="closed"):
        issue(draft, issue_date=date(2025, 6, 30))

    assert issue(draft, issue_date=date(2025, 7, 1)).numbers


def test_numbers_are_counted_by_series_and_year(scene):
    first = issued_invoice(scene)
    note = issued_invoice(scene, kind="debit_note", series_key="DN")
    second = issued_invoice(scene)
    later = issued_invoice(scene, at=ISSUED + timedelta(days=365))

    assert [one.number for one in (first, note, second, later)] == [
        "INV-2025-000001",
        "DN-2025-000001",
        "INV-2025-000002",
        "INV-2026-000001",
    ]


def test_a_series_has_the_pattern_it_was_given(scene):
    Series.objects.create(book=scene.book, key="INV", year=2025, pattern="R{sequence:04}/{year}")

    assert issued_invoice(scene).number == "R0001/2025"


def test_figures_that_differ_are_refused_by_code_and_database(scene):
    draft = composed_draft(scene)
    Invoice.objects.filter(pk=draft.pk).update(total=99, due=99, taxable=99, subtotal=99)
    with pytest.raises(InvoiceDiffersError):
        issue(draft)

    Invoice.objects.filter(pk=draft.pk).update(total=100, due=100, taxable=100, subtotal=100)
    InvoiceTax.objects.create(invoice=draft, category="S", percentage=19, base=100, tax=19)
    with pytest.raises(InvoiceDiffersError):
        issue(draft)

    draft.refresh_from_db()
    assert draft.state == "draft"
    assert not Series.objects.filter(book=scene.book).exists()


def test_what_is_issued_cannot_be_changed(scene):
    invoice = issued_invoice(scene)

    for values in ({"due": 1, "total": 1}, {"number": "X"}, {"issue_date": date(2025, 1, 1)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Invoice.objects.filter(pk=invoice.pk).update(**values)
    with pytest.raises(IntegrityError, match="stand"), transaction.atomic():
        invoice.lines.update(description="Less")


def test_the_posting_carries_what_the_document_says(scene):
    invoice = issued_invoice(scene)

    evidence = Transaction.objects.get(pk=invoice.transaction_id).evidence

    assert bytes(evidence) == bytes(invoice.content)


def test_issuing_is_written_down_and_told(scene):
    invoice = issued_invoice(scene, tax=19)

    row = InvoiceEvent.objects.get(invoice=invoice)
    assert (row.action, row.state_before, row.state_after) == ("issue", "draft", "issued")
    payload = Outbox.objects.get(topic="event", key=f"invoice.issued:{row.pk}").payload
    assert payload["type"] == "invoice.issued"
    assert payload["data"]["invoice"] == invoice.number
    assert payload["data"]["due"] == "119"


def test_many_are_issued_by_as_many_statements_as_one(django_assert_max_num_queries):
    def count(size):
        scene = selling()
        book = scene.book
        drafts = [
            composed_draft(scene, 10, tax=19, customer=factories.customer(book=book))
            for _ in range(size)
        ]
        issue(composed_draft(scene, 1, group_key="warm"))
        with django_assert_max_num_queries(40) as captured:
            assert len(issue(*drafts).numbers) == size
        return len(captured)

    assert count(1) == count(6)


def test_python_and_the_database_know_the_same_transitions():
    with connection.cursor() as cursor:
        for was, becomes in [(a, b) for a in states.TRANSITIONS for b in states.TRANSITIONS]:
            cursor.execute("SELECT billing_may_become(%s, %s)", [was, becomes])
            allowed = was == becomes or becomes in states.TRANSITIONS[was]
            assert cursor.fetchone()[0] == allowed, (was, becomes)


@pytest.fixture
def overdrawn(scene):
    """Return a draft for five dollars that the customer used beyond its credit."""
    scene.limit(0)
    used(scene, 5)
    draft = composed_draft(scene, 0, line=OVERDRAWN)
    Invoice.objects.filter(pk=draft.pk).update(subtotal=5, taxable=5, total=5, due=5)
    assert scene.overdraft == 5
    return draft


def test_an_overdraft_is_billed_to_who_used_it(scene, overdrawn):
    assert issue(overdrawn).numbers

    assert scene.overdraft == 0
    assert scene.holds("receivable") == 5


def test_an_overdraft_that_credit_has_covered_since_is_not_billed(scene, overdrawn):
    scene.grant(3, at=DRAFTED)
    other = composed_draft(
        scene, 0, group_key="other", customer=factories.customer(book=scene.book)
    )

    result = issue(overdrawn, other)

    assert (list(result.numbers), result.stale) == ([other.pk], [overdrawn.pk])
    assert scene.overdraft == 2
    assert scene.holds("receivable") == 0
