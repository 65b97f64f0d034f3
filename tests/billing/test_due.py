"""What is due for a customer: in order, once, by schedule or by a test clock."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing import charging, contracts, due, tasks
from billing.models import Charge
from ledger import clocks
from ledger.errors import TransientError
from ledger.models import Transaction
from tests import factories
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import event, left, new_scene
from wallets import expiry, schedules, summary

pytestmark = pytest.mark.django_db


def test_charges_come_in_order_and_before_credit_of_that_instant_expires():
    book = agreed()
    lot = book.scene.grant(15, at=on("2024-01-01"), expires_at=on("2024-02-01"))
    book.fee(10)
    book.fee(3, key="support", term="in_arrears")

    done = book.run("2024-02-01")

    # 10 in advance and 3 in arrears are paid from it; what is left expires; the next 10 are owed.
    assert (done.charges, done.grants_expired) == (4, 1)
    assert left(lot) == 0
    assert book.scene.unbilled == 10
    assert -book.scene.holds("breakage_revenue") == 2


def test_it_stops_before_what_lies_ahead_and_goes_on_from_there():
    book = agreed()
    book.fee(10)

    assert book.run("2023-12-31").instants == 0
    assert book.run("2024-01-31").charges == 1
    assert book.run("2024-02-01").charges == 2  # January is earned, February charged
    assert book.charges == [10, 10]


def test_an_instant_costs_the_same_after_one_cycle_and_after_many():
    def queries(book, until):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert book.run(until).instants == 1
        return len(captured)

    few, many = agreed(), agreed()
    for book, before in ((few, "2024-02-15"), (many, "2030-02-15")):
        book.fee(10)
        book.run(before)

    assert queries(few, "2024-03-01") == queries(many, "2030-03-01")


def test_a_change_costs_the_same_after_one_cycle_and_after_many():
    counts = []
    for year in ("2024", "2030"):
        book = agreed()
        book.fee(10)
        book.run(f"{year}-02-15")
        book.replace("base", 20, f"{year}-02-15")
        with CaptureQueriesContext(connection) as captured:
            book.run(f"{year}-02-15")
        counts.append(len(captured))

    assert counts[0] == counts[1]


def test_a_crash_leaves_what_was_done_and_the_next_run_goes_on(monkeypatch):
    book = agreed()
    book.fee(10)
    settle, calls = charging.settle_all, []

    def crash_at_the_third(**asked):
        calls.append(asked)
        if len(calls) == 3:
            raise TransientError
        return settle(**asked)

    monkeypatch.setattr(charging, "settle_all", crash_at_the_third)
    with pytest.raises(TransientError):
        book.run("2024-06-01")
    assert book.charges == [10, 10]

    monkeypatch.undo()
    book.run("2024-06-01")

    assert book.charges == [10] * 6


def test_the_sweep_does_what_is_due_for_all_who_live_by_the_real_time():
    scene = new_scene()
    real, clocked = agreed(scene=scene), agreed(scene=scene)
    clocked.subscription.customer = factories.customer(book=scene.book)
    clocked.subscription.save()
    for book in (real, clocked):
        book.fee(10)
    clock = clocks.create(book=scene.book, key="c", now_at=on("2024-01-01"), at=on("2024-01-01"))
    clocks.attach(customer=clocked.subscription.customer, clock=clock)

    swept = due.sweep(at=on("2024-01-10"))

    assert (swept.done, swept.charges, swept.failures) == (1, 1, [])
    assert (real.charges, clocked.charges) == ([10], [])


def test_the_job_of_the_schedule_sweeps():
    book = agreed()
    book.fee(10, until="2024-02-01")

    assert tasks.do_what_is_due() == 1
    assert book.charges == [10]


@pytest.mark.parametrize(
    "error",
    [TransientError(thing="moved"), KeyError("missing"), IntegrityError("refused")],
    ids=lambda error: type(error).__name__,
)
def test_a_customer_that_fails_does_not_stop_the_others(monkeypatch, error):
    scene = new_scene()
    bad, good = agreed(scene=scene), agreed(scene=scene)
    good.subscription.customer = factories.customer(book=scene.book)
    good.subscription.save()
    for book in (bad, good):
        book.fee(10)
    settle = charging.settle_all

    def fail(**asked):
        if bad.subscription.pk in asked["subscriptions"]:
            raise error
        return settle(**asked)

    monkeypatch.setattr(charging, "settle_all", fail)
    swept = due.sweep(at=on("2024-01-10"))

    assert [customer for customer, _ in swept.failures] == [scene.customer.pk]
    assert good.charges == [10]


def test_a_database_that_is_away_ends_the_sweep(monkeypatch):
    agreed().fee(10)

    def fail(**_asked):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(charging, "settle_all", fail)

    with pytest.raises(OperationalError):
        due.sweep(at=on("2024-01-10"))


def test_a_clock_does_on_the_way_what_falls_due():
    book = agreed()
    meter = book.scene.meter("sum", price=None)
    book.fee(10)
    book.usage(meter, {"type": "unit", "amount": "1"}, commitments={"minimum_amount": "50"})
    clock = clocks.create(
        book=book.scene.book, key="c", now_at=on("2024-01-01"), at=on("2024-01-01")
    )
    clocks.attach(customer=book.scene.customer, clock=clock)
    lot = book.scene.grant(5, at=on("2024-01-01"), expires_at=on("2024-01-20"))

    first = clocks.advance(clock=clock, to=on("2024-01-10"))
    book.scene.send(event(20, at=on("2024-01-10")), at=on("2023-12-01"))  # ahead of the real time
    second = clocks.advance(clock=clock, to=on("2024-02-01"))

    assert (first.charges, second.charges) == (1, 3)
    assert left(lot) == 0
    assert book.charged("minimum") == [30]
    assert book.holds("usage_revenue") == 20


def test_usage_ahead_of_every_clock_is_refused():
    scene = new_scene()
    scene.meter("sum")
    clocks.create(book=scene.book, key="c", now_at=on("2030-01-01"), at=on("2024-01-01"))
    other = new_scene()
    other.meter("sum")

    taken = scene.send(event(1, at=on("2030-01-01")), at=on("2024-01-01"))
    early = scene.send(event(1, at=on("2030-01-02")), at=on("2024-01-01"))
    elsewhere = other.send(event(1, at=on("2030-01-01")), at=on("2024-01-01"))

    assert (taken.accepted, early.rejected, elsewhere.rejected) == (1, 1, 1)


def test_expiry_leaves_clocked_customers_to_their_clock():
    scene = new_scene()
    lot = scene.grant(5, at=on("2024-01-01"), expires_at=on("2024-01-20"))
    clock = clocks.create(book=scene.book, key="c", now_at=on("2024-01-01"), at=on("2024-01-01"))
    clocks.attach(customer=scene.customer, clock=clock)

    assert expiry.close_expired(at=on("2026-01-01")) == 0
    assert left(lot) == 5
    assert clocks.advance(clock=clock, to=on("2024-01-20")).grants_expired == 1


def test_a_clock_that_goes_on_takes_what_returned_to_closed_lots_with_it():
    scene = new_scene()
    scene.meter()
    clock = clocks.create(book=scene.book, key="c", now_at=on("2025-06-15"), at=on("2025-06-15"))
    clocks.attach(customer=scene.customer, clock=clock)
    lot = scene.grant(50, expires_at=on("2025-06-20"))
    scene.send(event(20, id="gone", at=on("2025-06-15")))
    clocks.advance(clock=clock, to=on("2025-06-21"))
    scene.void("gone")
    assert left(lot) == 20

    clocks.advance(clock=clock, to=on("2025-06-22"))

    assert (left(lot), -scene.holds("breakage_revenue")) == (0, 50)


def test_contracts_fall_due_among_the_rest():
    book = agreed()
    book.fee(10)
    contracts.create(
        customer=book.scene.customer,
        asset=book.scene.dollars,
        key="k",
        starts_at=on("2024-01-01"),
        ramp="P1M",
        amounts=[Decimal(100)],
        at=on("2024-01-01"),
    )

    done = book.run("2024-02-01")

    assert done.true_ups == 1
    assert Charge.objects.get(kind="true_up").posted == 100


@pytest.mark.django_db(transaction=True)
def test_whom_somebody_else_sees_to_is_left_to_them():
    book = agreed()
    book.fee(10)
    from threading import Thread

    def sweep(found):
        found.append(due.sweep(at=on("2024-01-10")))
        connection.close()

    found = []
    with transaction.atomic():
        type(book.scene.customer).objects.select_for_update(no_key=True).get(
            pk=book.scene.customer.pk
        )
        thread = Thread(target=sweep, args=[found])
        thread.start()
        thread.join(timeout=30)

    assert found[0].charges == 0
    assert not Transaction.objects.exists()
    assert due.sweep(at=on("2024-01-10")).charges == 1


def test_a_clock_issues_recurring_credit_and_rolls_it_over_on_its_way():
    clock = clocks.create(
        book=factories.book(), key="months", now_at=on("2024-01-31"), at=on("2024-01-31")
    )
    customer = factories.customer(book=clock.book)
    clocks.attach(customer=customer, clock=clock)
    wallet = factories.wallet(customer=customer)
    schedules.create(
        wallet=wallet,
        key="included",
        amount=Decimal(100),
        cadence="P1M",
        starts_at=on("2024-01-31"),
        rollover_maximum=Decimal(40),
        at=on("2024-01-31"),
    )

    done = clocks.advance(clock=clock, to=on("2024-03-31"))

    assert (done.grants_issued, done.grants_expired) == (3, 3)
    figures = summary.of_wallets([wallet.pk], at=on("2024-03-31"))[wallet.pk]
    assert (figures.granted, figures.expired, figures.available) == (300, 160, 140)
