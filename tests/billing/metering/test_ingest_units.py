"""Units granted ahead: usage burns them in order, gives them back, and never pays with them."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import limit_checks
from billing.metering import unattributed
from billing.models import Entitlement
from tests import factories
from tests.billing.metering.test_ingest_terms import sound
from tests.billing.scene import DAY, HOUR, START, event, left, left_in, new_scene
from tests.factories import NOON
from wallets import checks, expiry, grants, overdraft
from wallets.models import Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    return new_scene()


def pack(scene, amount, *, customer=None, is_shared=False, **terms):
    """Grant units of things ahead, and return the account of the lot."""
    wallet = factories.wallet(
        customer=customer or scene.customer, asset=scene.things, is_shared=is_shared
    )
    return scene.grant(amount, wallet=wallet, **terms)


def allowance(scene, feature, amount, *, customer=None, **terms):
    """Entitle to some units of a feature, and return the account of the lot."""
    wallet = factories.wallet(
        customer=customer or scene.customer, asset=scene.things, is_shared=True
    )
    names = ("starts_at", "ends_at", "preserves_overage")
    entitled = {name: terms.pop(name) for name in names if name in terms}
    given = Entitlement.objects.create(
        book=scene.book,
        customer=wallet.customer,
        feature=feature,
        kind="metered",
        limit=amount,
        anchor=START,
        time_zone="UTC",
        created_at=START,
        wallet=wallet,
        **{"starts_at": START, **entitled},
    )
    Wallet.objects.filter(pk=wallet.pk).update(origin=f"entitlement:{given.pk}")
    return scene.grant(amount, wallet=wallet, funding="promotional", **terms)


def verified():
    """Return what the checks find of units, wallets and usage, to be nothing."""
    every = [
        limit_checks.burned_units_add_up,
        checks.lots_belong_to_grants,
        checks.grants_were_posted,
        checks.wallets_add_up,
        checks.deferred_revenue_rolls_forward,
    ]
    return [*sound(), *(found for check in every for found in check(book_id=None))]


def test_usage_burns_units_in_burn_order_by_its_time(scene):
    scene.meter(price=None)
    later = pack(scene, 10, expires_at=NOON + 2 * DAY)
    sooner = pack(scene, 10, expires_at=NOON + DAY)

    scene.send(event(8))
    scene.send(event(5), event(2, at=NOON + DAY), at=NOON + DAY)

    assert left_in([sooner, later]) == [0, 5]
    assert -scene.holds("burned_units", "sum") == 15
    assert verified() == []


def test_units_pay_no_money_and_money_burns_no_units(scene):
    scene.meter(price=2)
    units, money = pack(scene, 10), scene.grant(100)

    scene.send(event(4))

    assert left_in([units, money]) == [6, 92]
    assert scene.revenue == 8
    assert verified() == []


def test_what_no_lot_covers_is_forgotten(scene):
    scene.meter(price=None)
    units = pack(scene, 10)

    scene.send(event(25))
    fresh = pack(scene, 10)
    scene.send(event(1))

    assert left_in([units, fresh]) == [0, 9]
    assert scene.holds("overdraft") == 0
    assert verified() == []


def test_a_void_gives_back_what_its_event_burned(scene):
    scene.meter(price=None)
    first = pack(scene, 6, expires_at=NOON + DAY)
    scene.send(event(10, id="gone"))
    second = pack(scene, 10)
    scene.send(event(5))

    scene.void("gone")

    assert left_in([first, second]) == [6, 5]
    assert verified() == []


def test_a_void_of_what_nothing_covered_gives_nothing_back(scene):
    scene.meter(price=None)
    units = pack(scene, 6)
    scene.send(event(6), event(4, id="gone", at=NOON + HOUR))
    more = pack(scene, 10)
    scene.send(event(3))

    scene.void("gone")

    assert left_in([units, more]) == [0, 7]
    assert verified() == []


def test_an_amendment_burns_what_it_says_instead(scene):
    scene.meter(price=None)
    units = pack(scene, 10)
    scene.send(event(4, id="more"))

    scene.amend(event(7, id="more"))

    assert left(units) == 3
    assert verified() == []


def test_a_falling_value_gives_back_last_in_first_out(scene):
    scene.meter("latest", price=None)
    lots = [pack(scene, 5, expires_at=NOON + DAY), pack(scene, 10)]

    scene.send(event(9))
    assert left_in(lots) == [0, 6]
    scene.send(event(3, at=NOON + HOUR))

    assert left_in(lots) == [2, 10]
    assert verified() == []


def test_late_usage_takes_back_what_lapsed(scene):
    scene.meter(price=None)
    units = pack(scene, 10, expires_at=NOON + HOUR)
    assert expiry.close_expired(at=NOON + DAY) == 1

    scene.send(event(4), at=NOON + DAY)

    assert left(units) == 0
    assert scene.holds("granted_units") == 4
    assert verified() == []


def test_a_child_burns_what_its_parent_shares(scene):
    scene.meter(price=None)
    child = scene.child("team")
    shared, own = pack(scene, 10, is_shared=True), pack(scene, 3, customer=child)

    scene.send(event(5, subject="team"), event(1))

    assert left_in([own, shared]) == [0, 7]
    assert verified() == []


def test_units_for_a_feature_are_burned_by_usage_of_it_only(scene):
    meter = scene.meter(price=None, dimensions={"model": "$.model"})
    scene.feature(meter, key="big", filters={"model": {"eq": "big"}})
    big, any_ = pack(scene, 10, feature_keys=["big"]), pack(scene, 10)

    scene.send(event(3, model="big"), event(4, model="small"), event(9, model="big"))

    assert left_in([big, any_]) == [0, 4]
    assert verified() == []


def test_an_allowance_counts_its_feature_and_packs_pay_with_it(scene):
    meter = scene.meter(price=None, dimensions={"model": "$.model"})
    big = scene.feature(meter, key="big", filters={"model": {"eq": "big"}})
    allowed = allowance(scene, big, 10, expires_at=NOON + DAY, feature_keys=["big"])
    extra = pack(scene, 10)

    scene.send(event(4, model="small"), event(8, model="big"), event(5, model="big"))

    assert left_in([allowed, extra]) == [0, 3]
    assert verified() == []


def test_allowances_of_two_features_each_count_the_same_usage(scene):
    meter = scene.meter(price=None, dimensions={"model": "$.model"})
    every = scene.feature(meter, key="every")
    big = scene.feature(meter, key="big", filters={"model": {"eq": "big"}})
    lots = [allowance(scene, every, 100), allowance(scene, big, 50), pack(scene, 20)]

    scene.send(event(30, model="small"), event(40, id="gone", model="big"))
    assert left_in(lots) == [30, 10, 20]
    scene.send(event(25, id="over", model="big"))
    assert left_in(lots) == [5, 0, 5]
    assert verified() == []

    scene.void("over")
    assert left_in(lots) == [30, 10, 20]
    scene.void("gone")
    assert left_in(lots) == [70, 50, 20]
    assert verified() == []


def test_an_allowance_covers_only_the_time_of_its_entitlement(scene):
    meter = scene.meter(price=None)
    feature = scene.feature(meter, key="tokens")
    lot = allowance(scene, feature, 10, starts_at=NOON, ends_at=NOON + HOUR)

    scene.send(event(1, at=NOON - HOUR), event(2), event(4, at=NOON + HOUR))

    assert left(lot) == 8
    assert verified() == []


def test_overage_that_is_preserved_stands_until_the_next_grant_covers_it(scene):
    meter = scene.meter(price=None)
    feature = scene.feature(meter, key="tokens")
    lot = allowance(scene, feature, 10, preserves_overage=True, expires_at=NOON + DAY)

    scene.send(event(14, id="much"), event(2))
    assert (left(lot), -scene.holds("overdraft")) == (0, -6)

    wallet = Wallet.objects.get(asset=scene.things)
    again = grants.issue(
        wallet=wallet, key="next", amount=Decimal(10), at=NOON + DAY, funding="promotional"
    )
    assert (left(again.account_id), scene.holds("overdraft")) == (4, 0)
    assert verified() == []

    scene.void("much")
    overdraft.settle(at=NOON + DAY)
    assert (left(lot), left(again.account_id), scene.holds("overdraft")) == (10, 8, 0)
    assert verified() == []


def test_overage_of_a_child_is_its_parents_who_is_entitled(scene):
    meter = scene.meter(price=None)
    scene.child("team")
    feature = scene.feature(meter, key="tokens")
    allowance(scene, feature, 10, preserves_overage=True)

    scene.send(event(13, subject="team"))

    assert scene.holds("overdraft", customer=scene.customer) == 3
    assert verified() == []


def test_usage_mapped_late_burns_as_well(scene):
    scene.meter(price=None)
    units = pack(scene, 10)
    scene.send(event(4, subject="late"))

    scene.subject("late")
    unattributed.post_mapped(book=scene.book, at=NOON + DAY)

    assert left(units) == 6
    assert verified() == []


def test_a_series_below_zero_burns_nothing_until_it_is_above(scene):
    scene.meter(price=None)
    units = pack(scene, 10)

    scene.send(event(-3))
    assert left(units) == 10
    scene.send(event(5))
    assert left(units) == 8
    verified()


def test_a_void_of_usage_from_before_the_grant_makes_no_later_usage_free(scene):
    scene.meter(price=None)
    scene.send(event(5, id="before"))
    units = pack(scene, 10)

    scene.void("before")
    scene.send(event(2))

    assert left(units) == 8
    verified()


@pytest.mark.django_db(transaction=True)
def test_usage_without_granted_units_costs_no_query_more(scene):
    def queries():
        scene.send(event(1))  # whatever has to be opened or read again, is
        with CaptureQueriesContext(connection) as captured:
            scene.send(event(1))
        return len(captured)

    scene.meter()
    without = queries()
    pack(scene, 10, customer=factories.customer(book=scene.book))

    assert queries() == without + 1  # are there allowances?
    pack(scene, 10)
    assert queries() == without + 2  # which features are burned?


def test_the_check_names_units_that_were_tampered_with(scene):
    scene.meter(price=None)
    units = pack(scene, 10)
    scene.send(event(4))

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_accrual SET state = jsonb_set(state, '{units,\"\"}', %s)",
            [f'"{units}:3"'],
        )

    [found] = limit_checks.burned_units_add_up(book_id=None)
    assert found.detail == "series burned 3, entries say 4"
