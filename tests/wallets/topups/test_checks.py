"""The checks of top-ups find nothing in sound books, and name what was tampered with."""

import pytest

from tests.factories import NOON
from tests.wallets.spending import use
from tests.wallets.topups.buying import ask, credits_wallet
from wallets import topups
from wallets.models import CreditGrant, TopUp
from wallets.topups import checks

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    return credits_wallet()


def found():
    every = [checks.top_ups_are_owed, checks.top_ups_have_grants]
    return [one.detail for check in every for one in check(book_id=None)]


def early(wallet):
    return ask(wallet, 100, availability="on_creation")


def paid(wallet):
    top_up = ask(wallet, 100)
    return topups.settle(top_up=top_up, payment_key=top_up.key, at=NOON)


def test_whatever_becomes_of_top_ups_they_agree(wallet):
    ask(wallet, 100), early(wallet)
    topups.refund(top_up=paid(wallet), reason="Changed their mind", at=NOON)
    topups.settle(top_up=early(wallet), payment_key="late", at=NOON)
    topups.fail(top_up=ask(wallet, 100), reason="Never paid", at=NOON)
    gone = early(wallet)
    use(wallet.customer, 250, at=NOON, asset=wallet.asset)
    topups.fail(top_up=gone, reason="Never paid", at=NOON)

    assert found() == []


def test_what_is_owed_for_credit_is_held_to_the_top_ups(wallet):
    TopUp.objects.filter(pk=early(wallet).pk).update(price=11)

    assert found() == ["10 USD owed, top-ups come to 11"]


def test_a_payment_without_its_credit_is_named(wallet):
    first, second = paid(wallet), paid(wallet)
    TopUp.objects.filter(pk=first.pk).update(grant=None)
    CreditGrant.objects.filter(pk=second.grant_id).update(amount=1)

    assert found() == ["settled without a grant", "its grant is of another amount"]
