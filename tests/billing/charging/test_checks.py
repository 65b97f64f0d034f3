"""The check of charges: silent on sound books, and naming what was tampered with."""

from decimal import Decimal

import pytest
from django.db import connection

from billing import checks
from billing.models import Charge, ChargeChange
from tests.billing.charging.agreed import agreed

pytestmark = pytest.mark.django_db


@pytest.fixture
def charge():
    """A fee that has been charged, cut and earned, beside a discount."""
    book = agreed()
    book.fee(10)
    book.coupon(percentage=Decimal(10), redeemed="2024-01-01")
    book.run("2024-02-01")
    book.end("2024-01-16T12:00")
    book.run("2024-03-01")
    return Charge.objects.filter(kind="flat").order_by("starts_at").first()


def found():
    return [disagreement.detail for disagreement in checks.charges_were_posted(book_id=None)]


def test_sound_books_are_silent(charge):
    assert (charge.posted, charge.earned) == (5, 5)
    assert found() == []


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("posted", 6, "says 6, its entries 5"),
        ("earned", 4, "says 4, earned by its entries 5"),
        ("taken", "", "says 5, its takings 0"),
    ],
)
def test_a_charge_that_says_something_else_is_named(charge, column, value, said):
    Charge.objects.filter(pk=charge.pk).update(**{column: value})

    assert said in found()
    assert not list(checks.charges_were_posted(book_id=charge.book_id + 1))


def test_a_change_that_is_gone_is_missed(charge):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("ALTER TABLE billing_chargechange DISABLE TRIGGER USER")
        ChargeChange.objects.filter(charge=charge, reason="changed").delete()

    assert "says 5, its changes 10" in found()
