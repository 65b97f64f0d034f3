"""Of equal lots the promotional one burns first, or the paid one where the book says so."""

from decimal import Decimal

import pytest

from ledger.models import Transaction
from tests import factories
from tests.billing.scene import event, left_in, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import capture, held_on, hold
from wallets import transfers
from wallets.models import CreditGrant

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter()
    return scene


@pytest.fixture
def wallet(scene):
    return factories.wallet(customer=scene.customer, asset=scene.dollars)


@pytest.fixture
def lots(scene, wallet):
    """Return a paid and a promotional lot."""
    kinds = ("paid", "promotional")
    return [scene.grant(10, wallet=wallet, funding=funding) for funding in kinds]


def prefer_paid(settings, scene):
    settings.METERBOOK_BURN_PAID_FIRST = frozenset([scene.book.key])


def orders():
    kept = Transaction.objects.filter(kind__in=["usage", "capture"]).order_by("pk")
    return [one.metadata["burn_order"] for one in kept]


def test_promotional_credit_burns_first(scene, lots):
    scene.send(event(4))

    assert (left_in(lots), orders()) == ([10, 6], [1])


def test_paid_credit_burns_first_where_the_book_says_so(scene, lots, settings):
    prefer_paid(settings, scene)

    scene.send(event(4))

    assert (left_in(lots), orders()) == ([6, 10], [2])


def test_another_books_choice_is_not_ours(scene, lots, settings):
    settings.METERBOOK_BURN_PAID_FIRST = frozenset(["elsewhere"])

    scene.send(event(4))

    assert (left_in(lots), orders()) == ([10, 6], [1])


def test_holds_and_captures_go_by_the_same_order(scene, lots, settings):
    prefer_paid(settings, scene)
    paid, promotional = CreditGrant.objects.order_by("pk")

    made = hold(scene.customer, 12)
    assert (held_on(paid), held_on(promotional)) == (10, 2)
    capture(made, 4)

    assert (left_in(lots), orders()) == ([6, 10], [2])


def test_transfers_go_by_the_same_order(scene, wallet, lots, settings):
    prefer_paid(settings, scene)
    target = factories.wallet(customer=scene.customer, asset=scene.dollars)

    transfers.transfer(source=wallet, target=target, key="t", amount=Decimal(4), at=NOON)

    assert left_in(lots) == [6, 10]
