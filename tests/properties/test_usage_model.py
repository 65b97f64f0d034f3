"""Usage, credit and corrections in any sequence agree with a plain model, to the last account."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from ledger.models import Balance
from tests import factories
from tests.billing.scene import HOUR, START, Scene, event, left, new_scene
from tests.factories import NOON
from tests.properties.usage_oracle import Event, Lot, Meter, Oracle
from wallets import expiry

pytestmark = pytest.mark.django_db

KINDS = ["sum", "count", "max", "min", "avg", "latest", "unique_count"]
SUBJECTS = ["api", "team"]
RECEIVED = NOON + timedelta(days=60)

whole = st.integers(1, 40).map(Fraction)
values = st.one_of(
    st.integers(0, 30).map(Fraction),
    st.integers(-300, 3000).map(lambda cents: Fraction(cents, 100)),
)
times = st.integers(0, 11).map(lambda hours: NOON + hours * HOUR) | st.just(
    NOON - timedelta(days=31)
)
usage = st.tuples(st.integers(0, 1), values, times)


def exact(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


class Usage(RuleBasedStateMachine):
    """A customer and its team; every batch, grant and correction happens in both worlds."""

    @initialize(
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
        price=st.sampled_from([Fraction(1), Fraction(5, 2), Fraction(1, 8)]),
    )
    def open(self, kinds, price):
        self.scene: Scene = new_scene()
        self.team = self.scene.child("team")
        self.customers = [self.scene.customer, self.team]
        self.oracle = Oracle(Meter(kind.replace("_", "-"), kind, price) for kind in kinds)
        for kind in kinds:
            self.scene.meter(kind, price=exact(price))
        self.accounts: list[int] = []
        self.standing: list[Event] = []
        self.sent = 0

    @rule(
        owner=st.integers(0, 1),
        amount=whole,
        start=st.sampled_from([START, NOON, NOON + 4 * HOUR]),
        end=st.sampled_from([None, NOON + 6 * HOUR, NOON + 9 * HOUR]),
        restricted=st.booleans(),
        priority=st.sampled_from([1, 100]),
        is_shared=st.booleans(),
    )
    def grant(self, owner, amount, start, end, restricted, priority, is_shared):
        feature = self.oracle.meters[0].name if restricted else ""
        lot = Lot(owner, amount, start, end, feature, priority, len(self.accounts), is_shared)
        wallet = factories.wallet(
            customer=self.customers[owner], asset=self.scene.dollars, is_shared=is_shared
        )
        at = NOON + 5 * HOUR
        self.accounts.append(
            self.scene.grant(
                exact(amount),
                wallet=wallet,
                at=at,
                effective_at=start,
                expires_at=end,
                feature_keys=[feature] if feature else [],
                priority=priority,
            )
        )
        self.oracle.grant(lot, at)

    @rule(amount=st.none() | whole)
    def limit(self, amount):
        self.scene.limit(None if amount is None else exact(amount))
        self.oracle.limit(0, amount)

    @rule(hours=st.sampled_from([6, 9]))
    def sweep(self, hours):
        expiry.close_expired(at=NOON + hours * HOUR)
        self.oracle.sweep(NOON + hours * HOUR)

    @rule(batch=st.lists(usage, min_size=1, max_size=5), is_sent_twice=st.booleans())
    def send(self, batch, is_sent_twice):
        events = [self._event(*drawn) for drawn in batch]
        written = [self._written(one) for one in events]
        assert self.scene.send(*written, at=RECEIVED).accepted == len(events)
        self.oracle.send(events)
        self.standing += events
        if is_sent_twice:
            assert self.scene.send(*reversed(written), at=RECEIVED).duplicate == len(events)

    @rule(place=st.integers(0))
    def void(self, place):
        if self.standing:
            gone = self.standing.pop(place % len(self.standing))
            self.scene.void(gone.name)
            self.oracle.void(gone)

    @rule(place=st.integers(0), drawn=usage)
    def amend(self, place, drawn):
        if self.standing:
            place %= len(self.standing)
            before = self.standing[place]
            after = Event(before.name, *drawn)
            self.scene.amend(self._written(after))
            self.oracle.amend(before, after)
            self.standing[place] = after

    @invariant()
    def every_account_agrees(self):
        if not hasattr(self, "scene"):
            return
        oracle, scene = self.oracle, self.scene
        assert [Fraction(left(a)) for a in self.accounts] == [lot.left for lot in oracle.lots]
        for number, customer in enumerate(self.customers):
            for purpose in ("unbilled", "overdraft"):
                held = Fraction(scene.holds(purpose, customer=customer))
                assert held == oracle.owed[purpose, number], (purpose, number)
            for meter in oracle.meters:
                value = sum(
                    series.value
                    for (whose, name, _), series in oracle.series.items()
                    if (whose, name) == (number, meter.name)
                )
                assert Fraction(scene.units(meter.name, customer)) == value
        for meter in oracle.meters:
            revenue = -Fraction(scene.holds("usage_revenue", meter.name))
            assert revenue == oracle.revenue[meter.name]

    @invariant()
    def balances_are_sums_of_entries(self):
        if not hasattr(self, "scene"):
            return
        with connection.cursor() as cursor:
            cursor.execute(_DIFFERENT, [self.scene.book.pk])
            assert cursor.fetchall() == []
        assert not Balance.objects.filter(account__purpose="credit_lot", credits__lt=0).exists()

    def _event(self, customer, value, at):
        self.sent += 1
        return Event(f"e{self.sent:03}", customer, value, at)

    def _written(self, one):
        subject = SUBJECTS[one.customer]
        return event(exact(one.value), id=one.name, at=one.at, subject=subject)


_DIFFERENT = """
    SELECT b.account_id FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE debit_account_id = a.id), 0) AS debits,
               coalesce(sum(amount) FILTER (WHERE credit_account_id = a.id), 0) AS credits
        FROM ledger_entry WHERE a.id IN (debit_account_id, credit_account_id)) e ON true
    WHERE a.book_id = %s AND b.is_guarded AND (b.debits, b.credits) <> (e.debits, e.credits)
"""


def test_any_sequence_agrees_with_the_plain_model():
    run(
        Usage,
        settings=settings(
            max_examples=40,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_unique_value_that_is_replaced_by_itself_moves_nothing():
    world, moved = Usage(), (0, Fraction(0), NOON - timedelta(days=31))
    world.open(kinds=["count", "unique_count"], price=Fraction(1))
    world.send(batch=[(0, Fraction(0), NOON)] * 2, is_sent_twice=False)
    world.limit(amount=Fraction(1))
    world.amend(drawn=moved, place=0)
    world.limit(amount=None)
    world.amend(drawn=moved, place=0)

    world.every_account_agrees()
