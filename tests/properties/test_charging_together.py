"""Many who are charged together end exactly as if each had been charged alone."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from billing import checks, due
from billing.models import Charge, ChargeChange, Subscription
from ledger.models import Customer
from tests.billing.charging.agreed import agreed, on
from tests.billing.charging.together import TIERS, whose
from tests.billing.scene import event, new_scene
from wallets import checks as wallet_checks

pytestmark = pytest.mark.django_db

FIRST = on("2024-01-01")
_numbers = count(1)
lives = st.fixed_dictionaries(
    {
        "anchor": st.sampled_from(["2024-01-01", "2023-12-31T13:00", "2024-01-17"]),
        "proration": st.sampled_from(["always", "none"]),
        "settlement": st.sampled_from(["credit_then_invoice", "credit_only"]),
        "term": st.sampled_from(["in_advance", "in_arrears"]),
        "cadence": st.sampled_from(["P1M", "P3M", "P10D"]),
        "minimum": st.sampled_from(["0", "20"]),
        "coupon": st.sampled_from([None, "12.5", "100"]),
        "credit": st.sampled_from([0, 7, 500]),
        "used": st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), max_size=3),
        "cut": st.sampled_from([None, "2024-01-20", "2024-02-03T12:00"]),
        "late": st.booleans(),
    }
)


def born(scene, life):
    """Sell what a life has to one more customer, and have it used."""
    subject = f"s{next(_numbers)}"
    mine = whose(scene, subject=subject)
    book = agreed(
        scene=mine,
        anchor=life["anchor"],
        proration=life["proration"],
        settlement=life["settlement"],
    )
    if life["credit"]:
        mine.grant(life["credit"], at=FIRST, expires_at=on("2024-02-10"))
    book.fee("9.99", term=life["term"], cadence=life["cadence"])
    minimum = {"minimum_amount": life["minimum"]}
    book.usage(scene.meters["sum"], TIERS, commitments=minimum)
    if life["coupon"]:
        book.coupon(percentage=Decimal(life["coupon"]), redeemed="2024-01-01")
    return book, subject


def live(book, subject, life, charge):
    """Use, charge, cut and charge again: late usage and cuts of the past among it."""
    used = [(FIRST + timedelta(days=day), value) for day, value in life["used"]]
    sent = [event(value, at=at, subject=subject) for at, value in used]
    if sent and not life["late"]:
        book.scene.send(*sent, at=on("2024-03-05"))
    charge(on("2024-02-25"))
    if sent and life["late"]:
        book.scene.send(*sent, at=on("2024-03-05"))
    if life["cut"]:
        book.cut("base", life["cut"])


def outcome(book):
    """Return all that is left of it: charges, changes, what accounts hold, what is due."""
    rows = Charge.objects.filter(subscription=book.subscription)
    kinds = {row.pk: (row.kind, row.starts_at) for row in rows}
    changes = ChargeChange.objects.filter(charge__in=kinds)
    purposes = ["unbilled", "overdraft", "credit_lot"]
    return (
        sorted(
            (row.kind, row.starts_at, row.ends_at, row.posted, row.earned, str(row.earned_until))
            for row in rows
        ),
        sorted(
            (*kinds[row.charge_id], row.effective_at, row.amount, row.reason, explained(row))
            for row in changes
        ),
        [book.scene.holds(purpose) for purpose in purposes],
        Subscription.objects.get(pk=book.subscription.pk).due_at,
    )


def explained(change):
    """Return what a change says of itself, but for the key of the coupon."""
    return sorted((name, str(of)) for name, of in change.explanation.items() if name != "coupon")


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink, Phase.explain},
)
@given(plans=st.lists(lives, min_size=2, max_size=3))
def test_together_is_as_alone(plans):
    note(f"{plans=}")

    def alone(until):
        for customer in Customer.objects.filter(book=scene.book).order_by("-pk"):
            due.run(customer=customer, until=until)

    def together(until):
        everybody = list(Customer.objects.filter(book=scene.book))
        assert due.run_each(customers=everybody, until=until).failures == []

    with transaction.atomic():
        outcomes = []
        for charge in (alone, together):
            scene = new_scene()
            scene.meter("sum", price=None)
            books = [born(scene, life) for life in plans]
            for (book, subject), life in zip(books, plans, strict=True):
                live(book, subject, life, charge)
            charge(on("2024-04-02"))
            outcomes.append([outcome(book) for book, _ in books])
            for check in (
                checks.charges_were_posted,
                checks.amounts_were_posted,
                checks.takings_add_up,
                wallet_checks.wallets_add_up,
            ):
                assert list(check(book_id=scene.book.pk)) == []
        assert outcomes[0] == outcomes[1]
        transaction.set_rollback(True)
