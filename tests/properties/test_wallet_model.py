"""Whatever happens to a customer's wallet, the ledger says what a plain model of it says."""

from dataclasses import dataclass
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
from wallets import checks, expiry, grants, overdraft, summary
from wallets.errors import GrantClosedError
from wallets.models import CreditGrant

FEATURES = ["api", "gpu"]
amounts = st.integers(2_000, 50_000).map(lambda number: Decimal(number).scaleb(-3))
terms = st.fixed_dictionaries(
    {
        "amount": amounts,
        "delay": st.sampled_from([-5, -3, -1, 0, 0, 2]),
        "life": st.sampled_from([None, None, 2, 4, 6, 8]),
        "priority": st.integers(1, 3),
        "features": st.sampled_from([set(), set(), set(), {"api"}, {"gpu"}]),
        "is_promotional": st.booleans(),
    }
)


def instant(hour):
    return NOON + timedelta(hours=hour)


@dataclass
class Credit:
    """A grant, told as simply as can be; times are hours."""

    grant: CreditGrant
    amount: Decimal
    starts: int
    ends: int | None
    priority: int
    features: set
    is_promotional: bool
    left: Decimal
    lost: Decimal = Decimal(0)
    voided: Decimal | None = None

    def lives(self, hour):
        return self.starts <= hour and (self.ends is None or hour < self.ends)

    def order(self):
        return (
            len(self.features) if self.features else 99,
            self.priority,
            99 if self.ends is None else self.ends,
            not self.is_promotional,
            self.starts,
            self.grant.pk,
        )


class WalletModel(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.wallet = factories.wallet()
        self.customer = self.wallet.customer
        self.hour = 0
        self.credits: list[Credit] = []
        self.owed = Decimal(0)

    @rule(passing=st.integers(1, 3))
    def time_passes(self, passing):
        self.hour += passing

    @initialize(grants=st.lists(terms, min_size=2, max_size=5))
    def begin(self, grants):
        for these in grants:
            self.give(**these)

    @rule(these=terms)
    def grant(self, these):
        self.give(**these)

    def give(self, *, amount, delay, life, priority, features, is_promotional):
        starts = self.hour + delay
        ends = None if life is None else starts + life
        grant = factories.grant(
            wallet=self.wallet,
            amount=amount,
            at=instant(self.hour),
            effective_at=instant(starts),
            expires_at=None if ends is None else instant(ends),
            priority=priority,
            feature_keys=features,
            funding="promotional" if is_promotional else "paid",
        )
        credit = Credit(
            grant, amount, starts, ends, priority, features, is_promotional, left=amount
        )
        self.credits.append(credit)
        self.cover([credit])

    @rule(amount=amounts, ago=st.sampled_from([0, 0, 1, 2, 4]), feature=st.sampled_from(FEATURES))
    def usage(self, amount, ago, feature):
        hour = self.hour - ago
        use(self.customer, amount, at=instant(hour), feature=feature)
        for credit in sorted(self.credits, key=Credit.order):
            fits = not credit.features or feature in credit.features
            if fits and credit.lives(hour) and credit.voided is None:
                paid = min(amount, credit.left + credit.lost)
                from_left = min(paid, credit.left)
                credit.left -= from_left
                credit.lost -= paid - from_left
                amount -= paid
        self.owed += amount

    @rule()
    def sweep(self):
        expiry.close_expired(at=instant(self.hour))
        for credit in self.credits:
            if credit.ends is not None and credit.ends <= self.hour and credit.voided is None:
                credit.lost, credit.left = credit.lost + credit.left, Decimal(0)

    @rule()
    def settle(self):
        overdraft.settle(at=instant(self.hour))
        self.cover(sorted(self.credits, key=Credit.order))

    @precondition(lambda self: self.credits)
    @rule(which=st.randoms(use_true_random=False))
    def void(self, which):
        credit = which.choice(self.credits)
        if credit.voided is None and credit.ends is not None and credit.ends <= self.hour:
            with pytest.raises(GrantClosedError):
                grants.void(grant=credit.grant, at=instant(self.hour))
            return
        grants.void(grant=credit.grant, at=instant(self.hour))
        if credit.voided is None:
            credit.voided, credit.left = credit.left, Decimal(0)

    def cover(self, credits_):
        for credit in credits_:
            if not credit.features and credit.lives(self.hour) and credit.voided is None:
                paid = min(self.owed, credit.left)
                credit.left -= paid
                self.owed -= paid

    @invariant()
    def lots_and_overdraft_are_as_the_model_says(self):
        assert [left_in(credit.grant) for credit in self.credits] == [
            credit.left for credit in self.credits
        ]
        assert owed_by(self.customer) == self.owed

    @invariant()
    def figures_are_as_the_model_says(self):
        said = summary.of_grants([c.grant.pk for c in self.credits], at=instant(self.hour))
        for credit in self.credits:
            figures = said[credit.grant.pk]
            is_over = credit.ends is not None and credit.ends <= self.hour
            voided = credit.voided or Decimal(0)
            assert figures.expired == credit.lost + (credit.left if is_over else 0)
            assert figures.voided == voided
            assert figures.used == credit.amount - credit.left - credit.lost - voided
            assert figures.settled == (0 if is_over else credit.left)


@pytest.mark.django_db
def test_wallet_and_ledger_follow_the_model():
    run_state_machine_as_test(
        WalletModel,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    for check in (
        checks.lots_belong_to_grants,
        checks.grants_were_posted,
        checks.wallets_add_up,
        checks.deferred_revenue_rolls_forward,
    ):
        assert list(check(book_id=None)) == []
