"""What fees come to, end to end through the ledger: the worked figures, and every term."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import Charge, ChargeChange
from ledger.models import Entry, Transaction
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import entries, left
from wallets import expiry

pytestmark = pytest.mark.django_db


def money(*amounts):
    return [Decimal(amount) for amount in amounts]


def before(text):
    """Return the last moment before an instant."""
    return on(text) - timedelta(microseconds=1)


def test_a_fee_replaced_on_the_second_day_shrinks_to_what_was_used():
    book = agreed()
    book.fee(10)
    book.run("2024-01-01")
    book.replace("base", 20, "2024-01-02")
    book.run("2024-01-02")

    assert book.charges == money("0.32", "19.35")
    assert book.scene.unbilled == Decimal("19.67")
    assert book.holds("deferred_revenue") == Decimal("19.35")
    assert book.holds("subscription_revenue") == Decimal("0.32")


def test_it_is_the_same_when_the_change_is_known_from_the_start():
    book = agreed()
    book.fee(10)
    book.replace("base", 20, "2024-01-02")
    book.run("2024-01-31")

    assert book.charges == money("0.32", "19.35")
    assert Charge.objects.count() == 2
    assert [change.reason for change in ChargeChange.objects.order_by("pk")] == [
        "charged",  # 0.32 on 1 January
        "charged",  # 19.35 on 2 January
        "earned",
    ]


def test_a_start_within_the_cycle_pays_for_the_rest_of_it():
    book = agreed(since="2024-01-21T21:55:18", anchor="2024-01-01")
    book.fee(20)
    book.run("2024-01-21T21:55:18")

    assert book.charges == money("6.51")


def test_arrears_of_a_quarter_canceled_after_a_month():
    book = agreed()
    book.fee(9, term="in_arrears", cadence="P3M")
    book.run("2024-01-15")
    book.end("2024-02-01")
    book.run("2024-01-31T23:59:59")
    assert book.charges == []

    book.run("2024-02-01")

    assert book.charges == money("3.07")
    assert book.holds("subscription_revenue") == Decimal("3.07")
    assert book.subscription.due_at is None


def test_what_comes_back_and_what_is_charged_are_entries_of_their_own():
    book = agreed()
    book.fee(6)
    book.run("2024-01-01")
    book.replace("base", 10, "2024-01-02")
    book.run("2024-01-02")

    assert sorted(entries(), key=lambda entry: entry[2]) == [
        ("deferred_revenue", "subscription_revenue", Decimal("0.19"), before("2024-01-02")),
        ("deferred_revenue", "unbilled", Decimal("5.81"), on("2024-01-02")),
        ("unbilled", "deferred_revenue", Decimal(6), on("2024-01-01")),
        ("unbilled", "deferred_revenue", Decimal("9.68"), on("2024-01-02")),
    ]
    assert book.charges == money("0.19", "9.68")


def test_what_comes_back_goes_where_it_came_from():
    book = agreed()
    lot = book.scene.grant(4, at=on("2024-01-01"))
    book.fee(6)
    book.run("2024-01-01")
    book.cut("base", "2024-01-02")
    book.run("2024-01-02")

    assert left(lot) == Decimal("3.81")  # what was charged last went back first
    assert book.scene.unbilled == 0


def test_credit_alone_pays_where_the_subscription_says_so():
    book = agreed(settlement="credit_only")
    book.scene.grant(4, at=on("2024-01-01"))
    book.fee(10)
    book.run("2024-01-01")

    assert (book.scene.unbilled, book.scene.overdraft) == (0, 6)


def test_each_cycle_is_charged_at_its_start_and_earned_by_its_end():
    book = agreed()
    book.fee(31)
    book.run("2024-03-01")

    assert book.charges == money(31, 31, 31)
    assert book.holds("subscription_revenue") == 62
    assert book.holds("deferred_revenue") == 31
    assert book.subscription.due_at == on("2024-04-01")


def test_a_year_in_advance_is_earned_month_by_month():
    book = agreed(cadence="P1Y")
    book.fee("366", cadence="P1Y")
    book.run("2024-03-15")

    assert book.charges == money(366)
    assert book.holds("subscription_revenue") == 60  # 31 + 29 days of a leap year
    assert book.subscription.due_at == on("2024-04-01")
    months = [t.effective_at.month for t in Transaction.objects.order_by("effective_at")]
    assert months == [1, 1, 2]  # each month's share is booked in it


def test_a_year_cut_long_ago_takes_back_what_was_earned_too_much():
    book = agreed(cadence="P1Y")
    book.fee("366", cadence="P1Y")
    book.run("2024-07-10")
    assert book.holds("subscription_revenue") == 182

    book.end("2024-02-01")
    book.run("2024-07-10")

    assert book.charges == money(31)
    assert book.holds("subscription_revenue") == 31
    assert book.holds("deferred_revenue") == 0
    assert book.scene.unbilled == 31


def test_cycles_after_an_end_of_the_past_are_given_back():
    book = agreed()
    book.fee(10)
    book.run("2024-03-15")
    book.end("2024-01-16T12:00")
    book.run("2024-03-15")

    assert book.charges == money(5)
    assert book.scene.unbilled == 5
    assert book.holds("deferred_revenue") == 0
    assert book.subscription.due_at is None


def test_an_end_that_is_called_off_charges_the_rest_when_it_would_have_come():
    book = agreed()
    book.fee(31)
    book.cut("base", "2024-01-11")
    book.run("2024-01-05")
    assert book.charges == money(10)

    book.cut("base", None)
    book.run("2024-01-31")

    assert book.charges == money(31)
    assert [c.effective_at for c in ChargeChange.objects.filter(reason="changed")] == [
        on("2024-01-11")
    ]


def test_what_is_due_at_the_end_is_booked_in_the_month_it_was_for():
    book = agreed()
    book.fee(10, term="in_arrears")
    book.run("2024-02-01")

    [posted] = Transaction.objects.filter(kind="charge")
    assert posted.effective_at == before("2024-02-01")


def test_a_quantity_multiplies_the_fee_before_it_is_rounded():
    book = agreed()
    book.fee("0.333", quantity=3)
    book.run("2024-01-01")

    assert book.charges == money("1")


@pytest.mark.parametrize(
    ("term", "cadence", "due"),
    [("in_advance", "", "2024-01-10"), ("in_arrears", "", "2024-02-01")],
)
def test_what_is_sold_once_is_due_once_and_in_full(term, cadence, due):
    book = agreed()
    book.fee(50, since="2024-01-10", term=term, cadence=cadence)
    book.run("2024-01-09")
    assert book.charges == []

    book.run("2024-06-01")

    assert book.charges == money(50)
    assert book.holds("subscription_revenue") == 50
    assert Charge.objects.get().due_at == on(due)


@pytest.mark.parametrize(
    ("policy", "charges"),
    [
        ("always", ["5.16", "10", "9.68"]),
        ("none", ["10", "20", "20"]),
        ("on_change", ["10", "10", "20"]),
        ("on_start_and_end", ["5.16", "20", "9.68"]),
    ],
)
def test_the_policy_says_which_cuts_take_a_share(policy, charges):
    book = agreed(since="2024-01-16", anchor="2024-01-01", proration=policy)
    book.fee(10, until="2024-02-01")
    book.fee(20, key="more", since="2024-02-15T12:00", until="2024-03-01")  # half of February
    book.fee(20, key="last", since="2024-03-01")
    book.end("2024-03-16")
    book.run("2024-04-01")

    assert book.charges == money(*charges)
    assert book.holds("subscription_revenue") == sum(money(*charges))


def test_a_free_item_never_falls_due():
    book = agreed()
    book.item("free", {"price": {"type": "free"}}, "", None, "P1M", payment_term="in_advance")
    book.run("2024-01-01")

    assert (book.charges, book.subscription.due_at) == ([], None)


def test_running_again_changes_nothing():
    book = agreed()
    book.fee(10)
    book.run("2024-05-20")
    before = Transaction.objects.count()

    assert book.run("2024-05-20").instants == 0
    book.look_again(on("2024-01-01"))
    book.run("2024-05-20")

    assert Transaction.objects.count() == before


def test_expired_credit_that_pays_a_late_fee_comes_back_in_the_month_it_expired():
    book = agreed()
    lot = book.scene.grant(15, at=on("2024-01-01"), expires_at=on("2024-03-10"))
    book.fee(10)
    expiry.close_expired(at=on("2024-03-10"))

    book.run("2024-01-31")

    assert (left(lot), -book.scene.holds("breakage_revenue")) == (0, 5)
    months = {one.pk: one.period for one in Transaction.objects.select_related("period")}
    dated = [(entry.effective_at, months[entry.transaction_id]) for entry in Entry.objects.all()]
    assert all(period.starts_at <= at < period.ends_at for at, period in dated)
