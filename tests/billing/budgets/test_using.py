"""What budgets see used: of whom, of what, in which period, and when it is told."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.metering import ingest, unattributed
from billing.models import BudgetUse
from ledger.models import Outbox
from tests import factories
from tests.billing.budgets.scene import budget, miscounted, told, used
from tests.billing.scene import DAY, HOUR, LATER, event, new_scene, read
from tests.factories import NOON

pytestmark = pytest.mark.django_db

JUNE = "2025-06-01"


@pytest.fixture
def scene():
    return new_scene()


def test_a_budget_counts_what_usage_costs(scene):
    scene.meter(price=2)
    all_usage = budget(scene)

    scene.send(event(3), event(4))
    scene.send(event("0.5"))

    assert used(all_usage) == {JUNE: 15}
    assert miscounted() == []


def test_a_budget_in_units_counts_usage_without_a_price(scene):
    scene.meter(price=None)
    units = budget(scene, asset=scene.things)

    scene.send(event(3), event("0.5"))

    assert used(units) == {JUNE: Decimal("3.5")}
    assert miscounted() == []


def test_usage_counts_for_the_customer_and_all_above_it(scene):
    scene.meter()
    team = scene.child("team")
    person = factories.customer(parent=team)
    scene.subject("person", person)
    stranger = factories.customer(book=scene.book)
    scene.subject("stranger", stranger)
    of = {one.pk: budget(scene, customer=one) for one in (scene.customer, team, person, stranger)}

    scene.send(event(1), event(2, subject="team"), event(4, subject="person"))
    scene.send(event(8, subject="stranger"))

    assert [used(one)[JUNE] for one in of.values()] == [7, 6, 4, 8]
    assert miscounted() == []


def test_usage_counts_in_the_period_in_which_it_happened(scene):
    scene.meter()
    daily = budget(scene, cadence="P1D", created_at=NOON - 2 * DAY)

    scene.send(event(1), event(2, at=NOON - DAY), event(4, at=NOON - 2 * DAY))
    scene.send(event(8, at=NOON - DAY), at=NOON + DAY)

    assert used(daily) == {"2025-06-13": 4, "2025-06-14": 10, "2025-06-15": 1}
    assert miscounted() == []


def test_what_happened_before_the_first_period_counts_nowhere(scene):
    scene.meter()
    monthly = budget(scene)

    scene.send(event(1, at=NOON - 31 * DAY), event(2))

    assert used(monthly) == {JUNE: 2}
    assert miscounted() == []


def test_a_new_budget_counts_what_its_period_has_seen(scene):
    scene.meter(price=2, dimensions={"model": "$.model"})
    scene.child("team")
    scene.send(event(1, id="gone"), event(2, subject="team", model="a"), event(4, at=NOON - DAY))
    scene.send(event(8, at=NOON - 40 * DAY))
    scene.void("gone")

    late = budget(scene)
    of_model = budget(scene, labels={"model": "a"})
    scene.send(event(16, model="a"))

    assert (used(late), used(of_model)) == ({JUNE: 44}, {JUNE: 36})
    assert miscounted() == []


def test_labels_choose_what_counts(scene):
    scene.meter(dimensions={"model": "$.model"})
    scene.meter("count", type="call")
    big = budget(scene, labels={"model": "big"})

    scene.send(event(3, model="big"), event(4, model="small"), event(5))

    assert used(big) == {JUNE: 3}
    assert miscounted() == []


def test_a_feature_chooses_what_counts(scene):
    meter = scene.meter(dimensions={"model": "$.model"})
    scene.meter("count", type="call", price=100, feature="calls")
    scene.feature(meter, key="large", filters={"model": {"in": ["big", "huge"]}})
    large = budget(scene, feature_key="large")
    calls = budget(scene, feature_key="calls")

    scene.send(event(3, model="big"), event(4, model="small"), event(5, model="huge"))

    assert (used(large), used(calls)) == ({JUNE: 8}, {JUNE: 300})
    assert miscounted() == []


def test_a_void_takes_off_and_an_amendment_counts_what_it_says(scene):
    scene.meter(price=2)
    monthly = budget(scene)
    scene.send(event(3, id="gone"), event(4, id="other"), event(1))

    scene.void("gone")
    assert used(monthly) == {JUNE: 10}
    scene.amend(event(7, id="other"))

    assert used(monthly) == {JUNE: 16}
    assert miscounted() == []


def test_usage_that_falls_takes_off(scene):
    scene.meter("latest", price=2)
    monthly = budget(scene)

    scene.send(event(9))
    scene.send(event(4, at=NOON + HOUR))

    assert used(monthly) == {JUNE: 8}
    assert miscounted() == []


def test_usage_of_a_subject_counts_once_it_is_mapped(scene):
    scene.meter()
    monthly = budget(scene)
    scene.send(event(5, subject="late"))
    assert used(monthly) == {}

    scene.subject("late")
    unattributed.post_mapped(book=scene.book, at=NOON + DAY)

    assert used(monthly) == {JUNE: 5}
    assert miscounted() == []


def test_an_ended_budget_counts_no_more(scene):
    scene.meter()
    monthly = budget(scene)
    scene.send(event(5))

    monthly.ended_at = NOON
    monthly.save()
    scene.send(event(7))

    assert used(monthly) == {JUNE: 5}
    assert miscounted() == []


def test_a_threshold_is_told_once_when_it_is_crossed(scene):
    scene.meter()
    budget(scene, 100, warn_at=[50, Decimal("80.5")])

    for amount in (49, 1, 30, "0.5", 10, 10, 50):
        scene.send(event(amount))

    assert told() == [
        ("budget.warning", "50", "50"),
        ("budget.warning", "80.5", "80.5"),
        ("budget.reached", "100", "100.5"),
    ]


def test_one_batch_may_cross_all_thresholds(scene):
    scene.meter()
    made = budget(scene, 100, warn_at=[50])

    scene.send(event(1), event(200))

    assert told() == [("budget.warning", "50", "201"), ("budget.reached", "100", "201")]
    row = Outbox.objects.get(payload__type="budget.reached")
    assert row.payload == {
        "type": "budget.reached",
        "book": scene.book.pk,
        "customer": scene.customer.key,
        "data": {
            "budget": made.key,
            "threshold": "100",
            "used": "201",
            "amount": "100",
            "asset": "USD",
            "period_starts_at": "2025-06-01T00:00:00+00:00",
            "period_ends_at": "2025-07-01T00:00:00+00:00",
        },
    }


def test_a_threshold_is_armed_again_once_use_falls_below_it(scene):
    scene.meter()
    budget(scene, 100, warn_at=[50])

    scene.send(event(60, id="much"))
    scene.void("much")
    scene.send(event(70))

    assert told() == [("budget.warning", "50", "60"), ("budget.warning", "50", "70")]


def test_each_period_is_told_of_by_itself(scene):
    scene.meter()
    budget(scene, 10, cadence="P1D")

    scene.send(event(10), event(11, at=NOON + HOUR * 13), at=NOON + DAY)

    assert told() == [("budget.reached", "100", "10"), ("budget.reached", "100", "11")]


def test_what_was_approved_beyond_the_amount_counts_to_it(scene):
    scene.meter()
    made = budget(scene, 100)
    scene.send(event(90))

    BudgetUse.objects.filter(budget=made).update(extra=100)
    scene.send(event(100))
    assert told() == []
    scene.send(event(10))

    assert told() == [("budget.reached", "100", "200")]


def test_a_raised_amount_is_reached_anew(scene):
    scene.meter()
    made = budget(scene, 10)
    scene.send(event(10))

    made.amount = Decimal(30)
    made.save()
    scene.send(event(5))
    scene.send(event(15))

    assert told() == [("budget.reached", "100", "10"), ("budget.reached", "100", "30")]


def test_a_batch_that_fails_counts_and_tells_nothing(scene):
    scene.meter()
    monthly = budget(scene, 10)

    assert scene.send(event("9" * 25), event("9" * 25), event("9" * 26), event(1)).accepted < 4

    assert miscounted() == []
    assert BudgetUse.objects.get(budget=monthly).used > 10


@pytest.mark.django_db(transaction=True)
def test_budgets_cost_one_query_a_batch_whatever_their_number(scene):
    def send():
        scene.send(*[event(1, subject=f"s{n}") for n in range(10)])

    def queries():
        send()  # whatever has to be opened or read again, is
        with CaptureQueriesContext(connection) as captured:
            send()
        return len(captured)

    scene.meter()
    team = [scene.child(f"s{n}") for n in range(10)]
    without = queries()

    for customer in [scene.customer, *team]:
        budget(scene, customer=customer)

    assert queries() == without + 1


def test_a_budget_made_while_a_batch_was_prepared_counts_it(scene):
    scene.meter()
    [prepared] = ingest.prepare(book=scene.book, sent=read(event(5)), received_at=LATER)

    made = budget(scene)
    ingest.commit(book=scene.book, prepared=prepared, received_at=LATER)

    assert used(made) == {JUNE: 5}
    assert miscounted() == []


def test_periods_follow_the_clock_of_a_zone(scene):
    scene.meter()
    local = budget(
        scene,
        cadence="P1D",
        time_zone="Asia/Tokyo",
        anchor=datetime.fromisoformat("2025-01-01T00:00:00+09:00"),
        created_at=NOON - DAY,
    )

    scene.send(event(1, at="2025-06-15T14:59:59Z"), event(2, at="2025-06-15T15:00:00Z"))

    assert list(used(local).values()) == [1, 2]
    assert miscounted() == []


def test_the_check_names_a_budget_that_was_tampered_with(scene):
    scene.meter()
    made = budget(scene)
    scene.send(event(5))

    BudgetUse.objects.filter(budget=made).update(used=4)

    assert miscounted() == ["says 4 was used, usage comes to 5"]
