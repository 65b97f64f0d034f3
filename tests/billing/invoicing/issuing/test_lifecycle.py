"""What happens to a document between its draft and its end."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import payments
from billing.invoicing import advancing, lifecycle, states
from billing.invoicing.errors import BlockedDraftError, InvoiceStateError, StaleDraftError
from billing.models import Billable, Invoice, InvoiceEvent, Payment, Supplier
from ledger import verification
from ledger.errors import InvalidInputError
from ledger.models import Outbox, Period, TestClock
from tests import factories
from tests.billing.invoicing.documents import (
    DRAFTED,
    ISSUED,
    composed_draft,
    issued_invoice,
    selling,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def scene():
    return selling()


def approve(draft):
    return lifecycle.approve(invoice=draft, by="Ada", at=ISSUED)


def void(invoice, reason="wrong customer"):
    return lifecycle.void(invoice=invoice, reason=reason, by="Ada", at=ISSUED + DAY)


def pay(invoice, amount, at=ISSUED + DAY):
    """Have an amount of it paid, or the payment of that amount taken back; 0 looks anew."""
    if amount > 0:
        payments.record(
            payer=invoice.payer,
            asset=invoice.asset,
            amount=Decimal(amount),
            method="bank",
            received_at=at,
            key=factories.name("payment"),
            reference=invoice.number,
            at=at,
        )
    elif amount < 0:
        payment = Payment.objects.get(payer=invoice.payer, amount=-amount)
        payments.reverse(payment=payment, reason="AC04", by="bank", key=factories.name("r"), at=at)
    lifecycle.refresh_state(invoice_ids=[invoice.pk], at=at, by="bank")
    invoice.refresh_from_db()
    return invoice.state


def names(invoice, at=ISSUED):
    invoice.refresh_from_db()
    return [one.name for one in lifecycle.available(invoice=invoice, at=at)]


def told(invoice):
    rows = Outbox.objects.filter(topic="event", payload__data__invoice_id=str(invoice.pk))
    return [row.payload["type"] for row in rows.order_by("pk")]


def test_an_approved_draft_is_issued_as_it_is(scene):
    draft = approve(composed_draft(scene))
    assert (draft.state, draft.approved_by, draft.approved_at) == ("approved", "Ada", ISSUED)

    issued = lifecycle.issue(invoice=draft, by="Bob", at=ISSUED)

    assert (issued.state, issued.approved_by) == ("issued", "Ada")
    assert told(issued) == ["invoice.approved", "invoice.issued"]


def test_the_same_action_again_changes_nothing(scene):
    draft = composed_draft(scene)
    for _ in range(2):
        approve(draft)
    for _ in range(2):
        number = lifecycle.issue(invoice=draft, by="Bob", at=ISSUED).number
    for _ in range(2):
        void(draft)

    assert number == "INV-2025-000001"
    actions = InvoiceEvent.objects.filter(invoice=draft).values_list("action", flat=True)
    assert list(actions) == ["approve", "issue", "void"]


def test_an_approval_can_be_taken_back(scene):
    draft = approve(composed_draft(scene))

    draft = lifecycle.unapprove(invoice=draft, by="Bob", at=ISSUED)

    assert (draft.state, draft.approved_by, draft.issue_after) == ("draft", "", None)


def test_a_discarded_draft_cannot_be_issued(scene):
    draft = composed_draft(scene)
    lifecycle.discard(invoice=draft, by="Bob", at=ISSUED, reason="test")

    with pytest.raises(InvoiceStateError, match="discarded"):
        lifecycle.issue(invoice=draft, by="Bob", at=ISSUED)


def test_a_critical_problem_keeps_a_draft_from_approval_and_issue(scene):
    problems = [{"code": "no_address", "is_critical": True}]
    draft = composed_draft(scene, is_blocked=True, problems=problems)

    with pytest.raises(BlockedDraftError, match="no_address"):
        approve(draft)
    with pytest.raises(BlockedDraftError, match="no_address"):
        lifecycle.issue(invoice=draft, by="Bob", at=ISSUED)


def test_an_approved_draft_whose_source_was_billed_since_is_a_draft_again(scene):
    draft = approve(composed_draft(scene, 10))
    issued_invoice(scene, 5, group_key="other")

    with pytest.raises(StaleDraftError):
        lifecycle.issue(invoice=draft, by="Bob", at=ISSUED)

    draft.refresh_from_db()
    assert draft.state == "draft"


def test_states_follow_what_is_paid(scene):
    invoice = issued_invoice(scene, 100)

    assert pay(invoice, 40) == "partially_paid"
    assert pay(invoice, 60) == "paid"
    assert pay(invoice, -60) == "partially_paid"
    assert pay(invoice, -40) == "issued"
    assert pay(invoice, 0, at=ISSUED + 40 * DAY) == "overdue"
    assert pay(invoice, 100, at=ISSUED + 41 * DAY) == "paid"
    assert told(invoice) == [
        "invoice.issued",
        "invoice.partially_paid",
        "invoice.paid",
        "invoice.partially_paid",
        "invoice.overdue",
        "invoice.paid",
    ]


def test_refreshing_again_changes_nothing(scene):
    invoice = issued_invoice(scene)

    assert lifecycle.refresh_state(invoice_ids=[invoice.pk], at=ISSUED + 40 * DAY) == [invoice.pk]
    assert lifecycle.refresh_state(invoice_ids=[invoice.pk], at=ISSUED + 41 * DAY) == []


def test_each_state_offers_what_may_be_done_and_where_it_leads(scene):
    draft = composed_draft(scene, 10)
    assert names(draft) == ["refresh", "approve", "issue", "discard"]
    approve(draft)
    assert names(draft) == ["unapprove", "issue", "discard"]
    lifecycle.issue(invoice=draft, by="Bob", at=ISSUED)
    assert names(draft) == ["send", "pay", "credit", "write_off", "void"]
    assert "mark_overdue" in names(draft, at=ISSUED + 31 * DAY)
    pay(draft, 5)
    assert names(draft) == ["send", "pay", "credit", "write_off"]
    pay(draft, 5)
    assert names(draft) == ["send", "credit"]
    offered = lifecycle.available(invoice=issued_invoice(scene, 0), at=ISSUED)
    assert [(one.name, one.results) for one in offered][-1] == ("void", ("void",))


def test_every_action_leads_where_the_table_of_states_allows():
    for action in states.ACTIONS:
        for before in action.before:
            reachable = states.TRANSITIONS[before] | {before}
            assert not action.results or set(action.results) & reachable, (action.name, before)


def test_voiding_leaves_every_account_as_before(scene):
    draft = composed_draft(scene, "10.004", tax=19)
    unbilled = scene.unbilled
    billable = Billable.objects.get(pk=draft.lines.get().billable_id)
    lifecycle.issue(invoice=draft, by="Bob", at=ISSUED)

    voided = void(draft)

    assert (voided.state, voided.open, voided.number) == ("void", 0, "INV-2025-000001")
    assert scene.unbilled == unbilled
    for purpose in ("receivable", "tax_payable", "rounding"):
        assert scene.holds(purpose) == 0
    after = Billable.objects.get(pk=billable.pk)
    assert (after.billed, after.settled_at, after.last_line_id) == (billable.billed, None, None)
    assert verification.verify(book=scene.book).is_clean


def test_what_was_voided_is_billed_again(scene):
    void(issued_invoice(scene, 10))

    again = issued_invoice(scene, 0)

    assert (again.number, again.due) == ("INV-2025-000002", 10)


def test_the_last_of_two_is_voided_first(scene):
    first, second = issued_invoice(scene, 10), issued_invoice(scene, 5)

    with pytest.raises(InvoiceStateError, match="later document"):
        void(first)
    void(second)
    void(first)

    assert scene.holds("receivable") == 0


def _pay_a_part(invoice):
    pay(invoice, 10)


def _close_month(invoice):
    Period.objects.filter(book=invoice.book).update(state="closed", closed_at=ISSUED)


def _never_void(invoice):
    Supplier.objects.create(book=invoice.book, may_void=False, updated_at=ISSUED)


def _correct(invoice):
    note = Invoice.objects.create(
        book=invoice.book,
        payer=invoice.payer,
        asset=invoice.asset,
        kind="credit_note",
        series_key="CN",
        corrects=invoice,
        drafted_at=ISSUED,
    )
    lifecycle.issue(invoice=note, by="Bob", at=ISSUED)


@pytest.mark.parametrize(
    ("reason", "hinder"),
    [
        ("paid", _pay_a_part),
        ("month is closed", _close_month),
        ("credits what", _never_void),
        ("corrects it", _correct),
    ],
)
def test_what_others_rely_on_is_not_voided(scene, reason, hinder):
    invoice = issued_invoice(scene, 50)
    hinder(invoice)

    with pytest.raises(InvoiceStateError, match=reason):
        void(invoice)


def test_voiding_needs_a_reason(scene):
    with pytest.raises(InvalidInputError, match="reason"):
        void(issued_invoice(scene), reason="")


def test_sending_is_written_down(scene):
    invoice = issued_invoice(scene)

    sent = lifecycle.send(invoice=invoice, by="Bob", at=ISSUED, to="ap@example.com")

    assert sent.sent_at == ISSUED
    assert InvoiceEvent.objects.get(invoice=invoice, action="send").facts == {
        "to": "ap@example.com"
    }


def test_time_issues_what_needs_no_approval(scene):
    draft = composed_draft(scene)

    done = advancing.advance(at=ISSUED, by="schedule")

    assert done.issued == 1
    draft.refresh_from_db()
    assert draft.state == "issued"


def test_time_waits_for_the_delay_and_for_a_person_where_one_must_approve(scene):
    composed_draft(scene, issue_after=DRAFTED + 2 * DAY)
    assert advancing.advance(at=DRAFTED + DAY, by="schedule").issued == 0
    assert advancing.advance(at=DRAFTED + 2 * DAY, by="schedule").issued == 1

    draft = composed_draft(scene, issue_after=None)
    assert advancing.advance(at=DRAFTED + 9 * DAY, by="schedule").issued == 0
    approve(draft)
    assert advancing.advance(at=DRAFTED + 9 * DAY, by="schedule").issued == 1


def test_time_makes_unpaid_invoices_overdue_the_day_after(scene):
    invoice = issued_invoice(scene)

    assert advancing.advance(at=ISSUED + 30 * DAY, by="schedule").overdue == 0
    assert advancing.advance(at=ISSUED + 31 * DAY, by="schedule").overdue == 1

    invoice.refresh_from_db()
    assert invoice.state == "overdue"


def test_who_lives_by_a_test_clock_is_advanced_by_it_alone(scene):
    clock = TestClock.objects.create(book=scene.book, key="k", now_at=ISSUED, created_at=ISSUED)
    scene.customer.clock = clock
    scene.customer.save()
    composed_draft(scene)

    assert advancing.advance(at=ISSUED, by="schedule").issued == 0
    assert advancing.advance(at=ISSUED, by="clock", payer_ids=[scene.customer.pk]).issued == 1


def test_what_fails_is_noted_and_keeps_no_one_waiting(scene):
    others = [
        composed_draft(scene, 10, customer=factories.customer(book=scene.book)) for _ in range(4)
    ]
    broken = composed_draft(scene, 10)
    broken.lines.update(exact_due=Decimal(9), due=9, amount=9)

    done = advancing.advance(at=ISSUED, by="schedule")

    assert (done.issued, done.failed) == (4, 1)
    broken.refresh_from_db()
    assert (broken.state, broken.attempts) == ("draft", 1)
    assert "differ" in broken.failure
    assert {Invoice.objects.get(pk=one.pk).sequence for one in others} == {1, 2, 3, 4}

    broken.lines.update(exact_due=10, due=10, amount=10)
    assert advancing.advance(at=ISSUED, by="schedule").issued == 1
    broken.refresh_from_db()
    assert broken.failure == ""
