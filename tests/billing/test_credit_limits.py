"""A credit limit covers what is not billed yet and, unless told otherwise, unpaid documents."""

from decimal import Decimal

import pytest

from billing import catalogue, payments
from billing.invoicing import credit_notes, lifecycle
from billing.metering import corrections
from billing.models import Unapplied, UsageEvent
from ledger.errors import InvalidInputError
from ledger.models import Account, Balance
from tests.billing.invoicing.documents import ISSUED, issued_invoice, selling, used
from tests.billing.payments.documents import pay

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    """Return a customer that may owe 100, and used something for 60."""
    scene = selling()
    scene.limit(100)
    return scene


@pytest.fixture
def invoice(scene):
    return issued_invoice(scene, 60, tax=19)  # 71.40


def room(scene):
    """Return how much more may be used before it is an overdraft."""
    account = Account.objects.get(customer=scene.customer, purpose="unbilled")
    held = Balance.objects.get(account=account)
    return held.orientation * (held.debits - held.credits) - held.floor


def test_an_unpaid_invoice_makes_no_room_with_its_tax(scene, invoice):
    assert room(scene) == Decimal("28.60")


def test_what_is_paid_of_it_does(scene, invoice):
    payment = pay(scene.customer, 41, at=ISSUED)
    assert room(scene) == Decimal("69.60")

    payments.reverse(payment=payment, reason="AC04", by="bank", key="r", at=ISSUED)
    assert room(scene) == Decimal("28.60")


def test_what_is_credited_written_off_or_void_does(scene, invoice):
    credit_notes.credit(
        invoice=invoice, what=credit_notes.Amount(Decimal("21.40")), disposition="offset",
        reason="Down", by="ann", key="c", at=ISSUED,
    )  # fmt: skip
    assert room(scene) == 50
    payments.write_off(invoice=invoice, reason="Gone", by="ann", key="w", at=ISSUED)
    assert room(scene) == 100

    second = issued_invoice(scene, 10)
    assert room(scene) == 90
    lifecycle.void(invoice=second, reason="Wrong", by="ann", at=ISSUED)
    assert room(scene) == 90  # it stands unbilled again


def test_more_than_the_limit_leaves_no_room_until_it_is_paid(scene):
    issued_invoice(scene, 60)
    scene.limit(50)
    assert room(scene) == 0

    pay(scene.customer, 60, at=ISSUED)
    assert room(scene) == 50


def test_a_limit_may_cover_what_is_not_billed_alone(scene, invoice):
    catalogue.set_profile(
        customer=scene.customer, credit_limit=Decimal(100), limit_covers="unbilled"
    )
    assert room(scene) == 100
    pay(scene.customer, 41, at=ISSUED)
    assert room(scene) == 100

    scene.limit(80)
    assert room(scene) == Decimal("49.60")
    with pytest.raises(InvalidInputError, match="limit_covers"):
        catalogue.set_profile(customer=scene.customer, limit_covers="everything")


def test_what_fills_more_than_half_of_the_limit_can_be_void(scene, invoice):
    lifecycle.void(invoice=invoice, reason="Wrong", by="ann", at=ISSUED)
    assert room(scene) == 40


def test_what_is_void_stands_unbilled_again_beyond_the_limit(scene, invoice):
    scene.limit(50)
    lifecycle.void(invoice=invoice, reason="Wrong", by="ann", at=ISSUED)
    assert room(scene) == 0


def test_what_is_over_the_limit_may_be_billed_what_stands_to_its_credit(scene, invoice):
    scene.limit(50)
    account = Account.objects.get(customer=scene.customer, purpose="unbilled")
    event = UsageEvent.objects.get(customer=scene.customer)
    corrections.void(book=scene.book, event=event, key="v", at=ISSUED)
    pay(scene.customer, 1, at=ISSUED)
    held = Balance.objects.get(account=account)
    assert (held.credits - held.debits, held.floor) == (60, 0)


def test_documents_from_before_any_usage_count_as_well(scene):
    payment = pay(scene.customer, 80, at=ISSUED)
    money = Unapplied.objects.get(payment=payment)
    payments.refund(source=money, reason="Asked for", by="ann", key="f", at=ISSUED)
    payments.reverse(payment=payment, reason="AC04", by="bank", key="r", at=ISSUED)

    used(scene, 60)
    assert (scene.unbilled, scene.overdraft, room(scene)) == (20, 40, 0)
