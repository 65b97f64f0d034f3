"""The checks of holds: silent whatever has happened, and naming what was tampered with."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import capture, hold, reserve
from wallets import holds
from wallets.holds import Credit, checks
from wallets.models import Capture

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
CHECKS = [
    checks.held_is_what_holds_set_aside,
    checks.holds_add_up,
    checks.captured_is_what_waits,
    checks.captures_add_up,
]


@pytest.fixture
def customer():
    """Return a customer to whose credit everything has happened."""
    wallet = factories.wallet()
    for _ in range(3):
        factories.grant(wallet=wallet, amount=100)
    customer = wallet.customer
    capture(hold(customer, 120), 110)
    capture(hold(customer, 20), 30, beyond="allow_if_available")
    lease = hold(customer, 50)
    capture(lease, 10, is_final=False)
    holds.extend(hold=lease, amount=Decimal(5), at=NOON)
    capture(hold(customer, 20), 15, events=[("gateway", "e1")])
    holds.release(hold=hold(customer, 5), at=NOON)
    hold(customer, 500, credit=Credit())
    hold(customer, 5, credit=Credit(), expires_in=HOUR / 2)
    reserve(customer, 5, at=NOON + HOUR / 2)
    reserve(customer, 500)
    return customer


def tamper(statement):
    """Change something as nobody may."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0


def lines(check):
    return [str(found) for found in check(book_id=None)]


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize("check", CHECKS)
def test_sound_books_pass(check):
    assert lines(check) == []


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize("check", CHECKS)
def test_expired_holds_pass_swept_or_not(check):
    holds.expire(at=NOON + 2 * HOUR)

    assert lines(check) == []


@pytest.mark.parametrize(
    ("check", "statement", "said"),
    [
        (
            checks.held_is_what_holds_set_aside,
            "UPDATE ledger_balance SET held = held + 1 WHERE floor IS NULL AND held > 0",
            "set aside by active holds",
        ),
        (
            checks.held_is_what_holds_set_aside,
            "UPDATE wallets_hold SET state = 'released', closed_at = now() WHERE state = 'active'",
            "0 set aside by active holds",
        ),
        (
            checks.holds_add_up,
            "UPDATE wallets_holdpart SET amount = amount + 1",
            "captured, 10 not captured, 2 set aside",
        ),
        (
            checks.holds_add_up,
            "UPDATE wallets_hold SET expires_at = '2999-01-01', requested = requested + 1",
            "active, 46 not captured, 45 set aside",
        ),
        (
            checks.captured_is_what_waits,
            "UPDATE wallets_capture SET remaining = 14 WHERE settled_at IS NULL",
            "15 captured, 14 waits for usage",
        ),
        (
            checks.captures_add_up,
            "UPDATE wallets_capture SET remaining = 14 WHERE settled_at IS NULL",
            "remains with more or less than was taken",
        ),
        (
            checks.captures_add_up,
            "UPDATE wallets_capture SET account_id = NULL WHERE settled_at IS NULL",
            "waits nowhere",
        ),
        (
            checks.captures_add_up,
            "UPDATE wallets_capturedevent SET arrived_at = now()",
            "waits though all its events have come",
        ),
        (
            checks.captures_add_up,
            "UPDATE wallets_capture SET settled_at = now() WHERE settled_at IS NULL",
            "settled with something left",
        ),
    ],
)
@pytest.mark.usefixtures("customer")
def test_what_was_tampered_with_is_named(check, statement, said):
    tamper(statement)

    assert any(said in line for line in lines(check)), lines(check)


def test_other_books_are_left_out(customer):
    tamper("UPDATE wallets_capture SET remaining = 14 WHERE settled_at IS NULL")
    other = factories.book()

    assert list(checks.captures_add_up(book_id=other.pk)) == []
    assert list(checks.captures_add_up(book_id=customer.book_id))
    assert Capture.objects.filter(book=customer.book_id)
