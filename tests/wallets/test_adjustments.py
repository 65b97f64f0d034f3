"""A grant adjusted up or down, with a reason; what it was issued for stays."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, left_in, owed_by, use
from wallets import adjustments, grants, summary
from wallets.errors import CreditExhaustedError, GrantClosedError
from wallets.rollforward import roll_forward

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
END = NOON + 24 * HOUR


@pytest.fixture
def lot():
    return factories.grant(expires_at=END, priority=7, feature_keys=["api"])


def adjust(lot, amount, *, key="fix", reason="Agreed with sales", at=NOON + HOUR):
    return adjustments.adjust(grant=lot, key=key, amount=Decimal(amount), reason=reason, at=at)


def figures(lot):
    return summary.of_wallets([lot.wallet_id], at=NOON + HOUR)[lot.wallet_id]


def test_more_is_a_grant_beside_it_on_the_same_terms(lot):
    more = adjust(lot, 25)

    assert (more.parent, more.amount, more.reason) == (lot, 25, "Agreed with sales")
    assert (more.expires_at, more.priority, more.feature_keys) == (END, 7, ["api"])
    assert (figures(lot).granted, figures(lot).available) == (125, 125)
    assert figures(lot).transferred == 0


def test_less_is_voided_for_good_with_the_reason(lot):
    less = adjust(lot, -25)

    assert (less.parent, less.amount, less.voided_at) == (lot, 25, NOON + HOUR)
    assert (figures(lot).granted, figures(lot).voided, figures(lot).available) == (100, 25, 75)
    assert Transaction.objects.get(key=f"void:{less.pk}").memo == "Agreed with sales"
    assert left_in(lot) == 75
    (row,) = roll_forward(book=lot.wallet.customer.book)
    assert (row.sold, row.refunded, row.closing, row.difference) == (100, 25, 75, 0)


def test_more_covers_the_overdraft_first():
    lot = factories.grant()
    use(lot.wallet.customer, 110, at=NOON)

    more = adjust(lot, 25)

    assert (owed_by(lot.wallet.customer), left_in(more)) == (0, 15)


def test_no_more_is_taken_than_is_unused(lot):
    use(lot.wallet.customer, 60, at=NOON)
    hold(lot, 30)

    with pytest.raises(CreditExhaustedError) as refused:
        adjust(lot, -11)
    assert refused.value.facts["available"] == 10
    assert adjust(lot, -10).amount == 10


def test_adjusting_again_changes_nothing(lot):
    more, less = adjust(lot, 25), adjust(lot, -10, key="other")

    assert adjust(lot, 25, at=NOON + 2 * HOUR) == more
    assert adjust(lot, -10, key="other", at=NOON + 2 * HOUR) == less
    assert figures(lot).available == 115


@pytest.mark.parametrize("other", [24, -25])
def test_a_key_stands_for_one_adjustment(lot, other):
    adjust(lot, 25)

    with pytest.raises(IdempotencyConflictError):
        adjust(lot, other)


def test_a_grant_that_is_over_cannot_be_adjusted(lot):
    with pytest.raises(GrantClosedError):
        adjust(lot, 5, at=END)

    grants.void(grant=lot, at=NOON)
    with pytest.raises(GrantClosedError):
        adjust(lot, 5)


def test_an_adjustment_needs_an_amount_and_a_reason(lot):
    with pytest.raises(InvalidInputError, match="amount"):
        adjust(lot, 0)
    with pytest.raises(InvalidInputError, match="reason"):
        adjust(lot, 5, reason=" ")
