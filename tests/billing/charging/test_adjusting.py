"""Adjustments: by hand, and usage that was posted at a wrong price."""

from decimal import Decimal

import pytest

from billing import catalogue, checks, due
from billing.charging import adjusting
from billing.models import Accrual, Charge
from ledger import verification
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests.billing.charging.agreed import on
from tests.billing.scene import event, left, new_scene

pytestmark = pytest.mark.django_db

FEBRUARY = on("2025-02-03")
CHEAPER = {"price": {"type": "unit", "amount": "0.75"}}


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter("sum", price=1)
    return scene


def use(scene, value, at="2025-01-10", *, received="", **more):
    return scene.send(event(value, at=on(at), **more), at=on(received or at))


def reprice(scene, terms=CHEAPER, *, key="k", at=FEBRUARY, **more):
    more = {"accrual": Accrual.objects.get(rate__isnull=False), "reason": "agreed", **more}
    return adjusting.reprice(terms=terms, key=key, at=at, **more)


def adjust(scene, amount, *, key="k", **more):
    more = {"customer": scene.customer, "name": "Goodwill", "reason": "outage", **more}
    return adjusting.adjust(
        asset=scene.dollars, amount=Decimal(amount), key=key, at=FEBRUARY, **more
    )


def follow(scene, at="2025-02-04"):
    due.run(customer=scene.customer, until=on(at))


def test_an_adjustment_lowers_what_stands_to_be_invoiced(scene):
    use(scene, 100)
    made = adjust(scene, "-12.5", product="sum")

    assert (made.posted, scene.unbilled) == (Decimal("-12.5"), Decimal("87.5"))
    assert -scene.holds("adjustment_revenue", "sum") == Decimal("-12.5")
    assert made.changes.get().explanation == {"reason": "outage"}
    assert verification.verify().disagreements == []


def test_an_adjustment_is_made_once(scene):
    assert adjust(scene, 5) == adjust(scene, 5)
    assert scene.unbilled == 5
    with pytest.raises(IdempotencyConflictError):
        adjust(scene, 6)


def test_nothing_is_given_back_where_nothing_is_invoiced(scene):
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")

    with pytest.raises(InvalidInputError, match="grant credit"):
        adjust(scene, -5)


def test_a_corrected_price_posts_the_difference_beside_the_usage(scene):
    use(scene, 100)
    made = reprice(scene)

    assert (made.posted, scene.unbilled, scene.revenue) == (-25, 75, 100)
    assert -scene.holds("adjustment_revenue", "sum") == -25
    assert made.changes.get().explanation == {
        "quantity": "100",
        "rated": "100",
        "right": "75",
        "reason": "agreed",
    }
    assert made.accrual.amount == 100
    assert verification.verify().disagreements == []


def test_a_price_may_be_corrected_upwards(scene):
    use(scene, 100)
    reprice(scene, {"price": {"type": "unit", "amount": "1.1"}})

    assert scene.unbilled == 110


def test_what_credit_paid_goes_back_to_it(scene):
    lot = scene.grant(40)
    use(scene, 100)
    reprice(scene, {"price": {"type": "unit", "amount": "0.1"}})

    assert (left(lot), scene.unbilled) == (30, 0)


def test_the_last_correction_counts(scene):
    use(scene, 100)
    reprice(scene)
    again = reprice(scene, {"price": {"type": "unit", "amount": "0.9"}}, key="second")

    assert (again.posted, scene.unbilled) == (15, 90)
    assert reprice(scene).posted == -25
    assert scene.unbilled == 90


def test_a_correction_follows_usage_that_comes_late(scene):
    use(scene, 100)
    reprice(scene)
    use(scene, 20, received="2025-02-03T12:00")
    follow(scene)

    assert scene.unbilled == 90
    assert Charge.objects.get().posted == -30


def test_a_correction_follows_usage_that_is_taken_back(scene):
    lot = scene.grant(40)
    use(scene, 100, id="wrong")
    reprice(scene, {"price": {"type": "unit", "amount": "0.1"}})
    scene.void("wrong")
    follow(scene, "2025-06-20")

    assert (Charge.objects.get().posted, left(lot), scene.unbilled) == (0, 40, 0)
    assert verification.verify().disagreements == []


def test_usage_of_a_running_period_is_not_repriced(scene):
    use(scene, 100)

    with pytest.raises(InvalidInputError, match="until its period is over"):
        reprice(scene, at=on("2025-01-31"))


def test_a_price_that_looks_at_events_is_refused(scene):
    use(scene, 100)
    dynamic = {"price": {"type": "dynamic", "multiplier": "2"}}

    with pytest.raises(InvalidInputError):
        reprice(scene, dynamic)


def test_repeating_a_correction_changes_nothing(scene):
    use(scene, 100)

    assert reprice(scene) == reprice(scene, at=on("2025-02-05"))
    assert scene.unbilled == 75
    with pytest.raises(IdempotencyConflictError):
        reprice(scene, reason="another")
    assert not list(checks.charges_were_posted(book_id=None))
