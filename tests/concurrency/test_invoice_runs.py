"""Each source is billed once, each number given once, whoever works at it, races or is killed."""

import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command
from django.db import connections

from billing.invoicing import checks, drafting, issuing, lifecycle, making, running
from billing.models import Billable, Invoice, Run
from ledger import closing, verification
from ledger.errors import TransientError
from ledger.models import Period
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.invoicing.documents import DRAFTED, ISSUED, composed_draft, selling, used
from tests.billing.scene import event
from tests.concurrency.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 10
FEBRUARY = on("2024-02-01")


@pytest.fixture
def scene():
    return selling()


@pytest.fixture
def run(scene, monkeypatch):
    """Return a run for many payers in small parts."""
    monkeypatch.setattr(running, "PART", 3)
    for _ in range(30):
        used(scene, 10, customer=factories.customer(book=scene.book))
    return running.start(book=scene.book, key="june", until=DRAFTED, at=ISSUED, by="Ada")


def assert_billed_once(run):
    """Assert that each payer has one invoice, and the numbers follow each other."""
    numbers = Invoice.objects.filter(book=run.book).exclude(number="").order_by("sequence")
    payers = [one.payer_id for one in numbers]
    assert len(payers) == len(set(payers))
    assert [one.sequence for one in numbers] == list(range(1, len(payers) + 1))
    assert_ties_out(run.book)


def assert_ties_out(book):
    for check in checks.ALL:
        assert list(check(book_id=book.pk)) == [], check.__name__


def test_eight_workers_do_each_part_of_a_run_once(run):
    at_once([lambda: running.work(run=run, at=ISSUED)] * 8)

    found = running.progress(run)
    assert (found.state, found.payers_done, found.issued) == ("done", 30, 30)
    assert_billed_once(run)
    assert verification.verify(book=run.book).is_clean


def test_a_run_that_is_killed_again_and_again_bills_each_once(run):
    random.seed(7)
    killed = 0
    for _ in range(KILLS):
        killed += _killed_at_work(run)
        assert_billed_once(run)
        Run.objects.filter(pk=run.pk).update(state="running")

    found = running.work(run=run, at=ISSUED)

    assert killed  # a quick machine is done before the last rounds
    assert (found.state, found.payers_done) == ("done", 30)
    assert Invoice.objects.filter(book=run.book).exclude(number="").count() == 30
    assert not Billable.objects.filter(book=run.book, settled_at=None).exists()
    assert_billed_once(run)


def _killed_at_work(run):
    """Have a process work on a run, kill it at any moment, and say whether it was at work."""
    connections.close_all()  # what is shared with a child would be closed by it
    context = multiprocessing.get_context("fork")
    has_begun = context.Event()
    process = context.Process(target=_work, args=(run, has_begun))
    process.start()
    assert has_begun.wait(30)
    time.sleep(random.uniform(0, 0.15))  # a part takes longer
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


def _work(run, has_begun):
    running.progress(run)  # connected
    has_begun.set()
    running.work(run=run, at=ISSUED)


def test_a_command_shares_a_run_among_processes(run):
    call_command("issue_invoices", "--book", run.book.key, "--resume", "--workers", "3")

    run.refresh_from_db()
    assert run.state == "done"
    assert Invoice.objects.filter(book=run.book).exclude(number="").count() == 30
    assert_billed_once(run)


def test_of_many_who_issue_at_once_each_has_its_number(scene):
    drafts = [_by_hand(scene, place) for place in range(64)]

    def issue(draft):
        return lambda: issuing.issue(invoice_ids=[draft.pk], at=ISSUED, by="Ada").numbers

    given = at_once([issue(draft) for draft in drafts])

    numbers = sorted(number for found in given for number in found.values())
    assert numbers == [f"INV-2025-{place:06}" for place in range(1, 65)]
    assert_ties_out(scene.book)


def _by_hand(scene, place):
    """Return a draft for something that no usage stands behind."""
    said = {"subtotal": 1, "taxable": 1, "total": 1, "due": 1}
    draft = Invoice.objects.create(
        book=scene.book,
        payer=scene.customer,
        asset=scene.dollars,
        kind="invoice",
        series_key="INV",
        key=f"by hand {place}",
        drafted_at=DRAFTED,
        **said,
    )
    line = {"amount": 1, "due": 1, "taxable": 1, "description": "Setup", "kind": "manual"}
    draft.lines.create(position=1, consumer=scene.customer, **line)
    return draft


def test_one_draft_is_issued_by_one_of_many(scene):
    draft = composed_draft(scene, 10)

    given = at_once(
        [lambda: issuing.issue(invoice_ids=[draft.pk], at=ISSUED, by="Ada").numbers] * 8
    )

    assert sum(len(found) for found in given) == 1
    assert scene.holds("receivable") == 10


def test_late_usage_voided_events_and_fees_race_with_invoices_and_nothing_is_lost():
    sub = agreed()
    sub.fee(31)
    sub.usage(sub.scene.meter("sum", price=None), {"type": "unit", "amount": "0.5"})
    for day in range(1, 9):
        sent = event(day, id=f"e{day}", at=on(f"2024-01-{day:02}"))
        sub.scene.send(sent, at=on("2024-01-20"))
    sub.run("2024-01-01")
    invoice, charge = partial(_invoice, sub), partial(sub.run, FEBRUARY)

    _retried([invoice, _late(sub, 10), partial(_take_back, sub), charge, invoice, _late(sub, 20)])
    charge()
    invoice()

    units = sum(range(1, 9)) - (2 + 5 + 8) + 2 * 2 * 3
    assert billed(sub.scene) == 31 * 2 + Decimal(units) / 2
    assert sub.scene.unbilled == 0
    assert_ties_out(sub.scene.book)
    assert verification.verify(book=sub.scene.book).is_clean


def billed(scene):
    """Return what all documents come to, credit notes less."""
    signs = {"invoice": 1, "credit_note": -1}
    issued = Invoice.objects.filter(book=scene.book).exclude(number="")
    return sum(signs[one.kind] * one.due for one in issued)


def _invoice(sub):
    for _ in range(4):
        making.make(
            book=sub.scene.book,
            payer_ids=[sub.scene.customer.pk],
            until=FEBRUARY,
            at=FEBRUARY + timedelta(hours=2),
            by="Ada",
        )


def _late(sub, day):
    def send():
        for turn in range(3):
            sent = event(2, id=f"late{day}-{turn}", at=on(f"2024-01-{day}"))
            sub.scene.send(sent, at=on("2024-02-02"))

    return send


def _take_back(sub):
    for day in (2, 5, 8):
        sub.scene.void(f"e{day}")


def _retried(calls):
    """Run calls at once; what lost a race with others is done again, as workers do."""

    def until_done(call):
        def again():
            for _ in range(20):
                try:
                    return call()
                except TransientError:
                    continue
            raise AssertionError("it never came to an end")

        return again

    at_once([until_done(call) for call in calls])


def test_a_month_that_is_closed_meanwhile_has_whole_invoices_or_none(scene):
    drafts = [
        composed_draft(scene, 10, customer=factories.customer(book=scene.book)) for _ in range(8)
    ]
    july = ISSUED.replace(day=31, hour=12)
    after = datetime(2025, 8, 2, tzinfo=UTC)
    for period in Period.objects.filter(book=scene.book, ends_at__lte=july).order_by("starts_at"):
        closing.close(period=period, at=after)

    def issue(draft):
        return lambda: issuing.issue(invoice_ids=[draft.pk], at=july, by="Ada").numbers

    def close():
        for period in Period.objects.filter(book=scene.book, state="open", ends_at__lte=after):
            closing.close(period=period, at=after)

    at_once([*(issue(draft) for draft in drafts[:4]), close, *map(issue, drafts[4:])])

    assert Invoice.objects.filter(book=scene.book).exclude(number="").count() == 8
    assert_ties_out(scene.book)
    assert verification.verify(book=scene.book).is_clean


def test_drafting_issuing_and_voiding_at_once_leave_one_invoice(scene):
    used(scene, 10)

    def draft():
        drafting.draft(
            book=scene.book, payers=[scene.customer.pk], until=DRAFTED, at=DRAFTED + timedelta(1)
        )

    def issue():
        for one in Invoice.objects.filter(book=scene.book, state="draft"):
            issuing.issue(invoice_ids=[one.pk], at=ISSUED, by="Ada")

    def void():
        for one in Invoice.objects.filter(book=scene.book, state="issued"):
            lifecycle.void(invoice=one, reason="race", by="Ada", at=ISSUED)

    for _ in range(5):
        _retried([draft, issue, void, draft, issue])
    draft()
    issue()

    standing = Invoice.objects.filter(book=scene.book, state="issued")
    assert sum(one.due for one in standing) == 10
    assert scene.holds("receivable") == 10
    assert_ties_out(scene.book)
