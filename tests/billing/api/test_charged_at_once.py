"""A change of a subscription over HTTP charges what it makes due in the same request."""

import pytest
from django.db import connection

from billing import due
from billing.metering import snapshot
from billing.models import Subscription
from ledger import registry
from ledger.models import TestClock
from tests import factories
from tests.api import Api
from tests.billing.subscriptions.shop import JANUARY, Shop, day, flat, stage, usage

pytestmark = pytest.mark.django_db(transaction=True)  # charges follow what is committed

_REFUSE = """
    CREATE FUNCTION refuse_charges() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'charges are refused'; END $$;
    CREATE TRIGGER refuse_charges BEFORE INSERT ON billing_charge
    FOR EACH ROW EXECUTE FUNCTION refuse_charges();
"""
_ALLOW = "DROP FUNCTION IF EXISTS refuse_charges() CASCADE"


@pytest.fixture
def shop():
    snapshot.forget()
    return Shop(book=factories.book(), dollars=registry.currency(code="USD"))


@pytest.fixture
def api(shop):
    shop.plan(stage("main", flat("10"), usage("0.01")), key="pro")
    shop.plan(stage("main", flat("20"), usage("0.01")), key="max")
    return Api(shop.book)


@pytest.fixture
def clock(shop):
    clock = TestClock.objects.create(
        book=shop.book, key="clock", now_at=JANUARY, created_at=JANUARY
    )
    factories.customer(book=shop.book, key="acme", clock=clock)
    return clock


@pytest.fixture
def wait(clock):
    """Move the clock to a day, and do nothing else."""

    def until(text):
        TestClock.objects.filter(pk=clock.pk).update(now_at=day(text))

    return until


@pytest.fixture
def charges_fail():
    """Have the database refuse every charge; the value lets them through again."""

    def run(statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    run(_REFUSE)
    yield lambda: run(_ALLOW)
    run(_ALLOW)


def subscribe(api, **others):
    body = {"customer": "acme", "plan": {"key": "pro"}, "key": "s", **others.pop("body", {})}
    answer = api.post("subscriptions", body, **others)
    assert answer.status_code == 201, answer.content
    return answer.json()


def charged(api):
    rows = api.get("charges", subscription="s").json()["data"]
    return [row["amount"] for row in sorted(rows, key=lambda row: row["starts_at"])]


@pytest.mark.parametrize("key", ["", "once"])
def test_a_fee_in_advance_is_charged_with_the_subscription(api, clock, key):
    subscribe(api, once=key)

    assert charged(api) == ["10"]


def test_a_change_of_plan_is_charged_with_the_change(api, clock, wait):
    subscribe(api)
    wait("01-02")

    api.post("subscriptions/s/change", {"plan": {"key": "max"}, "timing": "immediate"})

    assert charged(api) == ["0.32", "19.35"]


def test_pause_resume_and_cancelation_are_charged_as_they_are_made(api, clock, wait):
    subscribe(api, body={"plan": {"key": "max"}})
    wait("01-11T08:00")
    assert api.post("subscriptions/s/pause", {"timing": "immediate"}).status_code == 200
    paused = charged(api)
    wait("01-21T08:00")
    assert api.post("subscriptions/s/resume", {"timing": "immediate"}).status_code == 200
    resumed = charged(api)
    wait("01-26T08:00")
    assert api.post("subscriptions/s/cancel", {"timing": "immediate"}).status_code == 200

    assert paused == ["6.67"]
    assert resumed == ["6.67", "6.88"]
    assert charged(api) == ["6.67", "3.23"]


def test_an_addon_and_an_edit_are_charged_as_they_are_made(api, shop, clock, wait):
    plan = shop.plan(stage("main", flat("31")), key="seats")
    shop.addon(plan, flat("3.10", key="seat"), key="seat")
    subscribe(api, body={"plan": {"key": "seats"}})
    wait("01-22")
    bought = api.post(
        "subscriptions/s/addons",
        {"addon": {"key": "seat"}, "quantity": 2, "timing": "immediate"},
    )
    assert bought.status_code == 201, bought.content
    with_seats = charged(api)
    wait("01-27")
    api.post("subscriptions/s/edit", {"remove": [{"key": "base"}], "timing": "immediate"})

    assert with_seats == ["31", "2"]
    assert charged(api) == ["26", "2"]


def test_what_a_dry_run_shows_is_not_charged(api, shop, clock, wait):
    subscribe(api)
    shop.plan(stage("main", flat("40"), usage("0.01")), key="pro")
    wait("02-01")

    shown = api.post(
        "subscriptions/s/migrate", {"version": 2, "timing": "immediate", "dry_run": True}
    )

    assert shown.status_code == 200, shown.content
    assert charged(api) == ["10"]
    api.post("subscriptions/s/migrate", {"version": 2, "timing": "immediate"})
    assert charged(api) == ["10", "40"]


def test_a_change_stays_where_charging_fails_and_the_sweep_charges_it(api, shop, charges_fail):
    customer = factories.customer(book=shop.book, key="acme")
    made = subscribe(api, body={"starts_at": "2024-01-01T00:00:00Z"})
    assert made["status"] == "active"
    assert charged(api) == []

    charges_fail()
    swept = due.sweep(at=day("01-01"))

    assert (swept.done, swept.failures) == (1, [])
    assert Subscription.objects.get(customer=customer).due_at == day("02-01")
    assert charged(api) == ["10"]


def test_years_of_the_past_are_charged_in_part_and_the_rest_by_the_sweep(api, shop):
    shop.plan(stage("main", flat("1", cadence="P1D")), key="daily", cadence="P1D")
    factories.customer(book=shop.book, key="acme")

    subscribe(api, body={"plan": {"key": "daily"}, "starts_at": "2024-01-01T00:00:00Z"})

    subscription = Subscription.objects.select_related("customer").get()
    assert subscription.due_at == day("04-10")
    due.run(customer=subscription.customer, until=day("04-12"))
    assert subscription.charges.filter(kind="flat").count() == 103
