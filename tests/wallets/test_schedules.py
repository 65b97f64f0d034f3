"""Credit that recurs: issued once per occurrence, whoever runs it, how late and how often."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests import factories
from tests.benchmarks import schedule_speed
from tests.wallets.spending import hold, left_in, owed_by, use
from wallets import expiry, grants, schedules, summary
from wallets.models import CreditGrant, GrantSchedule

pytestmark = pytest.mark.django_db

TICK = timedelta(microseconds=1)
JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 5))


@pytest.fixture
def wallet():
    return factories.wallet()


def schedule(wallet, **terms):
    """Return 100 a month from January on, unless told otherwise."""
    defaults = {"key": "included", "amount": Decimal(100), "cadence": "P1M", "starts_at": JANUARY}
    return schedules.create(wallet=wallet, at=JANUARY, **(defaults | terms))


def lots(wallet):
    """Return (effective, expires, amount) of a wallet's grants, first to last."""
    found = CreditGrant.objects.filter(wallet=wallet).order_by("effective_at", "pk")
    return [(grant.effective_at, grant.expires_at, grant.amount) for grant in found]


def available(wallet, at):
    return summary.of_wallets([wallet.pk], at=at)[wallet.pk].available


def occurrence(number):
    return CreditGrant.objects.get(key=f"schedule:{GrantSchedule.objects.get().pk}:{number}")


def rolled(number):
    """Return what was rolled over into an occurrence."""
    key = f"schedule:{GrantSchedule.objects.get().pk}:{number}:"
    return CreditGrant.objects.filter(key__startswith=key)


def test_each_month_brings_a_grant_that_lapses_when_the_next_comes(wallet):
    schedule(wallet)

    assert schedules.issue(at=JANUARY - TICK) == 0
    assert schedules.issue(at=JANUARY) == 1
    assert schedules.issue(at=FEBRUARY) == 1

    assert lots(wallet) == [(JANUARY, FEBRUARY, 100), (FEBRUARY, MARCH, 100)]


def test_the_rest_lapses_at_the_very_instant(wallet):
    schedule(wallet)
    schedules.issue(at=FEBRUARY)
    use(wallet.customer, 30, at=JANUARY)

    def then(instant):
        return summary.of_wallets([wallet.pk], at=instant, is_past=True)[wallet.pk]

    assert then(FEBRUARY - TICK).available == 70
    assert (then(FEBRUARY).available, then(FEBRUARY).expired) == (0, 70)
    assert (then(FEBRUARY + TICK).available, then(FEBRUARY + TICK).expired) == (100, 70)


def test_running_again_issues_nothing_more(wallet):
    schedule(wallet)
    schedules.issue(at=JANUARY)

    assert schedules.issue(at=JANUARY) == 0
    assert len(lots(wallet)) == 1


def test_a_late_run_issues_each_occurrence_that_was_missed(wallet):
    schedule(wallet)

    assert schedules.issue(at=MARCH + timedelta(days=3)) == 3
    assert lots(wallet) == [
        (JANUARY, FEBRUARY, 100),
        (FEBRUARY, MARCH, 100),
        (MARCH, APRIL, 100),
    ]


def test_usage_of_a_month_that_was_issued_late_burns_that_months_grant(wallet):
    schedule(wallet)
    schedules.issue(at=FEBRUARY)
    expiry.close_expired(at=FEBRUARY)

    use(wallet.customer, 30, at=JANUARY)

    assert [left_in(occurrence(number)) for number in (0, 1)] == [0, 100]
    assert summary.of_grants([occurrence(0).pk], at=FEBRUARY)[occurrence(0).pk].expired == 70


def test_a_schedule_restored_without_its_grants_progress_issues_once(wallet):
    made = schedule(wallet)
    schedules.issue(at=FEBRUARY)
    GrantSchedule.objects.filter(pk=made.pk).update(issued=0, due_at=JANUARY)  # an older backup

    schedules.issue(at=MARCH)

    assert [amount for _, _, amount in lots(wallet)] == [100, 100, 100]
    assert GrantSchedule.objects.get().issued == 3


def test_the_31st_comes_back_after_february(wallet):
    schedule(wallet, starts_at=datetime(2024, 1, 31, tzinfo=UTC))

    schedules.issue(at=datetime(2024, 4, 30, tzinfo=UTC))

    days = [effective_at.strftime("%d.%m.") for effective_at, _, _ in lots(wallet)]
    assert days == ["31.01.", "29.02.", "31.03.", "30.04."]


def test_a_day_lasts_from_midnight_to_midnight_when_clocks_change(wallet):
    evening = datetime(2025, 3, 28, 23, tzinfo=UTC)  # midnight in Berlin, 29 March
    schedule(wallet, cadence="P1D", starts_at=evening, time_zone="Europe/Berlin")

    schedules.issue(at=evening + timedelta(days=2))

    hours = [
        (expires_at - starts_at) / timedelta(hours=1) for starts_at, expires_at, _ in lots(wallet)
    ]
    assert hours == [24, 23, 24]


def test_a_schedule_that_starts_within_a_cycle_is_whole_and_ends_with_it(wallet):
    schedule(wallet, starts_at=JANUARY + timedelta(days=14), anchor=JANUARY)

    schedules.issue(at=FEBRUARY)

    assert lots(wallet) == [
        (JANUARY + timedelta(days=14), FEBRUARY, 100),
        (FEBRUARY, MARCH, 100),
    ]


def test_a_lifetime_of_its_own_lets_grants_overlap(wallet):
    schedule(wallet, lifetime="P3M")

    schedules.issue(at=FEBRUARY)

    assert lots(wallet)[0] == (JANUARY, APRIL, 100)
    assert available(wallet, FEBRUARY) == 200


def test_none_is_due_from_the_end_on(wallet):
    schedule(wallet, ends_at=MARCH)

    assert schedules.issue(at=APRIL) == 2
    assert GrantSchedule.objects.get().due_at is None


def test_a_schedule_that_is_ended_keeps_what_it_issued(wallet):
    made = schedule(wallet)
    schedules.issue(at=JANUARY)

    schedules.end(schedule=made, ends_at=JANUARY + timedelta(days=3))

    assert schedules.issue(at=APRIL) == 0
    assert lots(wallet) == [(JANUARY, FEBRUARY, 100)]


def test_a_schedule_cannot_be_made_longer(wallet):
    made = schedule(wallet, ends_at=MARCH)

    with pytest.raises(InvalidInputError, match="ends_at"):
        schedules.end(schedule=made, ends_at=APRIL)


def test_what_rolls_over_is_capped_and_the_remainder_lapses(wallet):
    schedule(wallet, rollover_maximum=Decimal(40))
    schedules.issue(at=JANUARY)
    use(wallet.customer, 30, at=JANUARY)

    schedules.issue(at=FEBRUARY)
    expiry.close_expired(at=FEBRUARY)

    assert available(wallet, FEBRUARY) == 140
    figures = summary.of_wallets([wallet.pk], at=FEBRUARY)[wallet.pk]
    assert (figures.granted, figures.used, figures.expired) == (200, 30, 30)
    part = rolled(1).get()
    assert (part.amount, part.parent, part.expires_at) == (40, occurrence(0), MARCH)


@pytest.mark.parametrize("is_swept_first", [False, True])
def test_roll_over_does_not_depend_on_whether_the_sweep_was_first(wallet, is_swept_first):
    schedule(wallet, rollover_maximum=Decimal(40))
    schedules.issue(at=JANUARY)
    if is_swept_first:
        expiry.close_expired(at=FEBRUARY)

    schedules.issue(at=FEBRUARY)
    expiry.close_expired(at=FEBRUARY)

    first = summary.of_grants([occurrence(0).pk], at=FEBRUARY)[occurrence(0).pk]
    assert (first.granted, first.expired, first.transferred, first.settled) == (100, 60, 40, 0)


def test_what_rolled_over_rolls_on_within_the_maximum(wallet):
    schedule(wallet, rollover_maximum=Decimal(150))

    schedules.issue(at=FEBRUARY)
    assert available(wallet, FEBRUARY) == 200
    schedules.issue(at=MARCH)

    assert available(wallet, MARCH) == 250  # 100 of February, 50 of what was left of January
    assert sorted(part.amount for part in rolled(2)) == [50, 100]


def test_all_of_it_rolls_over_where_less_than_the_maximum_is_left(wallet):
    schedule(wallet, rollover_maximum=Decimal(500))
    schedules.issue(at=JANUARY)
    use(wallet.customer, 30, at=JANUARY)

    schedules.issue(at=FEBRUARY)

    assert available(wallet, FEBRUARY) == 170


def test_where_less_than_the_minimum_is_left_the_next_grant_makes_it_up(wallet):
    schedule(wallet, rollover_minimum=Decimal(20), rollover_maximum=Decimal(40))
    schedules.issue(at=JANUARY)
    use(wallet.customer, 95, at=JANUARY)

    schedules.issue(at=FEBRUARY)

    assert occurrence(1).amount == 115
    assert available(wallet, FEBRUARY) == 120


def test_nothing_rolls_over_when_nothing_is_left(wallet):
    schedule(wallet, rollover_maximum=Decimal(40))
    schedules.issue(at=JANUARY)
    use(wallet.customer, 100, at=JANUARY)

    schedules.issue(at=FEBRUARY)

    assert not rolled(1).exists()


def test_what_is_held_does_not_roll_over(wallet):
    schedule(wallet, rollover_maximum=Decimal(500))
    schedules.issue(at=JANUARY)
    hold(occurrence(0), 25)

    schedules.issue(at=FEBRUARY)

    assert rolled(1).get().amount == 75


def test_usage_from_before_the_reset_that_arrives_later_finds_what_rolled_over(wallet):
    schedule(wallet, rollover_maximum=Decimal(500))
    schedules.issue(at=FEBRUARY)

    use(wallet.customer, 30, at=JANUARY + timedelta(days=20))

    assert owed_by(wallet.customer) == 0
    assert left_in(rolled(1).get()) == 70


def test_a_voided_grant_rolls_nothing_over(wallet):
    schedule(wallet, rollover_maximum=Decimal(500))
    schedules.issue(at=JANUARY)
    grants.void(grant=occurrence(0), at=JANUARY)

    schedules.issue(at=FEBRUARY)

    assert available(wallet, FEBRUARY) == 100


def test_a_recurring_grant_covers_the_overdraft_first(wallet):
    schedule(wallet)
    use(wallet.customer, 30, at=JANUARY)

    schedules.issue(at=JANUARY)

    assert (owed_by(wallet.customer), left_in(occurrence(0))) == (0, 70)


def test_two_grants_of_one_run_cover_a_debt_once(wallet):
    schedule(wallet)
    schedule(wallet, key="more", amount=Decimal(50))
    use(wallet.customer, 120, at=JANUARY)

    schedules.issue(at=JANUARY)

    assert owed_by(wallet.customer) == 0
    assert available(wallet, JANUARY) == 30


def test_creating_the_same_again_changes_nothing(wallet):
    assert schedule(wallet) == schedule(wallet, name="Other words")


def test_a_key_stands_for_one_schedule(wallet):
    schedule(wallet)

    with pytest.raises(IdempotencyConflictError):
        schedule(wallet, amount=Decimal(200))


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"cadence": "monthly"}, "cadence"),
        ({"cadence": "PT1M"}, "cadence"),
        ({"lifetime": "PT59M"}, "lifetime"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"ends_at": JANUARY - TICK}, "ends_at"),
        ({"rollover_minimum": Decimal(2), "rollover_maximum": Decimal(1)}, "rollover_maximum"),
        ({"rollover_minimum": Decimal(-1)}, "rollover_maximum"),
        ({"rollover_maximum": Decimal(1), "lifetime": "P2M"}, "lifetime"),
        ({"funding": "stolen"}, "funding"),
        ({"priority": -1}, "priority"),
        ({"cost_basis": Decimal(-1)}, "cost_basis"),
    ],
)
def test_terms_that_make_no_sense_are_refused(wallet, terms, field):
    with pytest.raises(InvalidInputError, match=field):
        schedule(wallet, **terms)


def test_many_are_issued_in_a_few_statements(wallet, django_assert_max_num_queries):
    for _ in range(30):
        schedule(factories.wallet(customer=factories.customer(book=wallet.customer.book)))

    with django_assert_max_num_queries(40):
        assert schedules.issue(at=JANUARY) == 30


def test_the_benchmark_of_a_hundred_thousand_works_on_a_few():
    first, second = schedule_speed.measure(many=20)

    assert first.what == "20 recurring grants issued"
    assert second.what == "the next, with as many roll-overs"
