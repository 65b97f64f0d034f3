"""Overdue documents are asked for by a schedule, each step once, until they are paid."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing import dunning
from billing.dunning import steps
from billing.models import CollectionProfile, Dunning, DunningAct, DunningSchedule, Invoice
from billing.payments.errors import PaymentStateError
from ledger.errors import InvalidInputError
from ledger.models import Customer, Outbox, TestClock
from tests import factories
from tests.billing.payments.documents import issued, now, pay
from tests.factories import NOON

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
STEPS = [
    {"after_days": 3, "act": "remind", "text": "A friendly reminder"},
    {"after_days": 10, "act": "retry"},
    {"after_days": 14, "act": "suspend"},
    {"after_days": 30, "act": "propose_write_off"},
]


def schedule(book, *, key="usual", **terms):
    terms = {"steps": STEPS, "is_default": True, **terms}
    return dunning.define(book=book, key=key, by="ann", at=NOON, **terms)


@pytest.fixture
def invoice():
    """Return an invoice that was due on 15 June."""
    payer = factories.customer()
    schedule(payer.book)
    made = issued(payer, terms="", party={"emails": ["pay@acme.test"]})
    assert made.due_date == NOON.date()
    return made


def dun(*days):
    done = None
    for day in days:
        done = dunning.dun(at=NOON + day * DAY)
        assert done.failures == []
    return done


def acts(invoice):
    return list(DunningAct.objects.filter(dunning=invoice.pk).values_list("act", flat=True))


def told():
    rows = Outbox.objects.filter(payload__type__startswith="dunning.").order_by("pk")
    return [row.payload["type"] for row in rows]


def is_active(invoice):
    return Customer.objects.get(pk=invoice.payer_id).is_active


def test_each_step_comes_on_its_day_and_once(invoice):
    seen = []
    for day in range(40):
        dun(day, day)
        seen += [(day, act) for act in acts(invoice)[len(seen) :]]

    assert seen == [(3, "remind"), (10, "retry"), (14, "suspend"), (30, "propose_write_off")]
    assert told() == [
        "dunning.reminder", "dunning.retry", "dunning.suspended", "dunning.write_off_proposed",
    ]  # fmt: skip
    assert now(invoice.dunning).next_at is None


def test_a_reminder_is_mailed_with_what_is_owed(invoice):
    pay(invoice.payer, 40)

    dun(1, 3)

    event = Outbox.objects.get(payload__type="dunning.reminder").payload
    assert event["emails"] == ["pay@acme.test"]
    assert event["data"] == {
        "invoice": invoice.number, "invoice_id": str(invoice.pk), "open": "60",
        "currency": "USD", "due_date": "2025-06-15", "days_overdue": 3, "step": 1,
        "text": "A friendly reminder",
    }  # fmt: skip


def test_steps_that_were_late_keep_their_distance(invoice):
    dun(1)  # begun; then nobody was there

    dun(20, 20)
    assert acts(invoice) == ["remind"]
    dun(26)
    assert acts(invoice) == ["remind"]
    dun(27)
    assert acts(invoice) == ["remind", "retry"]


def test_what_is_not_overdue_or_too_little_is_not_asked_for(invoice):
    schedule(invoice.book, minimums={"USD": "100.01"})
    dun(0, 50)

    assert Dunning.objects.count() == 0
    schedule(invoice.book)
    assert dun(50).started == [invoice.pk]


def test_what_is_paid_ends_it(invoice):
    dun(1, 3)
    pay(invoice.payer, 100, at=NOON + 4 * DAY)

    assert dun(4).ended == [invoice.pk]
    dun(20, 40)
    assert acts(invoice) == ["remind", "stop"]
    assert now(invoice.dunning).stopped_because == "paid"


class TestSuspension:
    def test_access_comes_back_with_the_last_payment(self, invoice):
        other = issued(invoice.payer, terms="")
        dun(1, 3, 10, 14)
        assert not is_active(invoice)

        pay(invoice.payer, 100, reference=invoice.number, at=NOON + 15 * DAY)
        dun(15)
        assert not is_active(invoice)
        pay(invoice.payer, 100, reference=other.number, at=NOON + 16 * DAY)
        dun(16)

        assert is_active(invoice)
        assert told().count("dunning.resumed") == 1

    def test_whom_somebody_else_suspended_stays_so(self, invoice):
        Customer.objects.filter(pk=invoice.payer_id).update(is_active=False)
        dun(1, 3, 10, 14)

        pay(invoice.payer, 100, at=NOON + 15 * DAY)
        dun(15)

        assert not is_active(invoice)
        assert "dunning.suspended" not in told()


class TestArrangements:
    def test_a_pause_moves_the_next_step_and_leaves_none_out(self, invoice):
        dun(1)
        dunning.pause(
            invoice=invoice, until=NOON + 8 * DAY, reason="They asked", by="ann", at=NOON + DAY
        )

        dun(3, 7)
        assert acts(invoice) == ["pause"]
        dun(8, 14, 15)
        assert acts(invoice) == ["pause", "remind", "retry"]

    def test_resuming_goes_back_to_the_plan(self, invoice):
        dun(1)
        dunning.pause(
            invoice=invoice, until=NOON + 80 * DAY, reason="Asked", by="ann", at=NOON + DAY
        )

        dunning.resume(invoice=invoice, by="ann", at=NOON + 2 * DAY)
        dunning.resume(invoice=invoice, by="ann", at=NOON + 2 * DAY)

        dun(3)
        assert acts(invoice) == ["pause", "remind"]

    def test_a_promise_that_is_kept_in_part_is_broken(self, invoice):
        dun(1, 3)
        dunning.promise(
            invoice=invoice, until=NOON + 12 * DAY, amount=Decimal(60), reason="On the phone",
            by="ann", at=NOON + 4 * DAY,
        )  # fmt: skip
        pay(invoice.payer, 59, at=NOON + 5 * DAY)

        dun(10, 12)

        assert acts(invoice) == ["remind", "promise", "broken_promise", "retry"]

    def test_a_promise_that_is_kept_is_forgotten(self, invoice):
        dun(1, 3)
        dunning.promise(
            invoice=invoice, until=NOON + 12 * DAY, amount=Decimal(60), reason="On the phone",
            by="ann", at=NOON + 4 * DAY,
        )  # fmt: skip
        pay(invoice.payer, 60, at=NOON + 5 * DAY)

        dun(12)

        assert acts(invoice) == ["remind", "promise", "retry"]
        assert now(invoice.dunning).promised_until is None

    def test_a_promise_may_give_access_back(self, invoice):
        dun(1, 3, 10, 14)

        dunning.promise(
            invoice=invoice, until=NOON + 20 * DAY, reason="On the phone", by="ann",
            at=NOON + 15 * DAY, lifts=True,
        )  # fmt: skip

        assert is_active(invoice)

    def test_it_may_be_ended_for_good(self, invoice):
        dun(1, 3, 10, 14)

        for _ in range(2):
            dunning.end(invoice=invoice, reason="Goodwill", by="ann", at=NOON + 15 * DAY)

        dun(40)
        assert is_active(invoice)
        assert acts(invoice)[-2:] == ["stop", "resume"]
        with pytest.raises(PaymentStateError):
            dunning.pause(
                invoice=invoice, until=NOON + 50 * DAY, reason="x", by="a", at=NOON + 41 * DAY
            )

    def test_arrangements_are_for_what_is_dunned_and_lie_ahead(self, invoice):
        with pytest.raises(PaymentStateError):
            dunning.end(invoice=invoice, reason="x", by="a", at=NOON)
        dun(1)
        with pytest.raises(InvalidInputError):
            dunning.pause(invoice=invoice, until=NOON, reason="x", by="a", at=NOON)
        with pytest.raises(InvalidInputError):
            dunning.promise(
                invoice=invoice, until=NOON + DAY, amount=Decimal(101), reason="x", by="a", at=NOON
            )


class TestSchedules:
    def test_a_profile_names_the_schedule_of_its_customers(self, invoice):
        named = schedule(
            invoice.book, key="gentle", is_default=False,
            steps=[{"after_days": 20, "act": "remind"}],
        )  # fmt: skip
        CollectionProfile.objects.create(
            book=invoice.book, customer=invoice.payer, dunning_schedule="gentle",
            effective_from=NOON - DAY,
        )  # fmt: skip

        dun(1)

        assert now(invoice.dunning).schedule == named

    def test_a_new_version_is_for_what_begins_after_it(self, invoice):
        dun(1)
        first = now(invoice.dunning).schedule

        second = schedule(invoice.book, steps=STEPS[:1])

        assert (first.version, second.version) == (1, 2)
        assert now(invoice.dunning).schedule == first
        assert schedule(invoice.book, steps=STEPS[:1]) == second

    def test_one_is_the_books_own(self, invoice):
        schedule(invoice.book, key="other")

        current = DunningSchedule.objects.filter(book=invoice.book, effective_to=None)
        assert dict(current.values_list("key", "is_default")) == {"usual": False, "other": True}

    def test_without_one_nothing_is_asked_for(self):
        made = issued(terms="")

        assert dun(50).started == []
        assert Invoice.objects.get().pk == made.pk

    @pytest.mark.parametrize(
        "wrong",
        [
            [],
            [{"after_days": 0, "act": "remind"}],
            [{"after_days": True, "act": "remind"}],
            [{"after_days": 3, "act": "sue"}],
            [{"after_days": 3, "act": "remind"}, {"after_days": 3, "act": "retry"}],
            [{"after_days": 5, "act": "remind"}, {"after_days": 3, "act": "retry"}],
            [{"after_days": 3, "act": "remind", "text": "x" * 2001}],
            [{"after_days": 1, "act": "remind"}] * 21,
        ],
        ids=str,
    )
    def test_steps_that_cannot_be_are_refused(self, wrong):
        with pytest.raises(InvalidInputError):
            steps.read(wrong)

    def test_amounts_from_which_something_is_asked_for_are_amounts(self):
        book = factories.book()

        for wrong in ("-1", "much"):
            with pytest.raises(InvalidInputError):
                schedule(book, minimums={"USD": wrong})


def test_payers_live_by_their_own_clocks(invoice):
    clock = TestClock.objects.create(
        book=invoice.book, key="c", now_at=NOON + 5 * DAY, created_at=NOON
    )
    Customer.objects.filter(pk=invoice.payer_id).update(clock=clock)

    dun(0, 0)

    assert acts(invoice) == ["remind"]


def test_the_database_keeps_each_step_once(invoice):
    dun(1, 3)
    row = DunningAct.objects.get(act="remind")

    with pytest.raises(IntegrityError), transaction.atomic():
        DunningAct.objects.create(dunning=row.dunning, position=0, act="remind", at=NOON)
