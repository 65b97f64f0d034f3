"""Runs: the documents of many payers, in parts, by any number of workers."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError

from billing.invoicing import drafting, issuing, running
from billing.models import Billable, CollectionProfile, Invoice, RunPart
from ledger import verification
from ledger.errors import IdempotencyConflictError, InvalidInputError, TransientError
from ledger.models import Outbox, TestClock
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.invoicing.documents import DRAFTED, ISSUED, composed_draft, selling, used
from tests.billing.scene import START

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return selling()


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(running, "PART", 2)


def customers(scene, count, amount=10):
    """Return new customers who have used something for an amount each."""
    made = [factories.customer(book=scene.book) for _ in range(count)]
    for one in made:
        used(scene, amount, customer=one)
    return made


def start(scene, key="june", **more):
    terms = {"until": DRAFTED, "at": ISSUED, "by": "Ada"} | more
    return running.start(book=scene.book, key=key, **terms)


def work(run, **more):
    return running.work(run=run, at=ISSUED, **more)


def fails_for(monkeypatch, payer, error, times=None):
    """Have drafting fail for a payer, as often as told."""
    draft, left = drafting.draft, [times]

    def failing(**terms):
        if payer.pk in terms["payers"] and left[0] != 0:
            left[0] = None if left[0] is None else left[0] - 1
            raise error
        return draft(**terms)

    monkeypatch.setattr(drafting, "draft", failing)


def test_a_run_drafts_and_issues_all_that_is_due(scene, small_parts):
    customers(scene, 5)

    found = work(start(scene))

    assert (found.state, found.payers, found.payers_done) == ("done", 5, 5)
    assert (found.drafted, found.issued, found.lines) == (5, 5, 5)
    numbers = Invoice.objects.filter(book=scene.book).values_list("sequence", flat=True)
    assert sorted(numbers) == [1, 2, 3, 4, 5]
    assert not Billable.objects.filter(book=scene.book, settled_at=None).exists()
    assert verification.verify(book=scene.book).is_clean


def test_a_second_run_finds_nothing(scene):
    customers(scene, 3)
    work(start(scene))

    found = work(start(scene, key="again"))

    assert (found.state, found.payers, found.issued) == ("done", 0, 0)


def test_the_same_key_is_the_same_run(scene):
    customers(scene, 1)
    run = start(scene)

    assert start(scene) == run
    with pytest.raises(IdempotencyConflictError):
        start(scene, until=DRAFTED - timedelta(days=1))
    with pytest.raises(InvalidInputError, match="until"):
        start(scene, key="ahead", until=ISSUED + timedelta(days=1))


def test_a_run_may_only_draft(scene):
    customers(scene, 2)

    found = work(start(scene, issues=False))

    assert (found.drafted, found.issued) == (2, 0)
    assert set(Invoice.objects.values_list("state", flat=True)) == {"draft"}


def test_what_a_person_must_approve_stays_a_draft(scene):
    customers(scene, 1)
    CollectionProfile.objects.create(book=scene.book, effective_from=START, approval="manual")

    assert work(start(scene)).issued == 0
    assert Invoice.objects.get().state == "draft"


def test_a_paused_run_goes_on_where_it_stopped(scene, small_parts):
    customers(scene, 5)
    run = start(scene)

    assert work(run, most=1).payers_done == 2
    running.pause(run=run)
    assert work(run).state == "paused"
    assert Invoice.objects.exclude(number="").count() == 2
    running.resume(run=run)

    assert work(run).payers_done == 5


def test_what_fails_stands_alone_and_may_be_tried_again(scene, monkeypatch):
    payers = customers(scene, 7)
    run = start(scene)
    with monkeypatch.context() as patched:
        fails_for(patched, payers[3], ValueError("no address"))
        found = work(run)

    assert (found.state, found.payers_done, found.payers_failed) == ("failed", 6, 1)
    part = RunPart.objects.get(run=run, state="failed")
    assert (part.payer_ids, part.failure) == ([payers[3].pk], "no address")

    running.resume(run=run)
    found = work(run)
    assert (found.state, found.payers_done, found.issued) == ("done", 7, 7)


def test_a_failure_is_noted_with_the_draft(scene, monkeypatch):
    [payer] = customers(scene, 1)
    running.work(run=start(scene, key="drafts", issues=False), at=ISSUED)
    fails_for(monkeypatch, payer, ValueError("broken"))

    work(start(scene))

    assert Invoice.objects.get().failure == "broken"


def test_what_passes_is_tried_again_as_it_is(scene, monkeypatch):
    payers = customers(scene, 4)
    fails_for(monkeypatch, payers[0], TransientError(), times=2)

    found = work(start(scene))

    assert (found.state, found.payers_done) == ("done", 4)
    assert RunPart.objects.count() == 1


def test_a_database_that_is_away_ends_the_work_and_loses_nothing(scene, monkeypatch):
    payers = customers(scene, 2)
    run = start(scene)
    with monkeypatch.context() as patched:
        fails_for(patched, payers[0], running.OperationalError("gone"))
        with pytest.raises(DatabaseError):
            work(run)

    assert work(run).payers_done == 2


def test_a_part_is_done_with_its_documents_or_not_at_all(scene, monkeypatch):
    customers(scene, 1)
    run = start(scene)
    with monkeypatch.context() as patched:
        patched.setattr(issuing, "issue", _fails)
        assert work(run).payers_failed == 1

    assert not Invoice.objects.exists()


def _fails(**_terms):
    raise ValueError


def test_fees_that_are_due_are_charged_first():
    sub = agreed()
    sub.fee(10)
    at = on("2024-01-02")

    run = running.start(book=sub.scene.book, key="k", until=at, at=at, by="Ada")
    found = running.work(run=run, at=at)

    assert (found.payers, found.issued) == (1, 1)
    assert Invoice.objects.get().due == 10


def test_a_stale_draft_is_made_anew(scene):
    [payer] = customers(scene, 1)
    work(start(scene, key="drafts", issues=False))
    stale = Invoice.objects.get()
    other = composed_draft(scene, 5, customer=payer, group_key="other")
    issuing.issue(invoice_ids=[other.pk], at=ISSUED, by="Ada")
    assert issuing.issue(invoice_ids=[stale.pk], at=ISSUED, by="Ada").stale == [stale.pk]

    work(start(scene))

    stale.refresh_from_db()
    assert stale.state == "discarded"
    assert scene.holds("receivable", customer=payer) == Decimal(15)


def test_who_lives_by_a_test_clock_has_no_part(scene):
    [payer] = customers(scene, 1)
    payer.clock = TestClock.objects.create(
        book=scene.book, key="k", now_at=ISSUED, created_at=ISSUED
    )
    payer.save()

    assert work(start(scene)).payers == 0


def test_the_end_of_a_run_is_told_once(scene):
    customers(scene, 2)
    run = start(scene)
    for _ in range(2):
        work(run)

    told = Outbox.objects.get(topic="event", payload__type="run.finished").payload
    assert told["data"]["issued"] == 2
    assert told["data"]["state"] == "done"
