"""Amounts of more digits than Python's decimals keep unasked go and come back whole."""

from decimal import Decimal

import pytest

from billing import catalogue
from ledger import verification
from ledger.models import Balance
from ledger.money import subtract
from tests.billing.scene import event, new_scene
from tests.factories import NOON
from wallets import overdraft

pytestmark = pytest.mark.django_db

MUCH = Decimal("11111111111111111111.1")
MORE = Decimal("55555555555555555555.555555555555")


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter(price="1.0000000001")
    return scene


def standing(scene):
    """Return what stands on accounts, but for those where nothing does."""
    found = Balance.objects.filter(account__book=scene.book).select_related("account")
    return {
        one.account.purpose: subtract(one.credits, one.debits)
        for one in found
        if one.credits != one.debits
    }


@pytest.mark.parametrize("settlement", ["credit_then_invoice", "credit_only"])
@pytest.mark.parametrize("credit", [0, MORE, Decimal("0.000000000001")])
def test_what_is_taken_back_leaves_nothing(scene, settlement, credit):
    catalogue.set_profile(customer=scene.customer, settlement=settlement)
    if credit:
        scene.grant(credit)
    before = standing(scene)

    scene.send(event(str(MUCH), id="e1"), event(str(MUCH), id="e2"))
    scene.void("e1")
    scene.void("e2")
    overdraft.settle(at=NOON)

    assert standing(scene) == before
    assert verification.verify().disagreements == []


def test_an_overdraft_that_credit_covered_goes_back_to_it(scene):
    catalogue.set_profile(customer=scene.customer, settlement="credit_only")
    scene.send(event(str(MUCH), id="e1"))
    lot = scene.grant(MORE)

    scene.void("e1")
    overdraft.settle(at=NOON)

    left = Balance.objects.get(account=lot)
    assert subtract(left.credits, left.debits) == MORE
    assert verification.verify().disagreements == []
