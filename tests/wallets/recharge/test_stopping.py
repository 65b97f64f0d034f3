"""After declines a rule rests and stops; people pause, resume, and stop everything."""

from datetime import timedelta

import pytest

from tests import factories
from tests.factories import NOON
from tests.wallets.recharge.rules import bought, decline, evaluate, pay, rule
from tests.wallets.spending import use
from tests.wallets.topups.buying import told
from wallets import recharge, topups
from wallets.errors import RechargeStateError

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def fresh(made):
    made.refresh_from_db()
    return made


def test_after_each_decline_a_rule_rests_longer_and_then_stops_with_a_reason():
    made = rule()
    at = NOON
    for rest in (HOUR, 6 * HOUR, DAY):
        evaluate(at)
        decline(made, at)
        assert fresh(made).rests_until == at + rest
        assert made.reason == "The card was declined."
        assert evaluate(at + rest - timedelta(seconds=1)).top_ups == 0
        at += rest
    evaluate(at)
    decline(made, at)

    assert (fresh(made).state, len(bought(made))) == ("stopped", 4)
    assert made.reason == "4 payments in a row failed; the last: The card was declined."
    assert evaluate(at + 30 * DAY).top_ups == 0
    [event] = told("recharge.stopped")
    assert event["data"]["declines"] == 4
    assert event["customer"] == made.wallet.customer.key


def test_a_payment_in_between_lets_it_begin_anew():
    made = rule()
    evaluate()
    decline(made)
    evaluate(NOON + HOUR)
    pay(made, NOON + HOUR)

    assert (fresh(made).declines, made.reason, made.rests_until) == (0, "", None)
    use(made.wallet.customer, 99, at=NOON + HOUR)
    evaluate(NOON + HOUR)
    decline(made, NOON + HOUR)
    assert fresh(made).rests_until == NOON + 2 * HOUR


def test_a_stopped_rule_is_resumed_by_a_person_and_buys_at_once():
    made = rule()
    for step in range(4):
        evaluate(NOON + step * 2 * DAY)
        decline(made, NOON + step * 2 * DAY)

    recharge.resume(rule=made)
    evaluate(NOON + 8 * DAY)
    assert len(bought(made)) == 5
    assert (fresh(made).state, made.declines, made.reason) == ("active", 0, "")


def test_an_interval_that_was_declined_is_tried_again_after_its_rest():
    made = rule(interval="P1M", anchor=NOON)
    evaluate()
    decline(made)

    assert evaluate(NOON + HOUR).top_ups == 1
    pay(made, NOON + HOUR)
    assert fresh(made).due_at == NOON + 30 * DAY


def test_what_nobody_paid_in_time_counts_as_declined():
    made = rule()
    evaluate()

    topups.expire_unpaid(at=NOON + 14 * DAY)
    assert fresh(made).declines == 1
    assert made.reason == "It was not paid in time."


def test_a_paused_rule_buys_nothing_until_it_is_resumed():
    made = recharge.pause(rule=rule(), reason="On holiday")
    assert evaluate().top_ups == 0

    recharge.resume(rule=made)
    assert evaluate().top_ups == 1


def test_a_stopped_rule_cannot_be_paused():
    made = rule()
    for step in range(4):
        evaluate(NOON + step * 2 * DAY)
        decline(made, NOON + step * 2 * DAY)

    with pytest.raises(RechargeStateError):
        recharge.pause(rule=made, reason="On holiday")


def test_an_emergency_stop_halts_every_rule_of_the_book_until_it_ends():
    book = factories.book()
    made = [
        rule(factories.wallet(customer=factories.customer(book=book))),
        rule(factories.wallet(customer=factories.customer(book=book)), interval="P1D"),
    ]
    elsewhere = rule()

    stop = recharge.stop_all(book=book, reason="Prices are wrong", at=NOON, cause="ann")
    assert recharge.stop_all(book=book, reason="Again", at=NOON).pk == stop.pk
    assert evaluate().top_ups == 1
    assert [bought(each) for each in (*made, elsewhere)] == [[], [], [100]]

    recharge.end_stop(stop=stop, at=NOON + HOUR)
    evaluate(NOON + HOUR)
    assert [bought(each) for each in made] == [[100], [100]]


def test_a_stop_that_has_ended_stays_ended_and_another_may_begin():
    book = factories.book()
    stop = recharge.stop_all(book=book, reason="Prices are wrong", at=NOON)
    with pytest.raises(RechargeStateError):
        recharge.end_stop(stop=stop, at=NOON - HOUR)

    recharge.end_stop(stop=stop, at=NOON)
    assert recharge.end_stop(stop=stop, at=NOON + HOUR).ended_at == NOON
    assert recharge.stop_all(book=book, reason="Once more", at=NOON + HOUR).pk != stop.pk
