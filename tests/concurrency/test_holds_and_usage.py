"""Many callers at once whose usage is captured: nothing is paid twice, overdrawn or lost."""

from decimal import Decimal
from functools import partial

import pytest
from django.db.models import F
from django.utils.timezone import now

from billing.metering import snapshot
from ledger import verification
from ledger.models import Balance
from tests import factories
from tests.billing.holds.callers import world
from tests.concurrency.at_once import at_once
from wallets import overdraft

pytestmark = pytest.mark.django_db(transaction=True)


def balances(book, purpose):
    return Balance.objects.filter(account__book=book, account__purpose=purpose)


def test_many_callers_at_once_pay_for_each_event_once():
    snapshot.forget()
    book = factories.book()
    callers = world(book=book, callers=8, customers=3, credit=Decimal(60), clock=now)

    at_once([partial(one.run, 40) for one in callers])
    at_once([one.finish for one in callers])
    overdraft.settle(at=now())

    assert not balances(book, "overdraft").exclude(debits=F("credits"))
    assert not balances(book, "captured").exclude(debits=F("credits"))
    assert not Balance.objects.filter(account__book=book, held__gt=0)
    left = sum(lot.credits - lot.debits for lot in balances(book, "credit_lot"))
    assert 4 * 3 * 60 - left == sum(one.used for one in callers) > 0
    assert verification.verify(book=book).disagreements == []
