"""A threshold is told once per crossing, and again only after the figure has come back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Outbox
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, use
from tests.wallets.topups.buying import told
from wallets import alerts, evaluation, grants, schedules, watches
from wallets.models import Alert, AlertFiring

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def wallet():
    return factories.wallet()


def alert(wallet, kind="balance", threshold=20, **terms):
    return alerts.create(
        **{
            "wallet": wallet,
            "key": factories.name("alert"),
            "kind": kind,
            "threshold": Decimal(threshold),
            "at": NOON,
            **terms,
        }
    )


def spend(wallet, amount, at=NOON, **terms):
    """Use some credit, and have the wallet looked at."""
    use(wallet.customer, amount, at=at, **terms)
    watches.touch_wallets([wallet.pk])
    return evaluation.evaluate(at=at)


def fired(made):
    return list(AlertFiring.objects.filter(alert=made).order_by("number").values_list("value"))


def test_a_balance_that_falls_below_is_told_once(wallet):
    factories.grant(wallet=wallet, amount=100)
    made = alert(wallet, emails=["finance@example.com"])
    for _ in range(3):
        spend(wallet, 30)
    spend(wallet, 5)

    assert fired(made) == [(10,)]
    [event] = told("wallet.balance.low")
    assert event["emails"] == ["finance@example.com"]
    assert event["customer"] == wallet.customer.key
    assert event["data"] == {
        "alert": made.key,
        "threshold": "20",
        "value": "10",
        "feature": "",
        "wallet": wallet.key,
        "wallet_id": str(wallet.pk),
        "asset": "USD",
    }


def test_it_is_told_again_only_after_it_has_come_back_by_a_margin(wallet):
    factories.grant(wallet=wallet, amount=15)
    made = alert(wallet)
    evaluation.evaluate(at=NOON)

    factories.grant(wallet=wallet, amount=Decimal("5.99"))  # 20.99: within the margin of 5 %
    evaluation.evaluate(at=NOON)
    spend(wallet, 5)
    assert fired(made) == [(15,)]
    factories.grant(wallet=wallet, amount=Decimal("5.01"))  # 21: back
    evaluation.evaluate(at=NOON)
    spend(wallet, 2)
    assert fired(made) == [(15,), (19,)]
    assert told("wallet.balance.low")[1]["data"]["value"] == "19"


def test_each_crossing_has_a_key_of_its_own(wallet):
    made = alert(wallet)
    evaluation.evaluate(at=NOON)

    assert Outbox.objects.get(topic="event").key == f"alert:{made.pk}:1"


def test_what_is_held_cannot_be_spent(wallet):
    grant = factories.grant(wallet=wallet, amount=100)
    made = alert(wallet)
    evaluation.evaluate(at=NOON)
    hold(grant, 85)
    watches.touch([grant.account_id])

    evaluation.evaluate(at=NOON)
    assert fired(made) == [(15,)]


def test_a_threshold_of_zero_tells_of_an_overdraft(wallet):
    made = alert(wallet, threshold=0)
    evaluation.evaluate(at=NOON)
    assert fired(made) == []

    spend(wallet, 3)
    assert fired(made) == [(-3,)]


def test_usage_of_an_allowance_is_told_in_percent_once_per_period(wallet):
    schedules.create(
        wallet=wallet, key="calls", amount=Decimal(1000), cadence="P1M", starts_at=NOON, at=NOON
    )
    schedules.issue(at=NOON)
    made = alert(wallet, "usage", 80, feature_key="api-calls")
    spend(wallet, 700)
    spend(wallet, 100)
    spend(wallet, 50)
    assert fired(made) == [(80,)]
    assert told("entitlement.usage")[0]["data"]["feature"] == "api-calls"

    july = NOON + 30 * DAY
    schedules.issue(at=july)
    evaluation.evaluate(at=july)
    spend(wallet, 900, at=july)
    assert fired(made) == [(80,), (90,)]


def test_usage_beyond_an_allowance_is_more_than_all_of_it(wallet):
    factories.grant(wallet=wallet, amount=100)
    made = alert(wallet, "usage", 100)

    spend(wallet, 150)
    assert fired(made) == [(150,)]


def test_what_was_taken_back_is_not_part_of_the_whole(wallet):
    factories.grant(wallet=wallet, amount=100)
    grants.void(grant=factories.grant(wallet=wallet, amount=900), at=NOON)

    made = alert(wallet, "usage", 50)
    spend(wallet, 50)
    assert fired(made) == [(50,)]


def test_credit_about_to_expire_is_told_once_per_grant(wallet):
    made = alert(wallet, "expiry", 14)
    for days in (10, 20):
        factories.grant(wallet=wallet, amount=days, expires_at=NOON + days * DAY)
    factories.grant(wallet=wallet, amount=7)

    assert [alerts.look_ahead(at=NOON + step * HOUR) for step in range(3)] == [1, 0, 0]
    assert alerts.look_ahead(at=NOON + 6 * DAY) == 1
    assert fired(made) == [(10,), (20,)]
    assert told("grant.expiring")[0]["data"]["expires_at"] == (NOON + 10 * DAY).isoformat()


def test_an_alert_of_all_time_keeps_nobody_from_being_told(wallet):
    factories.grant(wallet=wallet, expires_at=NOON + 3 * DAY)
    endless = alert(wallet, "expiry", 1)
    Alert.objects.filter(pk=endless.pk).update(threshold=Decimal(10) ** 25)  # made before a bound
    made = alert(wallet, "expiry", 7)

    assert alerts.look_ahead(at=NOON) == 2
    assert (len(fired(endless)), len(fired(made))) == (1, 1)


def test_credit_that_was_used_before_it_expires_is_not_told(wallet):
    alert(wallet, "expiry", 14)
    factories.grant(wallet=wallet, amount=10, expires_at=NOON + DAY)
    use(wallet.customer, 10, at=NOON)

    assert alerts.look_ahead(at=NOON) == 0


def test_a_wallet_that_will_run_out_is_told_and_again_after_it_was_filled(wallet):
    factories.grant(wallet=wallet, amount=100)
    made = alert(wallet, "run_out", 5)
    assert alerts.look_ahead(at=NOON) == 0

    use(wallet.customer, 60, at=NOON + DAY)
    assert alerts.look_ahead(at=NOON + 2 * DAY) == 1  # 30 a day, 40 are left
    assert alerts.look_ahead(at=NOON + 2 * DAY) == 0
    assert fired(made) == [(Decimal("1.33"),)]
    factories.grant(wallet=wallet, amount=1000, at=NOON + 2 * DAY)
    alerts.look_ahead(at=NOON + 2 * DAY)
    use(wallet.customer, 940, at=NOON + 3 * DAY)
    alerts.look_ahead(at=NOON + 4 * DAY)
    assert len(fired(made)) == 2


def test_an_alert_is_made_once_per_key(wallet):
    made = alert(wallet, key="low")

    assert alert(wallet, key="low", at=NOON + HOUR).pk == made.pk
    with pytest.raises(IdempotencyConflictError):
        alert(wallet, key="low", threshold=30)


@pytest.mark.parametrize(
    "terms",
    [
        {"kind": "weather"},
        {"threshold": -1},
        {"kind": "usage", "threshold": 0},
        {"emails": ["nobody"]},
        {"emails": [f"a{n}@example.com" for n in range(21)]},
        {"key": ""},
    ],
)
def test_an_alert_that_cannot_be_is_refused(wallet, terms):
    with pytest.raises(InvalidInputError):
        alert(wallet, **terms)
    assert not Alert.objects.exists()


def test_a_new_threshold_is_looked_at_at_once_and_may_be_crossed_again(wallet):
    factories.grant(wallet=wallet, amount=15)
    made = alert(wallet)
    evaluation.evaluate(at=NOON)

    alerts.change(alert=made, threshold=Decimal(18), emails=["ann@example.com"])
    evaluation.evaluate(at=NOON)
    assert fired(made) == [(15,), (15,)]
    assert told("wallet.balance.low")[1]["emails"] == ["ann@example.com"]


def test_an_ended_alert_tells_nothing(wallet):
    made = alerts.end(alert=alert(wallet), at=NOON)
    evaluation.evaluate(at=NOON)

    assert fired(made) == []
    assert alerts.end(alert=made, at=NOON + HOUR).ended_at == NOON
