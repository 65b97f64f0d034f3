"""The wallets' checks: silent on sound books, and naming what was tampered with."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from ledger import verification
from ledger.models import Balance, Entry
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import use
from wallets import checks, expiry, grants
from wallets.models import CreditGrant, Wallet
from wallets.rollforward import RollForward, roll_forward

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
END = NOON + HOUR
CHECKS = [
    checks.lots_belong_to_grants,
    checks.grants_were_posted,
    checks.wallets_add_up,
    checks.deferred_revenue_rolls_forward,
]


@pytest.fixture
def wallet():
    """A wallet to which everything has happened."""
    wallet = factories.wallet()
    use(wallet.customer, 5, at=NOON)
    factories.grant(wallet=wallet, amount=100, expires_at=END)
    factories.grant(wallet=wallet, amount=40, funding="promotional", expires_at=END)
    factories.grant(wallet=wallet, amount=50)
    grants.void(grant=factories.grant(wallet=wallet, amount=7), at=NOON)
    use(wallet.customer, 10, at=NOON)
    expiry.close_expired(at=END)
    use(wallet.customer, 20, at=NOON)
    use(wallet.customer, 12, at=END)
    return wallet


def tamper(statement, *parameters):
    """Change something as the owner of the database may, with triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("ALTER TABLE ledger_entry DISABLE TRIGGER append_only")
        cursor.execute(statement, parameters)


def lines(check):
    """Return what a check finds in all books."""
    return [str(found) for found in check(book_id=None)]


def first_lot():
    return CreditGrant.objects.order_by("pk").first()


@pytest.mark.parametrize("check", CHECKS)
def test_sound_books_pass(wallet, check):
    assert lines(check) == []


@pytest.mark.parametrize("check", CHECKS)
def test_empty_books_pass(check):
    assert lines(check) == []


def test_credit_rolls_forward(wallet):
    assert roll_forward(book=wallet.customer.book) == [
        RollForward(
            asset="USD",
            opening=Decimal(0),
            sold=Decimal(157),
            granted=Decimal(40),
            consumed=Decimal(47),
            expired=Decimal(105),
            refunded=Decimal(7),
            closing=Decimal(38),
        )
    ]


def test_each_period_opens_with_what_the_one_before_left(wallet):
    book = wallet.customer.book
    [before] = roll_forward(book=book, ends_at=END)
    [after] = roll_forward(book=book, starts_at=END)

    assert before.difference == after.difference == 0
    assert before.closing == after.opening
    assert (before.sold, after.expired, after.consumed) == (157, 105, 12)


def test_a_lot_that_nobody_granted_is_found(wallet):
    tamper("DELETE FROM wallets_creditgrant WHERE id = %s", first_lot().pk)

    assert any("nobody granted it" in line for line in lines(checks.lots_belong_to_grants))


def test_a_lot_that_may_be_overdrawn_is_found(wallet):
    lot = first_lot()
    Balance.objects.filter(pk=lot.account_id).update(floor=-1)

    assert lines(checks.lots_belong_to_grants) == [
        f"lot {lot.account_id} of grant {lot.pk}: may be overdrawn"
    ]


def test_a_lot_of_another_customer_is_found(wallet):
    other = factories.customer(book=wallet.customer.book)
    Wallet.objects.update(customer=other)

    assert any("of another customer" in line for line in lines(checks.lots_belong_to_grants))


def test_a_grant_that_says_more_than_was_posted_is_found(wallet):
    lot = first_lot()
    CreditGrant.objects.filter(pk=lot.pk).update(amount=1000)

    assert lines(checks.grants_were_posted) == [f"grant {lot.pk}: 1000 granted, 100 posted"]


def test_a_changed_entry_is_found(wallet):
    lot = first_lot()
    covered = Entry.objects.get(
        debit_account_id=lot.account_id, credit_account__purpose="overdraft"
    )
    tamper("UPDATE ledger_entry SET amount = amount + 1 WHERE id = %s", covered.pk)

    assert len(lines(checks.wallets_add_up)) == 1
    assert len(lines(checks.deferred_revenue_rolls_forward)) == 1


def test_a_check_of_one_book_leaves_the_others_alone(wallet):
    CreditGrant.objects.update(amount=1000)

    assert len(list(checks.grants_were_posted(book_id=wallet.customer.book_id))) == 4
    assert not list(checks.grants_were_posted(book_id=factories.book().pk))


def test_verification_runs_the_checks(wallet):
    CreditGrant.objects.filter(pk=first_lot().pk).update(amount=1000)

    found = verification.verify().disagreements

    assert ("grants", "1000 granted, 100 posted") in {(it.check, it.detail) for it in found}
