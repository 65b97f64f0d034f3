"""What is unused goes back, what was used stays bought, and the books say so."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger import verification
from ledger.errors import InvalidInputError
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, use
from tests.wallets.topups.buying import ask, credits_wallet, has, holds, pay, told
from wallets import adjustments, grants, summary, topups
from wallets.errors import GrantClosedError, NothingUnusedError, TopUpStateError

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    return factories.wallet()


def refund(top_up, **terms):
    return topups.refund(**{"top_up": top_up, "reason": "Bought twice", "at": NOON, **terms})


def test_a_refund_takes_back_what_is_unused_and_says_what_was_used(wallet):
    top_up = pay(ask(wallet))
    use(wallet.customer, Decimal("30.255"), at=NOON)

    top_up = refund(top_up)

    assert (top_up.state, top_up.taken_back) == ("refunded", Decimal("69.74"))
    assert top_up.money_back == Decimal("69.74")
    assert has(wallet) == Decimal("0.005")  # less than a cent cannot be paid back
    assert holds("rail_clearing") == Decimal("30.26")
    assert told("topup.refunded")[0]["data"]["money_back"] == "69.74"
    figures = summary.of_wallets([wallet.pk], at=NOON)[wallet.pk]
    assert (figures.granted, figures.used, figures.voided) == (
        100,
        Decimal("30.255"),
        Decimal("69.74"),
    )
    assert verification.verify().disagreements == []


def test_refunding_again_changes_nothing(wallet):
    top_up = refund(pay(ask(wallet)))

    assert refund(top_up, reason="Again").reason == "Bought twice"
    assert (has(wallet), holds("rail_clearing")) == (0, 0)


def test_nobody_else_takes_the_keys_of_a_top_ups_changes(wallet):
    top_up = ask(wallet)
    key = f"topup:{top_up.pk}"

    with pytest.raises(InvalidInputError, match="otherwise than"):
        factories.grant(wallet=wallet, key=key)
    top_up = pay(top_up)
    with pytest.raises(InvalidInputError, match="otherwise than"):
        adjustments.adjust(
            grant=top_up.grant, key=key, amount=Decimal(-50), reason="Error", at=NOON
        )
    assert refund(top_up).taken_back == 100


def test_credits_go_back_for_their_part_of_the_money():
    wallet = credits_wallet()
    top_up = pay(ask(wallet, 333))
    use(wallet.customer, 100, at=NOON, asset=wallet.asset)

    top_up = refund(top_up)

    assert (top_up.price, top_up.taken_back) == (Decimal("33.30"), 233)
    assert top_up.money_back == Decimal("23.30")
    assert (holds("rail_clearing"), holds("conversion")) == (10, -10)
    assert (holds("rail_clearing", wallet.asset), holds("conversion", wallet.asset)) == (0, 100)


def test_credit_that_was_all_used_is_not_refunded(wallet):
    top_up = pay(ask(wallet))
    use(wallet.customer, 100, at=NOON)

    with pytest.raises(NothingUnusedError):
        refund(top_up)
    top_up.refresh_from_db()
    assert top_up.state == "settled"


def test_what_is_held_stays_bought(wallet):
    top_up = pay(ask(wallet))
    hold(top_up.grant, 40)

    assert refund(top_up).money_back == 60
    hold(top_up.grant, 0)
    assert has(wallet) == 40


def test_what_was_not_paid_or_has_expired_is_not_refunded(wallet):
    with pytest.raises(TopUpStateError):
        refund(ask(wallet))
    mortal = pay(ask(wallet, expires_at=NOON + timedelta(days=1)))
    with pytest.raises(GrantClosedError):
        refund(mortal, at=NOON + timedelta(days=1))


def test_a_payment_that_fails_after_use_leaves_what_was_used_owed(wallet):
    top_up = ask(wallet, availability="on_creation")
    use(wallet.customer, Decimal("30.005"), at=NOON)

    top_up = topups.fail(top_up=top_up, reason="Declined", at=NOON)

    assert (top_up.state, top_up.taken_back) == ("failed", Decimal("69.995"))
    assert (has(wallet), holds("rail_clearing")) == (0, 0)
    assert holds("receivable") == Decimal("30.005")


def test_credits_whose_payment_fails_unused_leave_nothing_owed():
    wallet = credits_wallet()
    top_up = ask(wallet, 50, availability="on_creation")
    assert (holds("receivable"), has(wallet)) == (5, 50)

    topups.fail(top_up=top_up, reason="Declined", at=NOON)

    for purpose in ("receivable", "rail_clearing", "conversion"):
        assert (holds(purpose), holds(purpose, wallet.asset)) == (0, 0)
    assert has(wallet) == 0


@pytest.mark.parametrize("bought", ["money", "credits"])
def test_credit_that_was_voided_before_its_payment_is_not_owed(wallet, bought):
    wallet = wallet if bought == "money" else credits_wallet()
    top_up = ask(wallet, availability="on_creation")
    use(wallet.customer, 40, at=NOON, asset=wallet.asset)
    grants.void(grant=top_up.grant, at=NOON)

    top_up = topups.fail(top_up=top_up, reason="Declined", at=NOON)

    assert top_up.taken_back == 60
    assert holds("receivable") == (40 if bought == "money" else 4)
    assert verification.verify().disagreements == []


def test_a_payment_that_fails_after_its_credit_expired_leaves_it_owed(wallet):
    end = NOON + timedelta(days=1)
    top_up = ask(wallet, availability="on_creation", expires_at=end)

    top_up = topups.fail(top_up=top_up, reason="Declined", at=end)
    assert (top_up.taken_back, holds("receivable")) == (0, 100)
