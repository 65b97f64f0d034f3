"""Usage that comes when its period has been invoiced: in its own period, or in the next one."""

from datetime import timedelta

import pytest

from billing import catalogue
from billing.invoicing import making
from billing.metering import late, snapshot
from billing.models import Accrual, Billable, Meter, Supplier
from ledger import clocks, verification
from ledger.errors import InvalidInputError
from tests.billing.charging.agreed import on
from tests.billing.scene import START, event, new_scene

pytestmark = pytest.mark.django_db

TIERS = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "100", "unit_price": {"type": "unit", "amount": "1"}},
        {"unit_price": {"type": "unit", "amount": "0.5"}},
    ],
}


@pytest.fixture
def scene():
    return new_scene()


def meter(scene, policy="next_period", aggregation="sum"):
    made = scene.sell(aggregation, TIERS)
    return catalogue.change_meter(meter=made, late_usage=policy)


def use(scene, value, at, *, received="", **more):
    return scene.send(event(value, at=on(at), **more), at=on(received or at))


def invoiced(scene):
    """Issue what usage so far has come to by 3 February."""
    Supplier.objects.create(book=scene.book, updated_at=START)
    at = on("2025-02-03")
    payers = [scene.customer.pk]
    made = making.make(book=scene.book, payer_ids=payers, until=at, at=at, by="anna")
    assert made.issued == 1


def counted():
    """Return what is counted by month: quantity and amount."""
    rows = Accrual.objects.filter(rate__isnull=False).order_by("period_start")
    return {f"{row.period_start:%m}": (row.quantity, row.amount) for row in rows}


def test_as_a_rule_it_counts_in_its_own_period_and_is_billed_again(scene):
    meter(scene, "rerate")
    use(scene, 100, "2025-01-10")
    invoiced(scene)
    use(scene, 10, "2025-01-31", received="2025-02-05")

    assert counted() == {"01": (110, 105)}
    assert Billable.objects.get().settled_at is None


def test_by_policy_it_counts_in_the_period_that_runs_when_it_comes(scene):
    meter(scene)
    use(scene, 100, "2025-01-10")
    invoiced(scene)
    use(scene, 10, "2025-01-31", received="2025-02-05")

    assert counted() == {"01": (100, 100), "02": (10, 10)}
    assert Billable.objects.get(accrual__period_start=on("2025-01-01")).settled_at is not None
    assert scene.units("sum") == 110
    assert verification.verify().disagreements == []


def test_it_is_posted_by_the_time_at_which_it_happened(scene):
    meter(scene)
    use(scene, 100, "2025-01-10")
    invoiced(scene)
    use(scene, 10, "2025-01-31", received="2025-02-05", id="late")

    moved = scene.find("late")
    assert moved.occurred_at == on("2025-01-31")
    [accrual] = Accrual.objects.filter(pk__in=moved.accrual_ids)
    assert accrual.period_start == on("2025-02-01")
    assert late.earliest_of(accrual.pk, accrual.period_start) == on("2025-01-31")


def test_before_its_period_is_invoiced_it_counts_there(scene):
    meter(scene)
    use(scene, 100, "2025-01-10")
    use(scene, 10, "2025-01-31", received="2025-02-05")

    assert counted() == {"01": (110, 105)}


def test_usage_in_time_stays_where_it_is(scene):
    meter(scene)
    use(scene, 100, "2025-01-10")
    invoiced(scene)
    use(scene, 10, "2025-01-20", received="2025-01-25")

    assert counted() == {"01": (110, 105)}


def test_what_was_moved_on_is_taken_back_from_where_it_counts(scene):
    meter(scene)
    use(scene, 100, "2025-01-10")
    invoiced(scene)
    use(scene, 10, "2025-01-31", received="2025-02-05", id="late")
    use(scene, 5, "2025-02-06")
    scene.void("late")

    assert counted() == {"01": (100, 100), "02": (5, 5)}
    assert verification.verify().disagreements == []


def test_what_replaces_it_counts_where_it_did(scene):
    meter(scene)
    use(scene, 100, "2025-01-10")
    invoiced(scene)
    use(scene, 10, "2025-01-31", received="2025-02-05", id="late")
    scene.amend(event(7, id="late", at=on("2025-01-30")))

    assert counted() == {"01": (100, 100), "02": (7, 7)}
    [accrual] = Accrual.objects.filter(period_start=on("2025-02-01"), rate__isnull=False)
    assert late.earliest_of(accrual.pk, accrual.period_start) == on("2025-01-30")


def test_an_extreme_that_was_moved_on_is_found_again(scene):
    meter(scene, aggregation="max")
    use(scene, 50, "2025-01-10")
    invoiced(scene)
    use(scene, 30, "2025-01-31", received="2025-02-05", id="late")
    use(scene, 40, "2025-02-06", id="top")
    scene.void("top")

    assert counted() == {"01": (50, 50), "02": (30, 30)}


def test_a_test_clock_says_what_is_late(scene):
    scene.customer.clock = clocks.create(
        book=scene.book, key="clock", now_at=on("2025-02-05"), at=START
    )
    scene.customer.save()
    meter(scene)
    use(scene, 100, "2025-01-10", received="2026-01-01")
    invoiced(scene)
    use(scene, 10, "2025-01-31", received="2026-01-01")
    use(scene, 3, "2025-02-05", received="2026-01-01")

    assert counted() == {"01": (100, 100), "02": (13, 13)}


def test_only_late_usage_of_such_meters_is_asked_about(scene, django_assert_num_queries):
    meter(scene)
    sold = snapshot.current(scene.book.pk)
    assert sold.moves_on
    with django_assert_num_queries(0):
        assert late.moved_on([], catalogue=sold, at=START + timedelta(days=40)) == []


def test_an_unknown_policy_is_refused(scene):
    with pytest.raises(InvalidInputError, match="next_period"):
        meter(scene, "forget")
    assert Meter.objects.get().late_usage == "rerate"
