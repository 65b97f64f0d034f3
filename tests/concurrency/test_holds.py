"""Holds, captures and usage at once: nothing is promised twice, nothing is lost."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from ledger.models import Balance
from tests import factories
from tests.concurrency.at_once import at_once
from tests.factories import NOON
from tests.wallets.holds.clients import Client
from tests.wallets.holds.setting_aside import capture, held_on, hold, order, reserve
from tests.wallets.spending import left_in
from wallets import holds
from wallets.errors import HoldClosedError

pytestmark = pytest.mark.django_db(transaction=True)

CHECKS = [import_string(name) for name in settings.LEDGER_CHECKS if name.startswith("wallets.")]


def suppressing(refusal: type[Exception], call: Callable[[], object]) -> Callable[[], object]:
    """Return the call, done or refused."""

    def attempt() -> object:
        with suppress(refusal):
            return call()
        return None

    return attempt


def disagreements():
    return [str(line) for check in CHECKS for line in check(book_id=None)]


@pytest.mark.parametrize("lots", [1, 5])
def test_exactly_six_of_twenty_reserves_of_75_fit_into_500(lots):
    for _ in range(10):
        wallet = factories.wallet()
        for _ in range(lots):
            factories.grant(wallet=wallet, amount=500 // lots)

        decided = at_once([partial(reserve, wallet.customer, 75)] * 20)

        states = [one.hold.state for one in decided]
        assert (states.count("active"), states.count("denied")) == (6, 14)
    assert disagreements() == []


def test_one_key_reserves_once_however_many_ask():
    grant = factories.grant(amount=500)
    asked = order(grant.wallet.customer, 75)

    decided = at_once([partial(holds.reserve, asked)] * 12)

    assert len({one.hold.pk for one in decided}) == 1
    assert [one.is_new for one in decided].count(True) == 1
    assert held_on(grant) == 75


def test_one_key_captures_once_however_many_ask():
    grant = factories.grant(amount=500)
    made = hold(grant.wallet.customer, 75)

    at_once([partial(capture, made, 30, key="c1")] * 8)

    assert (left_in(grant), held_on(grant)) == (470, 0)


def test_a_hold_ends_once_by_capture_release_or_expiry():
    for _ in range(8):
        grant = factories.grant(amount=500)
        made = hold(grant.wallet.customer, 75)

        late = NOON + timedelta(hours=1)
        ends = [
            suppressing(HoldClosedError, partial(capture, made, 30)),
            suppressing(HoldClosedError, partial(holds.release, hold=made, at=NOON)),
            partial(holds.expire, at=late),
        ]
        at_once(ends * 2)

        made.refresh_from_db()
        taken = 30 if made.state == "captured" else 0
        assert (held_on(grant), left_in(grant)) == (0, 500 - taken)
    assert disagreements() == []


def test_an_extension_never_revives_what_was_given_back():
    grant = factories.grant(amount=500)
    mine = hold(grant.wallet.customer, 400)
    late = NOON + timedelta(hours=1)

    longer = partial(holds.extend, hold=mine, expires_in=timedelta(hours=2), at=NOON)

    _, rival = at_once(
        [
            suppressing(HoldClosedError, longer),
            partial(reserve, grant.wallet.customer, 400, at=late),
        ]
    )

    mine.refresh_from_db()
    assert held_on(grant) == 400
    assert (mine.expires_at > late) is (rival.hold.state == "denied")


def test_random_operations_of_many_clients_overdraw_and_lose_nothing():
    company = factories.customer()
    teams = [factories.customer(parent=company) for _ in range(2)]
    for wallet in (
        factories.wallet(customer=company, is_shared=True),
        *(factories.wallet(customer=team) for team in teams),
    ):
        for number in range(3):
            factories.grant(wallet=wallet, amount=150, priority=number)
    clients = [Client(teams[seed % 2], random.Random(seed)) for seed in range(12)]

    at_once([partial(client.run, 40) for client in clients])

    assert sum(client.done["reserve"] for client in clients) > 20
    assert not Balance.objects.filter(account__purpose="credit_lot", debits__gt=Decimal(150))
    assert disagreements() == []
    holds.expire(at=NOON + timedelta(days=1))
    assert not Balance.objects.filter(held__gt=0)
    assert disagreements() == []
