"""What a credit costs: per currency, from an instant on, never changed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.errors import AlreadyExistsError, InvalidInputError
from tests import factories
from tests.factories import NOON
from wallets import pricing
from wallets.models import CreditPrice

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def credits_():
    return factories.asset(code="credits", kind="credit")


@pytest.fixture
def book():
    return factories.book()


def set_price(book, asset, amount, **terms):
    defaults = {"currency": factories.asset(), "at": NOON}
    return pricing.set_price(book=book, asset=asset, amount=Decimal(amount), **(defaults | terms))


def test_a_price_holds_from_its_instant_on(book, credits_):
    now = set_price(book, credits_, "0.01")
    later = set_price(book, credits_, "0.02", effective_from=NOON + DAY)
    euros = set_price(book, credits_, "0.009", currency=factories.asset(code="EUR"))

    assert (now.effective_from, later.effective_from) == (NOON, NOON + DAY)
    assert euros.currency.code == "EUR"


def test_setting_the_same_again_changes_nothing(book, credits_):
    first = set_price(book, credits_, "0.01", effective_from=NOON + DAY)

    again = set_price(book, credits_, "0.01", effective_from=NOON + DAY, at=NOON + 2 * DAY)

    assert again == first
    assert CreditPrice.objects.count() == 1


def test_a_price_is_not_changed(book, credits_):
    set_price(book, credits_, "0.01")

    with pytest.raises(AlreadyExistsError):
        set_price(book, credits_, "0.02")


def test_what_has_passed_keeps_its_price(book, credits_):
    with pytest.raises(InvalidInputError, match="effective_from"):
        set_price(book, credits_, "0.01", effective_from=NOON - DAY)


def test_only_credits_have_a_price_and_only_in_money(book, credits_):
    tokens = factories.asset(code="tokens", kind="unit")

    with pytest.raises(InvalidInputError, match="credit"):
        set_price(book, tokens, 1)
    with pytest.raises(InvalidInputError, match="currency"):
        set_price(book, credits_, 1, currency=tokens)
    with pytest.raises(InvalidInputError, match="amount"):
        set_price(book, credits_, -1)
