"""Payments, recharges and alerts at once: one grant, one charge, one word, and nothing missed."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from ledger import verification
from ledger.errors import ConflictError
from ledger.models import Outbox, Transaction
from tests import factories
from tests.concurrency.at_once import at_once
from tests.factories import NOON
from tests.wallets.recharge.rules import bought, decline, rule
from tests.wallets.spending import use
from tests.wallets.topups.buying import ask, has
from wallets import alerts, evaluation, funds, recharge, topups, watches
from wallets.errors import TopUpStateError
from wallets.models import AlertFiring, CreditGrant, TopUp, Watch

pytestmark = pytest.mark.django_db(transaction=True)


class CrashError(Exception):
    """The process dies."""


@transaction.atomic
def settle_and_crash(top_up):
    topups.settle(top_up=top_up, payment_key="card-1", at=NOON)
    raise CrashError


def test_a_payment_confirmed_by_many_at_once_issues_one_grant():
    wallet = factories.wallet()
    top_up = ask(wallet)

    paid = at_once([lambda: topups.settle(top_up=top_up, payment_key="wire-1", at=NOON).state] * 6)

    assert paid == ["settled"] * 6
    assert (has(wallet), CreditGrant.objects.count()) == (100, 1)
    assert Transaction.objects.count() == 1
    assert Outbox.objects.filter(payload__type="topup.settled").count() == 1


def test_one_payment_for_two_top_ups_at_once_pays_for_one():
    wallet = factories.wallet()
    both = [ask(wallet), ask(wallet)]

    def settle(top_up):
        try:
            return topups.settle(top_up=top_up, payment_key="wire-1", at=NOON).state
        except ConflictError as error:
            return error.code

    found = at_once([partial(settle, top_up) for top_up in both])

    assert sorted(found) in (
        ["idempotency_conflict", "settled"],
        ["already_exists", "settled"],  # the database saw it first
    )
    assert has(wallet) == 100


def test_a_crash_between_charge_and_grant_loses_neither():
    wallet = factories.wallet()
    top_up = topups.authorise(top_up=ask(wallet), payment_key="card-1", at=NOON)  # it was charged
    with pytest.raises(CrashError):
        settle_and_crash(top_up)
    assert has(wallet) == 0

    topups.settle(top_up=top_up, payment_key="card-1", at=NOON)  # the rail reports it once more
    topups.settle(top_up=top_up, payment_key="card-1", at=NOON)
    assert (has(wallet), CreditGrant.objects.count()) == (100, 1)
    assert verification.verify().disagreements == []


def test_a_top_up_that_is_paid_while_it_expires_is_one_or_the_other():
    wallet = factories.wallet()
    top_up = ask(wallet)
    late = NOON + timedelta(days=20)

    def settle():
        try:
            topups.settle(top_up=top_up, payment_key="wire-1", at=late)
        except TopUpStateError:
            return False
        return True

    paid, expired = at_once([settle, lambda: topups.expire_unpaid(at=late).done])

    assert paid != bool(expired)
    top_up.refresh_from_db()
    assert top_up.state == ("settled" if paid else "failed")
    assert funds.of(wallet, at=late) == (100 if paid else 0)


def test_triggers_at_once_open_one_recharge():
    made = rule()

    found = at_once([lambda: recharge.run(rule=made, at=NOON)] * 6)

    assert sum(top_up is not None for top_up in found) == 1
    assert bought(made) == [100]


def test_rules_of_one_wallet_at_once_count_what_the_other_asks_for():
    wallet = factories.wallet()
    rules = [rule(wallet, method="target", amount=amount) for amount in (50, 50, 50, 50)]

    at_once([partial(recharge.run, rule=made, at=NOON) for made in rules])

    assert sum(sum(bought(made)) for made in rules) == 50


def test_a_decline_while_a_rule_is_triggered_neither_waits_nor_buys_twice():
    made = rule()
    recharge.run(rule=made, at=NOON)

    at_once(
        [lambda: decline(made, NOON), *[lambda: recharge.run(rule=made, at=NOON)] * 4],
    )

    assert bought(made) == [100]
    made.refresh_from_db()
    assert made.declines == 1


def test_looks_at_once_tell_an_alert_once():
    wallet = factories.wallet()
    alert = alerts.create(wallet=wallet, key="low", kind="balance", threshold=20, at=NOON)

    at_once([lambda: alerts.look(alert=alert, at=NOON)] * 6)

    assert AlertFiring.objects.count() == 1


def test_usage_that_goes_on_while_wallets_are_looked_at_is_not_missed():
    wallet = factories.wallet()
    grant = factories.grant(wallet=wallet, amount=100)
    made = rule(wallet)
    evaluation.evaluate(at=NOON)

    def spend():
        for _ in range(17):
            use(wallet.customer, 1, at=NOON)
            watches.touch([grant.account_id])

    def look():
        for _ in range(20):
            assert evaluation.evaluate(at=NOON).failures == []

    at_once([*[spend] * 5, look, look])
    evaluation.evaluate(at=NOON)

    assert (has(wallet), bought(made)) == (15, [100])
    assert not Watch.objects.filter(touched_at__isnull=False).exists()
    assert TopUp.objects.count() == 1
