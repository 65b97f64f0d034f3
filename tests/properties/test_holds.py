"""
Holds agree with a simple model of one wallet, whatever is asked in whatever order.

The model keeps one number for what is left and a list of holds; the lots, their order and
their accounts are what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.models import Balance
from tests import factories
from tests.factories import NOON
from tests.wallets.holds.setting_aside import CREDIT_ONLY, capture, reserve
from wallets import holds
from wallets.errors import CaptureExceedsHoldError, CreditExhaustedError, HoldClosedError
from wallets.holds import checks
from wallets.models import CreditGrant, Hold

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
CHECKS = [checks.held_is_what_holds_set_aside, checks.holds_add_up]

amounts = st.integers(1, 8000).map(lambda cents: Decimal(cents) / 100)
which = st.integers(0, 7)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), amounts, st.sampled_from([3, 10, 60])),
        st.tuples(st.just("capture"), which, amounts, st.booleans(), st.booleans()),
        st.tuples(st.just("extend"), which, amounts),
        st.tuples(st.just("prolong"), which, st.sampled_from([3, 10, 60])),
        st.tuples(st.just("release"), which),
        st.tuples(st.just("wait"), st.sampled_from([1, 2, 5])),
        st.tuples(st.just("sweep")),
    ),
    max_size=25,
)


@dataclass
class Known:
    """A hold as the model knows it."""

    hold: Hold
    left: Decimal
    ends: int  # in minutes
    is_open: bool = True


class Model:
    """One wallet with 100 in it, in four lots, and what is done to it."""

    def __init__(self) -> None:
        wallet = factories.wallet()
        self.customer = wallet.customer
        for number, amount in enumerate((40, 30, 20, 10)):
            factories.grant(wallet=wallet, amount=amount, priority=number)
        self.spent, self.minute = Decimal(0), 0
        self.known: list[Known] = []

    @property
    def now(self):
        return NOON + self.minute * MINUTE

    @property
    def standing(self):
        return [one for one in self.known if one.is_open and one.ends > self.minute]

    @property
    def available(self):
        return 100 - self.spent - sum((one.left for one in self.standing), Decimal(0))

    def reserve(self, amount, lasts):
        expected = self.available
        made = reserve(self.customer, amount, at=self.now, expires_in=lasts * MINUTE)
        assert (made.hold.state == Hold.State.ACTIVE) is (amount <= expected)
        if made.hold.state == Hold.State.ACTIVE:
            self.known.append(Known(made.hold, amount, self.minute + lasts))
        else:
            assert made.available == expected

    def capture(self, place, amount, is_final, may_go_beyond):
        one = self._at(place)
        if one is None:
            return
        policy = "allow_if_available" if may_go_beyond else "reject"
        extra = max(amount - one.left, Decimal(0))
        refusal = None
        if one not in self.standing:
            refusal = HoldClosedError
        elif extra and not may_go_beyond:
            refusal = CaptureExceedsHoldError
        elif extra > self.available:
            refusal = CreditExhaustedError
        if self._refused(
            refusal,
            lambda: capture(one.hold, amount, at=self.now, is_final=is_final, beyond=policy),
        ):
            return
        self.spent += amount
        one.left = max(one.left - amount, Decimal(0))
        one.is_open = not is_final

    def extend(self, place, amount):
        one = self._at(place)
        if one is None:
            return
        refusal = None
        if one not in self.standing:
            refusal = HoldClosedError
        elif amount > self.available:
            refusal = CreditExhaustedError
        act = {"hold": one.hold, "amount": amount, "at": self.now, "credit": CREDIT_ONLY}
        if not self._refused(refusal, lambda: holds.extend(**act)):
            one.left += amount

    def prolong(self, place, lasts):
        one = self._at(place)
        if one is None:
            return
        refusal = None if one in self.standing else HoldClosedError
        longer = lasts * MINUTE
        if not self._refused(
            refusal, lambda: holds.extend(hold=one.hold, expires_in=longer, at=self.now)
        ):
            one.ends = max(one.ends, self.minute + lasts)

    def release(self, place):
        one = self._at(place)
        if one is not None:
            is_captured = Hold.objects.get(pk=one.hold.pk).state == Hold.State.CAPTURED
            refusal = HoldClosedError if is_captured else None
            self._refused(refusal, lambda: holds.release(hold=one.hold, at=self.now))
            one.is_open = False

    def wait(self, minutes):
        self.minute += minutes

    def sweep(self):
        holds.expire(at=self.now)

    def agree(self):
        """Compare what is left with what the accounts say, once what expired was swept."""
        holds.expire(at=self.now)
        lots = CreditGrant.objects.filter(wallet__customer=self.customer).values("account_id")
        balances = list(Balance.objects.filter(pk__in=lots))
        assert sum(lot.debits for lot in balances) == self.spent
        assert sum(lot.credits - lot.debits - lot.held for lot in balances) == self.available
        assert [line for check in CHECKS for line in check(book_id=self.customer.book_id)] == []

    def _at(self, place):
        return self.known[place % len(self.known)] if self.known else None

    def _refused(self, refusal, act):
        if refusal is None:
            act()
            return False
        with pytest.raises(refusal):
            act()
        return True


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_holds_agree_with_a_model_of_one_wallet(steps):
    model = Model()

    for name, *terms in steps:
        getattr(model, name)(*terms)

    model.agree()
