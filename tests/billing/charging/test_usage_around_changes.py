"""Usage that comes before, after and around changes of its subscription."""

import json
from decimal import Decimal

import pytest
from django.db import connection

from billing import catalogue, checks, due
from billing.metering import corrections, history, ingest, snapshot
from billing.models import Charge
from billing.subscriptions import changing, creation, states
from ledger import chart
from tests.billing.scene import read
from tests.billing.subscriptions.shop import JANUARY, day, flat, new_shop, stage, usage
from wallets import checks as wallet_checks

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    snapshot.forget()
    chart.forget()
    shop = new_shop()
    shop.buyer = shop.customer()
    catalogue.map_subject(book=shop.book, key="api", customer=shop.buyer, at=JANUARY)
    return shop


def use(shop, number, at, *, received=None):
    """Send one event of so many tokens."""
    written = {
        "specversion": "1.0",
        "id": f"{at} {number}",
        "source": "gateway",
        "type": "tokens",
        "subject": "api",
        "time": day(at).isoformat(),
        "data": {"n": number},
    }
    sent = read(json.dumps(written).encode())
    outcome = ingest.ingest(book=shop.book, sent=sent, received_at=day(received or at))
    assert outcome.accepted == 1


def void(shop, number, at):
    event = history.find(book=shop.book, source="gateway", external_id=f"{at} {number}")
    corrections.void(book=shop.book, event=event, key=f"void {at}", at=day("12-01"))


def run(shop, until):
    due.run(customer=shop.buyer, until=day(until))
    for check in (
        checks.charges_were_posted,
        checks.amounts_were_posted,
        checks.takings_add_up,
        wallet_checks.wallets_add_up,
    ):
        assert not list(check(book_id=shop.book.pk))


def revenue(shop, purpose="usage_revenue"):
    with connection.cursor() as cursor:
        cursor.execute(_REVENUE, [shop.book.pk, purpose])
        return Decimal(cursor.fetchone()[0])


_REVENUE = """
    SELECT coalesce(sum(CASE WHEN e.credit_account_id = a.id THEN e.amount ELSE -e.amount END), 0)
    FROM ledger_account a JOIN ledger_entry e ON a.id IN (e.debit_account_id, e.credit_account_id)
    WHERE a.book_id = %s AND a.purpose = %s
"""


def test_usage_from_before_a_change_that_comes_after_it_has_the_old_price(shop):
    old = shop.plan(stage("main", usage("1")), key="old")
    new = shop.plan(stage("main", usage("3")), key="new")
    subscription = shop.subscribe(old, customer=shop.buyer)
    changing.change(subscription=subscription, plan=new, effective_at=day("01-10"), at=day("01-10"))
    run(shop, "01-15")

    use(shop, 5, "01-09T23:59:59", received="01-20")
    assert revenue(shop) == 5
    use(shop, 5, "01-10", received="01-20")
    assert revenue(shop) == 20
    void(shop, 5, "01-09T23:59:59")
    assert revenue(shop) == 15


def test_usage_that_was_priced_before_a_subscription_was_dated_back_keeps_its_price(shop):
    meter = shop.feature("tokens").meter
    card = catalogue.create_rate_card(
        book=shop.book, key="list", asset=shop.dollars, at=JANUARY, is_default=True
    )
    catalogue.add_rate(
        rate_card=card, meter=meter, unit_price=Decimal(7), effective_from=JANUARY, at=JANUARY
    )
    use(shop, 5, "01-09")
    plan = shop.plan(stage("main", usage("1", commitments={"minimum_amount": "20"})))
    creation.create(customer=shop.buyer, plan=plan, starts_at=JANUARY, at=day("01-25"))
    use(shop, 6, "01-10", received="01-26")
    run(shop, "02-01")

    # What came before counts neither towards the item's tiers nor towards its minimum.
    assert revenue(shop) == 5 * 7 + 6
    assert Charge.objects.get(kind="minimum").posted == 14

    void(shop, 5, "01-09")
    assert revenue(shop) == 6


def test_while_paused_usage_is_counted_and_has_no_price_of_the_subscription(shop):
    plan = shop.plan(stage("main", usage("1"), flat("31")))
    subscription = shop.subscribe(plan, customer=shop.buyer)
    states.pause(subscription=subscription, at=day("01-11"))
    states.resume(subscription=subscription, at=day("01-21"))
    for at in ("01-10", "01-15", "01-25"):
        use(shop, 5, at)
    run(shop, "01-31")

    assert revenue(shop) == 10
    assert sum(charge.posted for charge in Charge.objects.all()) == 21


def test_plans_changed_thrice_in_a_cycle_leave_nothing_deferred(shop):
    plans = [shop.simple(amount, key=f"plan-{amount}") for amount in ("10", "20", "40")]
    subscription = shop.subscribe(plans[0], customer=shop.buyer)
    run(shop, "01-01")
    for plan, at in zip(
        [plans[1], plans[2], plans[0]],
        ["01-10T07:13:11", "01-20T01:02:03", "01-20T01:02:04"],
        strict=True,
    ):
        changing.change(subscription=subscription, plan=plan, effective_at=day(at), at=day(at))
        run(shop, at)
    states.cancel(subscription=subscription, timing=day("02-01"), at=day("01-31"))
    run(shop, "02-01")

    charges = Charge.objects.filter(kind="flat")
    charged = sum(charge.posted for charge in charges)
    # 9 d 7 h 13 min 11 s of 10, 9 d 17 h 48 min 52 s of 20, a second of 40, the rest of 10.
    assert charged == Decimal("3.00") + Decimal("6.29") + Decimal("0.00") + Decimal("3.86")
    assert all(charge.earned == charge.posted for charge in charges)
    assert revenue(shop, "deferred_revenue") == 0
    assert revenue(shop, "subscription_revenue") == charged
