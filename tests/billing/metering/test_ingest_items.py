"""Usage priced by the customer's own subscriptions: which item, in which period, paid how."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.models import Accrual, SubscriptionItem
from tests.billing.charging.agreed import agreed, on
from tests.billing.metering.test_ingest_terms import GRADUATED, sound
from tests.billing.scene import entries, event

pytestmark = pytest.mark.django_db


def unit(amount):
    return {"type": "unit", "amount": str(amount)}


@pytest.fixture
def book():
    """A subscription from 31 January 2024, monthly, and a price list at 1."""
    book = agreed(since="2024-01-31")
    book.meter = book.scene.meter("sum", price=None, dimensions={"model": "$.model"})
    book.scene.rate(book.meter, 1, since=on("2024-01-01"))
    return book


def use(book, value, at, **more):
    return book.scene.send(event(value, at=on(at), **more), at=on("2024-12-31"))


def test_an_item_comes_before_the_price_list(book):
    book.usage(book.meter, unit(5), since="2024-03-01", until="2024-04-01")

    use(book, 1, "2024-02-29T23:59:59")
    use(book, 1, "2024-03-01")
    use(book, 1, "2024-03-31T23:59:59")
    use(book, 1, "2024-04-01")

    assert book.scene.revenue == 1 + 5 + 5 + 1
    assert sound() == []


def test_the_item_of_most_filtered_dimensions_prices_usage(book):
    some = {"model": {"in": ["big", "huge"]}}
    book.usage(book.meter, unit(5), key="any", feature=book.scene.feature(book.meter))
    book.usage(
        book.meter, unit(7), key="some", feature=book.scene.feature(book.meter, filters=some)
    )

    use(book, 1, "2024-02-10", model="big")
    use(book, 1, "2024-02-10", model="small")
    use(book, 1, "2024-02-10")

    assert book.scene.revenue == 7 + 5 + 5


def test_usage_that_no_filter_fits_goes_to_the_price_list(book):
    big = {"model": {"eq": "big"}}
    book.usage(book.meter, unit(5), feature=book.scene.feature(book.meter, filters=big))

    use(book, 1, "2024-02-10", model="small")
    use(book, 1, "2024-02-10", model="big")

    assert book.scene.revenue == 1 + 5


def test_tiers_are_counted_by_the_items_cycle_and_posted_by_the_month(book):
    book.usage(book.meter, GRADUATED)

    use(book, 8, "2024-02-10")
    use(book, 8, "2024-02-29")  # the next cycle starts on this day
    use(book, 8, "2024-03-30T23:00:00")  # and ends after this
    use(book, 8, "2024-03-31")

    assert book.scene.revenue == 16 + (20 + 6) + 16
    starts = Accrual.objects.order_by("period_start").values_list("period_start", flat=True)
    assert list(starts) == [on("2024-01-31"), on("2024-02-29"), on("2024-03-31")]
    assert sound() == []


def test_one_batch_over_months_and_cycles_is_one_posting_a_month(book):
    book.usage(book.meter, GRADUATED)
    times = ["2024-02-10", "2024-02-29", "2024-03-01", "2024-03-30", "2024-03-31"]

    outcome = book.scene.send(*[event(8, at=on(at)) for at in times], at=on("2024-12-31"))

    assert outcome.accepted == 5
    assert book.scene.revenue == 16 + 34 + 16
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_transaction WHERE kind = 'usage'")
        assert cursor.fetchone() == (2,)
    assert sound() == []


def test_the_first_period_starts_with_the_item(book):
    book.usage(book.meter, unit(5), since="2024-02-15")

    use(book, 1, "2024-02-20")

    assert Accrual.objects.get().period_start == on("2024-02-15")


def test_a_usage_item_without_cadence_has_one_period(book):
    book.usage(book.meter, GRADUATED, cadence="")

    use(book, 10, "2024-02-20")
    use(book, 10, "2024-09-20")

    assert book.scene.revenue == 30
    assert sound() == []


def test_cycles_follow_the_subscriptions_wall_clock():
    book = agreed(since="2024-03-01", anchor="2024-02-29T23:00:00", zone="Europe/Berlin")
    meter = book.scene.meter("sum", price=None)
    book.usage(meter, unit(1))

    use(book, 1, "2024-03-31T21:59:59")  # still March there
    use(book, 1, "2024-03-31T22:00:00")  # midnight there, by summer time

    assert list(Accrual.objects.order_by("pk").values_list("period_start", flat=True)) == [
        on("2024-03-01"),
        on("2024-03-31T22:00:00"),
    ]


def test_a_corrected_event_leaves_the_item_and_the_period_it_was_in(book):
    book.usage(book.meter, GRADUATED)
    use(book, 8, "2024-02-10", id="old")
    use(book, 8, "2024-02-11")
    book.cut("usage", "2024-02-05")  # known afterwards: since then the list is what counts

    book.scene.amend(event(8, id="old", at=on("2024-02-10")))

    assert book.scene.revenue == 16 + 8
    assert sound() == []


def test_settlement_is_the_subscriptions_for_its_items():
    book = agreed(settlement="credit_only")
    book.scene.limit(100)
    meter = book.scene.meter("sum", price=None)
    book.scene.rate(book.scene.meter("count", price=None), 1, since=on("2024-01-01"))
    book.usage(meter, unit(5))

    use(book, 2, "2024-02-10", id="e")
    assert (book.scene.overdraft, book.scene.unbilled) == (10, 1)
    use(book, 2, "2024-02-11")
    assert (book.scene.overdraft, book.scene.unbilled) == (20, 2)

    book.scene.void("e")
    assert (book.scene.overdraft, book.scene.unbilled) == (10, 1)
    assert sound() == []


def test_credit_for_a_feature_pays_for_the_items_feature(book):
    feature = book.scene.feature(book.meter, key="gpt")
    book.usage(book.meter, unit(5), feature=feature)
    book.scene.grant(100, feature_keys=["gpt"], at=on("2024-01-01"))
    book.scene.grant(100, feature_keys=["sum"], at=on("2024-01-01"))

    use(book, 2, "2024-02-10")

    assert [row[:3] for row in entries("e.amount = 10")] == [("credit_lot", "usage_revenue", 10)]
    assert book.scene.unbilled == 0


def test_late_usage_has_a_minimum_looked_at_again(book):
    book.usage(book.meter, unit(5), commitments={"minimum_amount": "50"})
    book.subscription.due_at = on("2025-01-31")
    book.subscription.save()

    use(book, 1, "2024-12-31")  # its period is not over
    book.subscription.refresh_from_db()
    assert book.subscription.due_at == on("2025-01-31")

    use(book, 1, "2024-02-10", id="late")
    book.subscription.refresh_from_db()
    assert book.subscription.due_at == on("2024-02-29")


def test_a_change_is_seen_by_the_next_batch(book):
    use(book, 1, "2024-02-10")
    book.usage(book.meter, unit(5))
    use(book, 1, "2024-02-10")
    book.cut("usage", "2024-02-05")
    use(book, 1, "2024-02-10")
    SubscriptionItem.objects.all().delete()
    use(book, 1, "2024-02-03")

    assert book.scene.revenue == 1 + 5 + 1 + 1


@pytest.mark.django_db(transaction=True)
def test_what_is_remembered_costs_one_small_query_a_batch(book):
    book.usage(book.meter, GRADUATED)
    use(book, 1, "2024-02-10")  # opens accounts, reads items

    with CaptureQueriesContext(connection) as queries:
        use(book, 1, "2024-02-10")

    asked = [query["sql"] for query in queries]
    assert sum("billing_customerversion" in sql for sql in asked) == 1
    assert not any("billing_subscriptionitem" in sql for sql in asked)
    assert len(asked) <= 26


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_remembered(book):
    def give_up():
        book.usage(book.meter, unit(5))
        use(book, 1, "2024-02-10")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        give_up()
    use(book, 1, "2024-02-10")

    assert book.scene.revenue == 1
