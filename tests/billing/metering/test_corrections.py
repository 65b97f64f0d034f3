"""An event taken back or replaced: the meter becomes what it is without it."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from billing import catalogue
from billing.metering import corrections
from billing.metering.aggregations import Reading, value_of
from billing.metering.corrections import AlreadyCorrectedError
from billing.models import Accrual, Correction, DeadLetter, UniqueValue, UsageEvent
from ledger.errors import IdempotencyConflictError, InvalidInputError, NotFoundError
from ledger.models import Balance, Entry, Period, Transaction
from tests import factories
from tests.billing.scene import DAY, HOUR, LATER, event, left, left_in, new_scene, read
from tests.factories import NOON
from wallets import expiry

pytestmark = pytest.mark.django_db

KINDS = ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
VALUES = [4, 7, 7, 2, "5.5", 2]


@pytest.fixture
def scene():
    return new_scene()


def readings(values):
    """Return what a meter reads of events e0, e1, …, an hour apart."""
    return {
        f"e{n}": Reading(Decimal(value), str(value), NOON + n * HOUR, f"gateway\ne{n}")
        for n, value in enumerate(values)
    }


def sent(scene, values):
    for n, value in enumerate(values):
        scene.send(event(value, id=f"e{n}", at=NOON + n * HOUR), at=NOON + DAY)


def check(scene, aggregation, standing):
    """Hold everything that says a meter's value to what the standing readings give."""
    value = value_of(aggregation, standing.values(), 2)
    assert scene.units(aggregation.replace("_", "-")) == value
    assert scene.revenue == value * 3
    assert scene.holds("cost_of_revenue") == value
    accrual = Accrual.objects.get()
    assert (accrual.quantity, accrual.amount, accrual.cost) == (value, value * 3, value)
    assert accrual.events == len(standing)


# --- The meter's value ------------------------------------------------------------------


@pytest.mark.parametrize("order", [range(6), range(5, -1, -1), [3, 1, 5, 2, 0, 4]])
@pytest.mark.parametrize("aggregation", KINDS)
def test_voiding_leaves_what_the_others_give(scene, aggregation, order):
    scene.meter(aggregation, price=3, cost=1)
    sent(scene, VALUES)
    standing = readings(VALUES)

    for n in order:
        scene.void(f"e{n}")
        del standing[f"e{n}"]
        check(scene, aggregation, standing)

    assert scene.unbilled == 0
    assert not UniqueValue.objects.exists()


@pytest.mark.parametrize("aggregation", KINDS)
def test_amending_gives_what_the_events_give_as_amended(scene, aggregation):
    scene.meter(aggregation, price=3, cost=1)
    sent(scene, VALUES)
    standing = readings(VALUES)

    for n, value in [(1, 9), (0, 1), (2, 7), (5, 30), (5, 3)]:
        name = f"e{n}"
        scene.amend(event(value, id=name, at=NOON + n * HOUR))
        standing[name] = standing[name]._replace(value=Decimal(value), text=str(value))
        check(scene, aggregation, standing)


@pytest.mark.parametrize("aggregation", KINDS)
def test_usage_goes_on_as_if_a_voided_event_had_never_been(scene, aggregation):
    scene.meter(aggregation, price=3, cost=1)
    sent(scene, [9, 4])
    scene.void("e0")

    scene.send(event(6, id="e2", at=NOON + 2 * HOUR))

    standing = readings([9, 4, 6])
    del standing["e0"]
    check(scene, aggregation, standing)


def test_void_of_the_latest_of_two_at_one_time_brings_back_the_other(scene):
    scene.meter("latest")
    scene.send(event(1, id="a"), event(2, id="b"), event(3, id="c"))

    scene.void("c")

    assert scene.units("latest") == 2
    scene.void("a")
    assert scene.units("latest") == 2


def test_only_its_own_month_counts_when_a_maximum_goes(scene):
    scene.meter("max")
    scene.send(event(9, at=NOON - 30 * DAY), event(5), event(8, id="top"), event(7, at=LATER))

    scene.void("top")

    assert scene.units("max") == 9 + 7


def test_void_reaches_every_meter_that_counted_the_event(scene):
    scene.meter("sum", price=2)
    scene.meter("count", price=5)
    scene.meter("max", price=None)
    scene.send(event(3, id="one"), event(2))

    scene.void("one")

    assert [scene.units(key) for key in ("sum", "count", "max")] == [2, 1, 2]
    assert scene.revenue == 9


def test_void_of_unmetered_usage_is_recorded_and_moves_nothing(scene):
    scene.send(event(1, id="one"))

    correction = scene.void("one")

    assert correction.transaction_ids == []
    assert not Entry.objects.exists()


def test_difference_is_effective_when_the_event_happened(scene):
    scene.meter()
    scene.send(event(4, id="one"))

    correction = scene.void("one")

    entries = list(Entry.objects.of(*correction.transaction_ids))
    assert {entry.effective_at for entry in entries} == {NOON}
    assert {entry.source_id for entry in entries} == {correction.event_id}


def test_difference_is_booked_in_the_open_month_when_its_own_is_closed(scene):
    scene.meter()
    scene.send(event(4, id="one"))
    Period.objects.update(state="closed")

    correction = scene.void("one")

    posted = Transaction.objects.get(pk=correction.transaction_ids[0])
    assert posted.period.starts_at > NOON
    assert {entry.effective_at for entry in Entry.objects.of(posted)} == {NOON}


# --- Where the money goes ---------------------------------------------------------------


def means(scene, lots):
    return [*left_in(lots), scene.unbilled, scene.overdraft]


@pytest.fixture
def lots(scene):
    """Two lots of ten, then ten on account, then an overdraft."""
    scene.meter()
    scene.limit(10)
    return [scene.grant(10, expires_at=NOON + DAY), scene.grant(10)]


def test_void_returns_all_that_an_event_paid_from(scene, lots):
    scene.send(event(40, id="one"))
    assert means(scene, lots) == [0, 0, 10, 10]

    scene.void("one")

    assert means(scene, lots) == [10, 10, 0, 0]


def test_amend_returns_last_in_first_out(scene, lots):
    scene.send(event(40, id="one"))

    steps = []
    for value in (35, 25, 12, 3):
        scene.amend(event(value, id="one"))
        steps.append(means(scene, lots))

    assert steps == [[0, 0, 10, 5], [0, 0, 5, 0], [0, 8, 0, 0], [7, 10, 0, 0]]


def test_amend_upwards_pays_as_new_usage_does(scene, lots):
    scene.send(event(8, id="one"))

    scene.amend(event(33, id="one"))

    assert means(scene, lots) == [0, 0, 10, 3]


def test_an_events_own_money_goes_back_first(scene, lots):
    scene.send(event(8, id="one"))
    scene.send(event(8, id="two"))
    assert means(scene, lots) == [2 - 2, 4, 0, 0]

    scene.void("one")

    assert means(scene, lots) == [8, 4, 0, 0]


def test_the_change_of_another_events_making_goes_back_last_in_first_out(scene):
    scene.meter("latest")
    lots = [scene.grant(10, expires_at=NOON + DAY), scene.grant(10)]
    scene.send(event(8, at=NOON))
    scene.send(event(18, id="top", at=NOON + HOUR))
    scene.send(event(12, at=NOON + 2 * HOUR))
    assert left_in(lots) == [0, 8]

    scene.void("top")

    assert left_in(lots) == [0, 8]
    assert scene.revenue == 12


def test_what_went_back_is_spent_again_by_what_comes_next(scene, lots):
    scene.send(event(40, id="one"))
    scene.void("one")

    scene.send(event(25))

    assert means(scene, lots) == [0, 0, 5, 0]


def test_money_goes_back_to_an_expired_lot_and_from_there_to_breakage(scene):
    scene.meter()
    lot = scene.grant(10, expires_at=NOON + HOUR)
    scene.send(event(6, id="one"))
    expiry.close_expired(at=NOON + DAY)
    assert scene.holds("breakage_revenue") == -4

    scene.void("one")
    assert left(lot) == 6
    expiry.close_expired(at=NOON + DAY)

    assert (left(lot), scene.holds("breakage_revenue"), scene.unbilled) == (0, -10, 0)


def test_money_goes_back_to_the_parents_lot_that_a_child_drew_on(scene):
    scene.meter()
    scene.child("team")
    wallet = factories.wallet(customer=scene.customer, asset=scene.dollars, is_shared=True)
    lot = scene.grant(10, wallet=wallet)
    scene.send(event(7, id="one", subject="team"))

    scene.void("one")

    assert left(lot) == 10


def test_an_overdraft_that_credit_covered_since_is_credited(scene):
    scene.meter()
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")
    scene.send(event(7, id="one"))
    lot = scene.grant(10, at=LATER)
    assert (left(lot), scene.overdraft) == (3, 0)

    scene.void("one")

    assert (left(lot), scene.overdraft) == (3, -7)


def test_what_was_paid_never_exceeds_what_a_series_holds(scene):
    lot = scene.grant(10)
    scene.meter("avg")
    scene.send(event(10, id="one"), event(2, id="two", at=NOON + HOUR))
    assert left(lot) == 4

    scene.void("one")
    assert left(lot) == 8
    scene.void("two")

    assert (left(lot), scene.unbilled) == (10, 0)


def test_old_price_is_given_back_and_the_price_of_its_time_is_asked(scene):
    meter = scene.meter(price=1)
    scene.send(event(10, id="one"))
    scene.rate(meter, 5, since=NOON - DAY)

    scene.amend(event(4, id="one"))

    assert scene.revenue == 20
    assert sorted(Accrual.objects.values_list("amount", flat=True)) == [0, 20]


# --- What may be amended ----------------------------------------------------------------


def test_amended_event_keeps_its_name_and_says_something_else(scene):
    scene.meter()
    scene.send(event(4, id="one", note="old"))

    correction = scene.amend(event("4.5", id="one", at=NOON - HOUR, note="new"))

    replacement = scene.find("one")
    assert replacement.pk == correction.replacement_id
    assert replacement.data == {"n": "4.5", "note": "new"}
    assert replacement.occurred_at == NOON - HOUR
    assert UsageEvent.objects.count() == 2


def test_amendment_without_a_time_keeps_the_events(scene):
    scene.meter()
    scene.send(event(4, id="one"))

    scene.amend(event(5, id="one", at=None))

    assert scene.find("one").occurred_at == NOON


def test_amendment_may_move_an_event_to_another_month(scene):
    scene.meter("max")
    scene.send(event(4, id="one"), event(3))

    scene.amend(event(9, id="one", at=NOON - 30 * DAY))

    assert scene.units("max") == 12
    assert set(Accrual.objects.values_list("quantity", flat=True)) == {9, 3}


def test_amendment_may_move_an_event_to_another_customer(scene):
    scene.meter()
    other = factories.customer(book=scene.book)
    scene.subject("other", other)
    scene.send(event(4, id="one"))

    scene.amend(event(5, id="one", subject="other"))

    assert (scene.units("sum"), scene.units("sum", other)) == (0, 5)
    assert (scene.unbilled, scene.holds("unbilled", customer=other)) == (0, 5)


def test_amendment_stays_its_customers_though_the_subject_changed_hands(scene):
    scene.meter()
    scene.send(event(4, id="one"))
    heir = factories.customer(book=scene.book)
    scene.subject("api", heir)

    scene.amend(event(5, id="one"))

    assert (scene.units("sum"), scene.units("sum", heir)) == (5, 0)


def test_amendment_is_counted_by_the_meters_that_counted_the_event(scene):
    meter = scene.meter()
    scene.send(event(4, id="one"))
    catalogue.archive_meter(meter=meter, at=LATER)
    scene.meter("count", at=LATER)

    scene.amend(event(5, id="one"))

    assert (scene.units("sum"), scene.units("count")) == (5, 0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"value": "many"}, "data.n"),
        ({"subject": "nobody"}, "subject"),
        ({"at": NOON + 2 * DAY}, "time"),
        ({"at": "1990-01-01T00:00:00Z"}, "time"),
    ],
)
def test_amendment_that_could_not_have_come_changes_nothing(scene, wrong, field):
    scene.meter()
    scene.send(event(4, id="one"))

    with pytest.raises(InvalidInputError) as caught:
        scene.amend(event(wrong.pop("value", 5), id="one", **wrong))

    assert caught.value.field == field
    assert (scene.units("sum"), Correction.objects.count()) == (4, 0)
    assert not DeadLetter.objects.exists()


def test_amendment_keeps_source_and_id(scene):
    scene.meter()
    scene.send(event(4, id="one"), event(5, id="two"))
    [fact] = read(event(6, id="two"))

    with pytest.raises(InvalidInputError, match="keep the source"):
        corrections.amend(
            book=scene.book, event=scene.find("one"), replacement=fact, key="k", at=LATER
        )


# --- Once -------------------------------------------------------------------------------


def test_correction_under_its_key_happens_once(scene):
    scene.meter()
    scene.send(event(4, id="one"), event(1))
    found = scene.find("one")

    first, again = [
        corrections.void(book=scene.book, event=found, key="k", at=LATER + n * HOUR)
        for n in range(2)
    ]

    assert first == again
    assert scene.units("sum") == 1


def test_key_that_stands_for_another_correction_is_refused(scene):
    scene.meter()
    scene.send(event(4, id="one"), event(3, id="two"))
    found = scene.find("one")
    scene.amend(event(5, id="one"), key="k")

    with pytest.raises(IdempotencyConflictError):
        scene.void("two", key="k")
    with pytest.raises(IdempotencyConflictError):
        corrections.void(book=scene.book, event=found, key="k", at=LATER)
    for other in (event(6, id="one"), event(5, id="one", at=NOON - HOUR)):
        with pytest.raises(IdempotencyConflictError):
            corrections.amend(
                book=scene.book, event=found, replacement=read(other)[0], key="k", at=LATER
            )
    same = corrections.amend(
        book=scene.book,
        event=found,
        replacement=read(event("5.0", id="one").replace(b'"5.0"', b"5.0"))[0],
        key="k",
        at=LATER,
    )
    assert same.replacement_id == scene.find("one").pk


@pytest.mark.parametrize("first", ["void", "amend"])
def test_an_event_is_corrected_once_its_replacement_again(scene, first):
    scene.meter()
    scene.send(event(4, id="one"))
    found = scene.find("one")
    if first == "void":
        scene.void("one")
    else:
        scene.amend(event(5, id="one"))

    with pytest.raises(AlreadyCorrectedError):
        corrections.void(book=scene.book, event=found, key="again", at=LATER)

    assert scene.units("sum") == (0 if first == "void" else 5)


def test_chain_of_amendments_ends_in_a_void(scene):
    scene.meter("max")
    lot = scene.grant(100)
    scene.send(event(4, id="one"), event(6))

    values = []
    for value in (8, 3, 20):
        scene.amend(event(value, id="one"))
        values.append(scene.units("max"))
    scene.void("one")

    assert values == [8, 6, 20]
    assert (scene.units("max"), left(lot)) == (6, 94)
    chain = list(Correction.objects.order_by("pk"))
    assert all(a.replacement_id == b.event_id for a, b in pairwise(chain))


def test_event_that_was_corrected_is_still_a_duplicate_when_sent_again(scene):
    scene.meter()
    first = event(4, id="one")
    scene.send(first)
    scene.void("one")

    assert scene.send(first).duplicate == 1
    assert scene.units("sum") == 0


def test_usage_that_is_not_attributed_cannot_be_corrected_yet(scene):
    scene.send(event(4, id="one", subject="nobody"))

    with pytest.raises(NotFoundError):
        scene.void("one")


def test_balances_are_what_the_entries_say_after_corrections(scene, lots):
    sent(scene, [8, 9, 30, 2])
    for n in (1, 2):
        scene.void(f"e{n}")

    for balance in Balance.objects.filter(is_guarded=True):
        debits = sum(e.amount for e in Entry.objects.filter(debit_account=balance.account_id))
        credits_ = sum(e.amount for e in Entry.objects.filter(credit_account=balance.account_id))
        assert (balance.debits, balance.credits) == (debits, credits_)


def test_a_recorded_event_is_measured_again_exactly(scene):
    scene.meter("max", path="$.n")
    scene.send(event(Decimal("0.10"), id="a"), event(Decimal("12345678901234567890.12"), id="b"))

    scene.void("a")
    scene.void("b")

    assert scene.units("max") == scene.revenue == 0


def test_void_of_an_extreme_reads_its_series_in_a_few_queries(scene, django_assert_max_num_queries):
    scene.meter("max")
    scene.send(event(99, id="top"), *[event(n % 50, at=NOON + timedelta(0, n)) for n in range(200)])

    with django_assert_max_num_queries(40):
        scene.void("top")

    assert scene.units("max") == 49
