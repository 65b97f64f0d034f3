"""Whatever changes, and however often what is due is done: the same charges, no cent lost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, note, settings
from hypothesis import strategies as st

from billing import checks
from billing.models import Accrual, Charge
from ledger import verification
from ledger.money import ZERO
from tests.billing.charging.agreed import agreed, on
from tests.billing.scene import event
from wallets import checks as wallet_checks

pytestmark = pytest.mark.django_db

FIRST, LAST = on("2024-01-01"), on("2024-03-25")
OVER = on("2024-04-20")  # by then the cycles are over in which anything changed
HOURS = int((LAST - FIRST) / timedelta(hours=1))
CADENCES = ["P1M", "P3M", "P1W", "P10D"]
TIER = {
    "type": "graduated",
    "tiers": [
        {
            "up_to_amount": "10",
            "flat_price": {"type": "flat", "amount": "3"},
            "unit_price": {"type": "unit", "amount": "1"},
        },
        {"unit_price": {"type": "unit", "amount": "0.5"}},
    ],
}

instants = st.integers(1, HOURS).map(lambda hours: FIRST + timedelta(hours=hours))
amounts = st.integers(0, 5000).map(lambda cents: str(Decimal(cents).scaleb(-2)))
changes = st.one_of(
    st.tuples(st.just("replace"), instants, amounts),
    st.tuples(st.just("cut"), instants, st.none()),
    st.tuples(st.just("resume"), instants, st.none()),
    st.tuples(st.just("use"), instants, st.integers(0, 30)),
    st.tuples(st.just("end"), instants, st.none()),
)
plans = st.fixed_dictionaries(
    {
        "term": st.sampled_from(["in_advance", "in_arrears"]),
        "cadence": st.sampled_from(CADENCES),
        "proration": st.sampled_from(["always", "none", "on_change", "on_start_and_end"]),
        "anchor": st.sampled_from(["2024-01-01", "2023-12-31T13:00", "2024-01-17"]),
        "coupon": st.sampled_from([None, "12.5", "100"]),
        "minimum": st.sampled_from(["0", "20"]),
        "credit": st.sampled_from([0, 7, 500]),
        "settlement": st.sampled_from(["credit_then_invoice", "credit_only"]),
    }
)


class Life:
    """One subscription that is sold, changed and used; ``runs`` says when its due work is done."""

    def __init__(self, plan):
        self.book = agreed(
            anchor=plan["anchor"], proration=plan["proration"], settlement=plan["settlement"]
        )
        self.plan, self.count = plan, 0
        if plan["credit"]:
            self.book.scene.grant(plan["credit"], at=FIRST, expires_at=on("2024-03-10"))
        meter = self.book.scene.meter("sum", price=None)
        self.book.fee("9.99", term=plan["term"], cadence=plan["cadence"])
        self.book.usage(meter, TIER, commitments={"minimum_amount": plan["minimum"]})
        if plan["coupon"]:
            self.book.coupon(percentage=Decimal(plan["coupon"]), redeemed="2024-01-01")
        self.ended = False
        self.now = FIRST

    def change(self, kind, at, what):
        """Make a change that takes effect at an instant, if it is possible."""
        item = self.book.items["base"]
        alive = item.starts_at < at and (item.ends_at is None or at < item.ends_at)
        if kind == "use":
            self.count += 1
            usage = self.book.items["usage"]
            if usage.ends_at is None or at < usage.ends_at:
                self.now = max(self.now, at)  # it comes late, if the time has been charged for
                self.book.scene.send(event(what, at=at, id=f"e{self.count}"), at=self.now)
        elif self.ended:
            return
        elif kind == "replace" and alive:
            more = {"term": self.plan["term"], "cadence": self.plan["cadence"]}
            self.book.replace("base", what, at, **more)
        elif kind == "cut" and alive:
            self.book.cut("base", at)
        elif kind == "resume" and item.ends_at is not None:
            self.book.cut("base", None)
        elif kind == "end" and alive:
            self.ended = True
            self.book.end(at)

    def run(self, until):
        """Do what is due up to an instant."""
        self.now = max(self.now, until)
        self.book.run(until)


def charges_of(book):
    return {
        (row.kind, row.starts_at): (row.posted.normalize(), row.earned.normalize())
        for row in Charge.objects.filter(subscription=book.subscription).exclude(posted=ZERO)
    }


def usage_of(book):
    rows = Accrual.objects.filter(customer=book.scene.customer).exclude(amount=ZERO)
    return {row.period_start: row.amount.normalize() for row in rows}


def disagreements(book):
    return [
        text
        for check in (
            checks.charges_were_posted,
            checks.amounts_were_posted,
            checks.takings_add_up,
            checks.quantities_were_posted,
            wallet_checks.wallets_add_up,
            wallet_checks.lots_belong_to_grants,
        )
        for text in check(book_id=book.scene.book.pk)
    ]


# Without shrinking: what a failure needs is printed, and it comes soon.
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.shrink, Phase.explain},
)
@given(
    plan=plans,
    made=st.lists(changes, max_size=6),
    runs=st.lists(st.integers(0, 6), max_size=6),
    until=st.lists(instants, min_size=6, max_size=6),
)
@example(  # a fee in arrears that is cut, charged for, and goes on after all
    plan={
        "term": "in_arrears",
        "cadence": "P3M",
        "proration": "none",
        "anchor": "2024-01-17",
        "coupon": "100",
        "minimum": "0",
        "credit": 0,
        "settlement": "credit_only",
    },
    made=[("cut", on("2024-02-21"), None), ("resume", on("2024-02-21"), None)],
    runs=[0],
    until=[on("2024-03-20")],
)
def test_any_batching_of_any_changes_comes_to_the_same(plan, made, runs, until):
    note(f"{plan=}\n{made=}\n{runs=}\n{until=}")
    with transaction.atomic():
        often, once = Life(plan), Life(plan)
        for place, change in enumerate(made):
            for life in (often, once):
                life.change(*change)
            for _ in range(runs.count(place)):
                often.run(until[place])
        for life in (often, once):
            life.run(OVER)

        assert charges_of(often.book) == charges_of(once.book)
        assert usage_of(often.book) == usage_of(once.book)
        for life in (often, once):
            assert disagreements(life.book) == []
            assert owed(life.book) == charged(life.book) - plan["credit"]
        transaction.set_rollback(True)


def owed(book):
    """Return what the customer owes, less what is left or was lost of its credit."""
    purposes = ["unbilled", "overdraft", "credit_lot", "breakage_revenue"]
    return sum((book.scene.holds(purpose) for purpose in purposes), ZERO)


def charged(book):
    """Return what charges and usage came to."""
    amounts = [amount for amount, _ in charges_of(book).values()]
    return sum([*amounts, *usage_of(book).values()], ZERO)


@pytest.mark.django_db(transaction=True)
def test_the_ledger_verifies_after_a_life_of_everything():
    life = Life(
        {
            "term": "in_advance",
            "cadence": "P1M",
            "proration": "always",
            "anchor": "2024-01-17",
            "coupon": "12.5",
            "minimum": "20",
            "credit": 25,
            "settlement": "credit_then_invoice",
        }
    )
    for change in (
        ("use", on("2024-01-05"), 12),
        ("replace", on("2024-02-02"), "30"),
        ("cut", on("2024-03-03"), None),
        ("resume", on("2024-03-01"), None),
        ("end", on("2024-04-20"), None),
    ):
        life.change(*change)
        life.run(change[1] + timedelta(days=20))
    life.run(on("2024-06-01"))

    report = verification.verify(book=life.book.scene.book)
    assert report.is_clean, report.disagreements
