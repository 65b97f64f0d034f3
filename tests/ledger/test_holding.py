"""Holding: what is set aside is bounded by what the account has, whoever writes."""

from decimal import Decimal

import pytest
from django.db import transaction

from ledger import bulk, holding
from ledger.errors import InsufficientBalanceError, PrecisionError
from ledger.models import Balance
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def lot():
    return factories.grant(amount=100).account_id


@transaction.atomic
def hold(account_id, amount):
    bulk.lock([account_id])
    holding.hold({account_id: Decimal(amount)})


def test_what_is_held_is_not_available(lot):
    hold(lot, 70)

    with transaction.atomic():
        assert bulk.lock([lot])[lot].available == 30


def test_what_is_given_back_is_available_again(lot):
    hold(lot, 70)
    hold(lot, -50)

    assert Balance.objects.get(pk=lot).held == 20


@pytest.mark.parametrize("amount", [101, "100.000000000001"])
def test_no_more_is_held_than_there_is(lot, amount):
    with pytest.raises(InsufficientBalanceError, match=str(lot)):
        hold(lot, amount)


def test_each_change_counts_as_a_version_of_the_balance(lot):
    before = Balance.objects.get(pk=lot).version

    hold(lot, 1)

    assert Balance.objects.get(pk=lot).version == before + 1


def test_an_amount_finer_than_the_ledger_keeps_is_refused(lot):
    with pytest.raises(PrecisionError):
        hold(lot, "0.0000000000001")


def test_no_change_takes_no_query(lot, django_assert_num_queries):
    with django_assert_num_queries(0):
        holding.hold({lot: Decimal(0)})


def test_what_accounts_hold_then_is_told_without_asking(lot):
    with transaction.atomic():
        funds = bulk.lock([lot])
        after = holding.held_with(funds, {lot: Decimal(60)})

    assert (funds[lot].available, after[lot].available) == (100, 40)
