"""Entitlements given by hand: there or not, with a configuration, or up to a limit."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing.entitlements import giving
from billing.entitlements.giving import NoAllowanceError
from billing.models import Entitlement, Feature
from ledger.errors import AlreadyExistsError, IdempotencyConflictError, InvalidInputError
from ledger.models import Asset
from tests import factories
from tests.billing.entitlements.asking import World, left
from tests.billing.scene import DAY, HOUR, START
from tests.factories import NOON
from wallets import grants
from wallets.models import CreditGrant, Wallet

pytestmark = pytest.mark.django_db
JULY = NOON + 30 * DAY


@pytest.fixture
def support(world: World) -> Feature:
    """Return a feature that nothing counts."""
    return Feature.objects.create(
        book=world.scene.book, key="support", name="Support", created_at=START
    )


def give(world: World, limit: int | None = 100, **terms: object) -> Entitlement:
    wanted: dict[str, object] = {
        "customer": world.customer,
        "feature": world.tokens,
        "kind": "metered",
        "limit": None if limit is None else Decimal(limit),
        "usage_period": "P1M",
        "anchor": START,
        "at": NOON,
        **terms,
    }
    return giving.give(**wanted)  # type: ignore[arg-type]


def test_a_right_given_to_one_customer_is_nobody_elses(world: World, support: Feature) -> None:
    other = factories.customer(book=world.scene.book)
    assert world.ask(feature="support", customer=other).is_allowed  # nobody needs a right yet

    giving.give(customer=world.customer, feature=support, kind="boolean", at=NOON)

    assert world.ask(feature="support").is_allowed
    assert world.ask(feature="support", customer=other).reason == "feature_unavailable"


def test_a_right_is_everybodys_below(world: World, support: Feature) -> None:
    team = factories.customer(parent=world.customer)
    giving.give(customer=world.customer, feature=support, kind="boolean", at=NOON)

    assert world.ask(feature="support", customer=team).is_allowed


def test_a_right_is_there_from_its_start_to_its_end(world: World, support: Feature) -> None:
    given = {"starts_at": NOON + HOUR, "ends_at": NOON + 2 * HOUR}
    giving.give(customer=world.customer, feature=support, kind="boolean", at=NOON, **given)

    reasons = [world.ask(feature="support", at=NOON + hours * HOUR).reason for hours in range(3)]
    assert reasons == ["feature_unavailable", "allowed", "feature_unavailable"]


def test_a_configuration_is_given_to_who_asks(world: World, support: Feature) -> None:
    config = {"channels": ["mail", "phone"]}
    giving.give(customer=world.customer, feature=support, kind="static", config=config, at=NOON)

    assert world.ask(feature="support").config == config


def test_a_limit_ends_what_may_be_used(world: World) -> None:
    give(world, 100)

    answer = world.ask(100)
    assert (answer.is_allowed, left(answer, "entitlement")) == (
        True,
        [("tokens", "thing", Decimal(100))],
    )
    denied = world.ask(101)
    assert (denied.is_allowed, denied.reason) == (False, "usage_limit_reached")
    assert denied.retry_at == START.replace(month=7)


def test_a_limit_given_to_one_customer_is_no_limit_for_others(world: World) -> None:
    give(world, 100)

    assert world.ask(1000, customer=factories.customer(book=world.scene.book)).is_allowed


def test_a_soft_limit_is_told_and_stops_nobody(world: World) -> None:
    give(world, 100, is_soft_limit=True)

    answer = world.ask(101)
    assert (answer.is_allowed, left(answer, "entitlement")[0][2]) == (True, 100)


def test_no_limit_is_no_limit(world: World) -> None:
    give(world, None)

    assert world.ask(10**12).is_allowed
    assert not Wallet.objects.exists()


def test_a_limit_of_nothing_allows_nothing(world: World) -> None:
    give(world, 0)

    assert world.ask().reason == "usage_limit_reached"
    assert world.ask(0).is_allowed


def test_an_allowance_starts_anew_though_no_job_has_run(world: World) -> None:
    give(world, 100)
    lot = CreditGrant.objects.get()
    assert (lot.effective_at, lot.expires_at) == (NOON, START.replace(month=7))

    assert world.ask(100, at=JULY).is_allowed
    assert world.ask(101, at=JULY).reason == "usage_limit_reached"


def test_a_limit_without_a_period_is_for_all_its_time(world: World) -> None:
    give(world, 100, usage_period="")

    assert CreditGrant.objects.get().expires_at is None
    assert world.ask(100, at=JULY).is_allowed


def test_what_is_bought_on_top_is_added(world: World) -> None:
    give(world, 100)
    pack = factories.wallet(customer=world.customer, asset=Asset.objects.get(code="thing"))
    factories.grant(wallet=pack, amount=50)

    assert left(world.ask(150), "entitlement")[0][2] == 150


def test_all_below_a_customer_use_its_allowance(world: World) -> None:
    give(world, 100)
    team = factories.customer(parent=world.customer)

    assert world.ask(100, customer=team).is_allowed
    assert world.ask(101, customer=team).reason == "usage_limit_reached"


def test_an_allowance_that_has_ended_is_void(world: World) -> None:
    given = give(world, 100)

    giving.end(entitlement=given, at=NOON + HOUR)
    giving.end(entitlement=given, at=NOON + 2 * HOUR)

    lot = CreditGrant.objects.get()
    assert lot.voided_at == NOON + HOUR
    assert world.ask(1, at=NOON + HOUR).remaining == ()
    give(world, 10, at=NOON + HOUR)
    assert world.ask(11, at=NOON + HOUR).reason == "usage_limit_reached"


def test_of_an_allowance_that_has_ended_nothing_counts_though_no_job_has_run(world: World) -> None:
    give(world, 100, ends_at=NOON + HOUR)
    give(world, 10, starts_at=NOON + HOUR)

    assert left(world.ask(at=NOON + HOUR), "entitlement")[0][2] == 10


def test_one_right_by_hand_at_a_time(world: World) -> None:
    give(world)

    with pytest.raises(AlreadyExistsError):
        give(world)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"kind": "some"}, "kind"),
        ({"kind": "static"}, "config"),
        ({"limit": -1}, "limit"),
        ({"limit": "0.001"}, "limit"),
        ({"usage_period": "PT1M"}, "usage_period"),
        ({"usage_period": "P1M1D"}, "usage_period"),
        ({"ends_at": NOON - timedelta(1)}, "ends_at"),
        ({"time_zone": "Moon/Base"}, "time_zone"),
    ],
)
def test_terms_that_cannot_be_are_refused(
    world: World, terms: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        give(world, **terms)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_limit_needs_a_meter(world: World, support: Feature) -> None:
    with pytest.raises(InvalidInputError) as refused:
        give(world, feature=support)
    assert refused.value.field == "kind"


def test_another_books_feature_is_refused(world: World) -> None:
    other = Feature.objects.create(
        book=factories.book(), key="other", name="Other", created_at=START
    )
    with pytest.raises(InvalidInputError, match="feature"):
        give(world, feature=other, kind="boolean")


def test_definitions_are_read_again_once_they_change(world: World) -> None:
    given = give(world, 100)
    assert world.ask(101).reason == "usage_limit_reached"

    giving.end(entitlement=given, at=NOON)

    assert world.ask(101).is_allowed
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM billing_customerversion WHERE customer_id = %s",
            [given.customer_id],
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize(("preserves", "expected"), [(True, 50), (False, 100)])
def test_what_was_used_beyond_is_taken_off_the_next_period_or_forgiven(
    world: World, preserves: bool, expected: int
) -> None:
    give(world, 100, preserves_overage=preserves)
    world.use(60)
    assert left(world.ask(), "entitlement")[0][2] == 40
    world.use(90)
    assert world.ask().reason == "usage_limit_reached"

    assert world.ask(expected, at=JULY).is_allowed
    assert left(world.ask(expected + 1, at=JULY), "entitlement")[0][2] == expected


def add(world: World, given: Entitlement, amount: int = 50, **terms: object) -> CreditGrant:
    wallet, common = giving.packs(entitlement=given, at=NOON)
    wanted: dict[str, object] = {"key": "launch", "at": NOON, **common, **terms}
    return grants.issue(wallet=wallet, amount=Decimal(amount), **wanted)  # type: ignore[arg-type]


def test_units_are_added_on_top_once(world: World) -> None:
    given = give(world, 100)

    first = add(world, given)
    assert add(world, given) == first

    assert left(world.ask(150), "entitlement")[0][2] == 150
    assert world.ask(151).reason == "usage_limit_reached"
    with pytest.raises(IdempotencyConflictError):
        add(world, given, 51)


def test_units_on_top_outlive_the_period_and_are_used_last(world: World) -> None:
    add(world, give(world, 100))
    world.use(120)

    assert world.ask(130, at=JULY).is_allowed
    assert left(world.ask(131, at=JULY), "entitlement")[0][2] == 130


def test_units_on_top_are_for_all_below_and_until_their_end(world: World) -> None:
    add(world, give(world, 100), expires_at=NOON + HOUR)
    team = factories.customer(parent=world.customer)

    assert world.ask(150, customer=team).is_allowed
    assert world.ask(101, customer=team, at=NOON + HOUR).reason == "usage_limit_reached"


def test_units_on_top_first_cover_what_is_owed(world: World) -> None:
    given = give(world, 100, preserves_overage=True)
    world.use(130)

    add(world, given)

    assert left(world.ask(), "entitlement")[0][2] == 20


@pytest.mark.parametrize("limit", [100, None])
def test_nothing_is_added_to_what_has_no_allowance(world: World, limit: int | None) -> None:
    given = give(world, limit)
    ended = giving.end(entitlement=given, at=NOON)

    with pytest.raises(NoAllowanceError):
        giving.packs(entitlement=given if limit is None else ended, at=NOON)
