"""Whatever is granted, moved, adjusted, voided, used and expired: no credit appears or is lost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests import factories
from tests.factories import NOON
from tests.wallets.spending import left_in, owed_by, use
from wallets import (
    adjustments,
    checks,
    expiry,
    grants,
    overdraft,
    rollforward,
    schedules,
    summary,
    transfers,
)
from wallets.errors import CreditExhaustedError, GrantClosedError
from wallets.models import CreditGrant

amounts = st.integers(2_000, 50_000).map(lambda number: Decimal(number).scaleb(-3))
sides = st.sampled_from([0, 1])
NOTHING = Decimal(0)


def instant(hour):
    return NOON + timedelta(hours=hour)


class CreditStory(RuleBasedStateMachine):
    """Two wallets of two customers, and the totals that one may know without a ledger."""

    def __init__(self):
        super().__init__()
        first = factories.wallet()
        second = factories.wallet(customer=factories.customer(book=first.customer.book))
        self.wallets = [first, second]
        self.hour = 0
        self.granted = [NOTHING, NOTHING]
        self.moved_out = [NOTHING, NOTHING]
        self.spent = [NOTHING, NOTHING]
        self.voided = [NOTHING, NOTHING]

    @property
    def now(self):
        return instant(self.hour)

    @initialize(maximum=st.sampled_from([0, 8, 40]), amount=amounts)
    def subscribe(self, maximum, amount):
        self.monthly = amount
        schedules.create(
            wallet=self.wallets[0],
            key="included",
            amount=amount,
            cadence="PT4H",
            starts_at=NOON,
            rollover_minimum=Decimal(maximum) / 8,
            rollover_maximum=Decimal(maximum),
            at=NOON,
        )

    @rule(passing=st.integers(1, 3))
    def time_passes(self, passing):
        self.hour += passing

    @rule(
        side=sides,
        amount=amounts,
        delay=st.sampled_from([-3, -1, 0, 0, 2]),
        life=st.sampled_from([None, 3, 5, 8]),
        funding=st.sampled_from(["paid", "promotional"]),
        features=st.sampled_from([(), (), ("api",), ("gpu",)]),
    )
    def grant(self, side, amount, delay, life, funding, features):
        factories.grant(
            wallet=self.wallets[side],
            amount=amount,
            at=self.now,
            effective_at=instant(self.hour + delay),
            expires_at=None if life is None else instant(self.hour + delay + life),
            funding=funding,
            feature_keys=features,
        )
        self.granted[side] += amount

    @rule()
    def recur(self):
        before = self._amounts()
        schedules.issue(at=self.now)
        self.granted[0] += sum(
            (
                amount
                for key, amount in self._amounts().items()
                if key not in before and key.count(":") == 2
            ),
            NOTHING,
        )

    def _grants(self):
        return CreditGrant.objects.filter(wallet__in=self.wallets).order_by("pk")

    def _amounts(self):
        recurring = self._grants().filter(key__startswith="schedule:")
        return dict(recurring.values_list("key", "amount"))

    @rule(side=sides, amount=amounts, ago=st.sampled_from([0, 0, 1, 2, 5]))
    def usage(self, side, amount, ago):
        use(self.wallets[side].customer, amount, at=instant(self.hour - ago))
        self.spent[side] += amount

    @rule(side=sides, amount=amounts)
    def transfer(self, side, amount):
        source = self.wallets[side]
        available = summary.of_wallets([source.pk], at=self.now)[source.pk].available
        try:
            transfers.transfer(
                source=source,
                target=self.wallets[1 - side],
                key=factories.name("transfer"),
                amount=amount,
                at=self.now,
            )
        except CreditExhaustedError:
            assert available < amount
            return
        assert available >= amount
        self.moved_out[side] += amount
        self.moved_out[1 - side] -= amount

    @precondition(lambda self: self._grants().exists())
    @rule(which=st.randoms(use_true_random=False), amount=amounts, is_more=st.booleans())
    def adjust(self, which, amount, is_more):
        grant, side = self._pick(which)
        try:
            adjustments.adjust(
                grant=grant,
                key=factories.name("adjustment"),
                amount=amount if is_more else -amount,
                reason="A reason",
                at=self.now,
            )
        except GrantClosedError:
            assert grant.voided_at or grant.expires_at <= self.now
            return
        except CreditExhaustedError:
            assert left_in(grant) < amount
            return
        if is_more:
            self.granted[side] += amount
        else:
            self.voided[side] += amount

    @precondition(lambda self: self._grants().exists())
    @rule(which=st.randoms(use_true_random=False))
    def void(self, which):
        grant, side = self._pick(which)
        left = left_in(grant)
        try:
            grants.void(grant=grant, at=self.now)
        except GrantClosedError:
            assert grant.expires_at <= self.now
            return
        self.voided[side] += left

    def _pick(self, which):
        grant = which.choice(list(self._grants()))
        return grant, [wallet.pk for wallet in self.wallets].index(grant.wallet_id)

    @rule()
    def sweep(self):
        expiry.close_expired(at=self.now)

    @rule()
    def settle(self):
        overdraft.settle(at=self.now)

    @invariant()
    def what_was_granted_is_somewhere(self):
        found = summary.of_wallets([wallet.pk for wallet in self.wallets], at=self.now)
        for side, wallet in enumerate(self.wallets):
            figures = found[wallet.pk]
            assert figures.granted == self.granted[side]
            assert figures.transferred == self.moved_out[side]
            assert figures.used == self.spent[side] - owed_by(wallet.customer)
            assert figures.voided == self.voided[side]
            assert min(figures.expired, figures.available, figures.pending) >= 0
            gone = figures.used + figures.expired + figures.voided + figures.transferred
            assert figures.granted == gone + figures.settled

    @invariant()
    def what_a_grant_became_adds_up_to_what_its_wallet_became(self):
        for wallet in self.wallets:
            lots = list(wallet.grants.values_list("pk", flat=True))
            parts = summary.of_grants(lots, at=self.now).values()
            whole = summary.of_wallets([wallet.pk], at=self.now)[wallet.pk]
            assert sum(parts, summary.Figures()) == whole

    def teardown(self):
        expiry.close_expired(at=self.now)
        sides_ = summary.of_wallets([wallet.pk for wallet in self.wallets], at=self.now).values()
        whole = sum(sides_, summary.Figures())
        for row in rollforward.roll_forward(book=self.wallets[0].customer.book):
            assert row.difference == 0
            assert row.sold + row.granted == sum(self.granted)
            assert row.consumed == whole.used
            assert row.expired == whole.expired
            assert row.refunded == whole.voided
            assert row.closing == whole.settled
        for check in (
            checks.lots_belong_to_grants,
            checks.grants_were_posted,
            checks.wallets_add_up,
            checks.deferred_revenue_rolls_forward,
        ):
            assert list(check(book_id=self.wallets[0].customer.book_id)) == []


@pytest.mark.django_db
def test_no_credit_appears_or_is_lost():
    run_state_machine_as_test(
        CreditStory,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
