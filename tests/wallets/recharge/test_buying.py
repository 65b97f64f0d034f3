"""A rule buys once what is missing, counting what is on its way, within its caps."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from tests import factories
from tests.factories import NOON
from tests.wallets.recharge.rules import bought, decline, evaluate, open_one, pay, rule
from tests.wallets.spending import hold, use
from tests.wallets.topups.buying import ask, credits_wallet, told
from wallets import recharge, watches
from wallets.models import CreditPrice, RechargeRule, TopUp

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def wallet():
    return factories.wallet()


def test_a_wallet_below_its_threshold_is_recharged_once(wallet):
    factories.grant(wallet=wallet, amount=Decimal("19.99"))
    made = rule(wallet)

    assert evaluate().top_ups == 1
    evaluate()
    top_up = open_one(made)
    assert (top_up.amount, top_up.key, top_up.state) == (
        100,
        f"recharge:{made.pk}:1",
        "awaiting_payment",
    )
    assert told("topup.requested")[0]["data"]["rule"] == made.key


def test_a_wallet_at_its_threshold_is_left_alone(wallet):
    factories.grant(wallet=wallet, amount=20)

    made = rule(wallet)
    evaluate()
    assert bought(made) == []


def test_usage_that_crosses_the_threshold_triggers_the_rule(wallet):
    factories.grant(wallet=wallet, amount=100)
    made = rule(wallet)
    evaluate()

    grant = wallet.grants.get()
    use(wallet.customer, 81, at=NOON)
    watches.touch([grant.account_id])
    evaluate()
    assert bought(made) == [100]


def test_nobody_looks_at_what_has_not_moved(wallet):
    made = rule(wallet)
    evaluate()

    assert evaluate().is_idle
    assert bought(made) == [100]


def test_what_is_held_cannot_be_spent_and_counts_as_gone(wallet):
    grant = factories.grant(wallet=wallet, amount=100)
    hold(grant, 90)

    made = rule(wallet)
    evaluate()
    assert bought(made) == [100]


def test_credit_on_its_way_counts_as_there(wallet):
    ask(wallet, 15)
    ask(wallet, 5)

    made = rule(wallet)
    evaluate()
    assert bought(made) == []


def test_an_overdraft_is_covered_in_the_same_charge(wallet):
    use(wallet.customer, 130, at=NOON)

    made = rule(wallet)
    evaluate()
    assert bought(made) == [200]  # 150 are missing: two charges of 100 in one


def test_a_target_is_reached_to_the_cent(wallet):
    factories.grant(wallet=wallet, amount=Decimal("12.345678"))

    made = rule(wallet, method="target", amount=50)
    evaluate()
    assert bought(made) == [Decimal("37.66")]


def test_credits_are_bought_at_the_price_of_the_day():
    wallet = credits_wallet(price="0.10")
    made = rule(wallet, method="target", amount=500, threshold=100)

    evaluate()
    assert (open_one(made).amount, open_one(made).price) == (500, 50)


def test_a_rule_whose_credit_has_no_price_any_more_stops_and_says_why():
    wallet = credits_wallet()
    made = rule(wallet)
    CreditPrice.objects.all().delete()

    evaluate()
    made.refresh_from_db()
    assert (made.state, bought(made)) == ("stopped", [])
    assert "has a price" in made.reason
    assert told("recharge.stopped")[0]["data"]["reason"] == made.reason


def test_after_its_payment_the_next_crossing_is_bought_again(wallet):
    made = rule(wallet)
    evaluate()
    pay(made)
    use(wallet.customer, 95, at=NOON)
    evaluate()

    assert bought(made) == [100, 100]


def test_an_interval_buys_at_each_turn_once_however_late(wallet):
    made = rule(wallet, interval="P1M", anchor=NOON)
    evaluate(NOON - HOUR)
    assert bought(made) == []

    for at in (NOON, NOON, NOON + DAY):
        evaluate(at)
    assert bought(made) == [100]
    pay(made)
    evaluate(NOON + 70 * DAY)  # two turns were missed: one charge, for there is one open
    evaluate(NOON + 71 * DAY)
    assert bought(made) == [100, 100]
    made.refresh_from_db()
    assert made.due_at == datetime(2025, 9, 15, 12, tzinfo=UTC)


def test_an_interval_with_a_target_buys_what_is_missing_if_anything(wallet):
    factories.grant(wallet=wallet, amount=60)
    made = rule(wallet, interval="P1D", method="target", amount=100)
    evaluate()
    pay(made)

    evaluate(NOON + DAY)
    assert bought(made) == [40]


BERLIN = "Europe/Berlin"


def test_a_day_of_a_cap_begins_at_midnight_where_the_customer_is(wallet):
    made = rule(wallet, amount=10, threshold=100, most_per_day=25, time_zone=BERLIN)
    night = datetime(2025, 6, 15, 21, 59, tzinfo=UTC)  # a minute before midnight in Berlin

    evaluate(night)
    assert bought(made) == [20]  # two whole charges fit into the cap
    pay(made, night)
    evaluate(night)
    made.refresh_from_db()
    assert made.rests_until == datetime(2025, 6, 15, 22, tzinfo=UTC)
    assert made.reason == "most_per_day is reached until 2025-06-15T22:00:00+00:00."

    assert evaluate(night + timedelta(seconds=59)).top_ups == 0
    evaluate(night + timedelta(minutes=1))
    assert bought(made) == [20, 20]
    made.refresh_from_db()
    assert (made.reason, made.rests_until) == ("", None)


def test_a_month_of_a_cap_ends_with_the_month_across_a_change_of_clocks(wallet):
    made = rule(
        wallet, method="target", amount=100, threshold=50, most_per_month=120, time_zone=BERLIN
    )
    march = datetime(2025, 3, 1, 1, tzinfo=UTC)
    evaluate(march)
    pay(made, march)
    use(wallet.customer, 90, at=march)

    evaluate(march + DAY)
    assert bought(made) == [100, 20]  # what the cap leaves
    pay(made, march + DAY)
    evaluate(march + DAY)
    made.refresh_from_db()
    assert made.rests_until == datetime(2025, 3, 31, 22, tzinfo=UTC)  # summer time by then
    evaluate(made.rests_until)
    assert bought(made) == [100, 20, 70]


def test_what_failed_does_not_count_against_a_cap(wallet):
    made = rule(wallet, most_per_day=100)
    evaluate()
    decline(made)
    evaluate(NOON + HOUR)
    assert bought(made) == [100, 100]


def test_the_database_knows_one_open_recharge_per_rule(wallet):
    made = rule(wallet)
    evaluate()
    first = open_one(made)

    with pytest.raises(IntegrityError, match="one_open_per_rule"), transaction.atomic():
        TopUp.objects.create(
            book=first.book,
            wallet=wallet,
            key="another",
            amount=1,
            currency=first.currency,
            price=1,
            state="requested",
            rule=made,
            created_at=NOON,
        )


def test_a_rule_is_made_once_per_key(wallet):
    first = rule(wallet, key="keep-20")

    assert rule(wallet, key="keep-20", at=NOON + HOUR).pk == first.pk
    with pytest.raises(IdempotencyConflictError):
        rule(wallet, key="keep-20", amount=50)
    monthly = rule(wallet, key="monthly", interval="P1M")
    assert rule(wallet, key="monthly", interval="P1M", at=NOON + HOUR).pk == monthly.pk


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"threshold": 20, "interval": "P1M"}, InvalidInputError),
        ({"interval": "PT5M"}, InvalidInputError),
        ({"interval": "monthly"}, InvalidInputError),
        ({"method": "some"}, InvalidInputError),
        ({"amount": 0}, InvalidInputError),
        ({"amount": "0.001"}, PrecisionError),
        ({"method": "target", "amount": 20}, InvalidInputError),
        ({"most_per_day": 99}, InvalidInputError),
        ({"most_per_month": 0}, InvalidInputError),
        ({"time_zone": "Atlantis"}, InvalidInputError),
    ],
)
def test_a_rule_that_cannot_be_is_refused(wallet, terms, error):
    with pytest.raises(error):
        rule(wallet, **terms)
    assert not RechargeRule.objects.exists()


def test_changed_terms_are_looked_at_at_once(wallet):
    factories.grant(wallet=wallet, amount=50)
    made = rule(wallet)
    evaluate()

    recharge.change(rule=made, at=NOON, threshold=Decimal(60))
    evaluate()
    assert bought(made) == [100]
    with pytest.raises(InvalidInputError):
        recharge.change(rule=made, at=NOON, amount=Decimal(0))


def test_a_raised_cap_ends_the_rest_at_it(wallet):
    made = rule(wallet, threshold=150, most_per_day=100)
    evaluate()
    pay(made)
    evaluate()

    recharge.change(rule=made, at=NOON, most_per_day=Decimal(500))
    evaluate()
    assert bought(made) == [100, 100]
