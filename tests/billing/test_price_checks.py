"""The checks of prices and costs: silent on sound books, and naming what was tampered with."""

import pytest

from billing import price_checks
from billing.models import Accrual
from tests.billing.scene import event, new_scene

pytestmark = pytest.mark.django_db

TIERS = {
    "type": "graduated",
    "tiers": [
        {"up_to_amount": "10", "unit_price": {"type": "unit", "amount": "2"}},
        {"unit_price": {"type": "unit", "amount": "1"}},
    ],
}
FEE = {"type": "percentage", "rate": "1", "fixed_fee": "0.30"}


@pytest.fixture
def scene():
    """Usage under a price per unit, under tiers, and under a fee for each event; one voided."""
    scene = new_scene()
    scene.meter("sum", price=2, cost=1)
    scene.sell("max", TIERS)
    scene.sell("count", FEE)
    scene.send(event(3, id="one"), event(14, id="two"))
    scene.void("two")
    return scene


def found(scene=None):
    book_id = scene.book.pk if scene else None
    every = [price_checks.amounts_are_priced, price_checks.costs_were_posted]
    return [(one.check, one.detail) for check in every for one in check(book_id=book_id)]


def of(meter):
    return Accrual.objects.filter(meter__key=meter)


def test_sound_books_pass(scene):
    assert found() == found(scene) == []


@pytest.mark.parametrize(
    ("meter", "change", "detail"),
    [
        ("sum", {"amount": 7}, "amounts to 7, its rate says 6"),
        ("max", {"quantity": 4}, "amounts to 6, its rate says 8"),
        ("count", {"state": {}}, "amounts to 0.31, its rate says 0.01"),
    ],
)
def test_an_amount_that_no_rate_gives_is_found(scene, meter, change, detail):
    of(meter).update(**change)

    assert found(scene) == [("prices", detail)]


def test_a_cost_that_no_entry_has_is_found(scene):
    of("sum").update(cost=5)

    assert found(scene) == [("costs", "running costs say 5, entries 3")]


def test_another_books_disagreements_are_its_own(scene):
    of("sum").update(amount=7, cost=5)

    assert found(new_scene()) == []
