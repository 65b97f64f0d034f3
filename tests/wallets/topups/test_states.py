"""A top-up goes from request to grant once, whoever repeats what."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from ledger.models import Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import use
from tests.wallets.topups.buying import ask, credits_wallet, has, holds, pay, told
from wallets import topups
from wallets.errors import TopUpStateError
from wallets.models import CreditGrant, CreditPrice, TopUpEvent
from wallets.topups import advancing

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    return factories.wallet()


def steps(top_up):
    return list(TopUpEvent.objects.filter(top_up=top_up).values_list("state", flat=True))


def test_what_is_asked_for_is_not_there_before_it_is_paid(wallet):
    top_up = ask(wallet)

    assert (top_up.state, top_up.price, top_up.grant) == ("awaiting_payment", 100, None)
    assert has(wallet) == 0
    assert not Transaction.objects.exists()


def test_a_payment_puts_credit_into_the_wallet_and_money_into_clearing(wallet):
    top_up = pay(ask(wallet), "wire-1", cause="finance@example.com")

    assert (top_up.state, top_up.payment_key, top_up.settled_at) == ("settled", "wire-1", NOON)
    assert (has(wallet), holds("rail_clearing"), holds("credit_lot")) == (100, 100, -100)
    assert steps(top_up) == ["requested", "awaiting_payment", "settled"]
    assert told("topup.settled")[0]["data"]["price"] == "100"


def test_the_same_payment_twice_changes_nothing(wallet):
    top_up = pay(ask(wallet), "wire-1")

    assert pay(top_up, "wire-1", at=NOON + timedelta(days=1)).settled_at == NOON
    assert (has(wallet), CreditGrant.objects.count()) == (100, 1)
    assert len(steps(top_up)) == 3


def test_a_payment_pays_for_one_top_up_and_a_top_up_is_paid_once(wallet):
    first, second = pay(ask(wallet), "wire-1"), ask(wallet)

    with pytest.raises(IdempotencyConflictError, match="wire-1"):
        pay(second, "wire-1")
    with pytest.raises(IdempotencyConflictError, match="wire-1"):
        pay(first, "wire-2")
    assert has(wallet) == 100


def test_asking_again_returns_the_first_and_another_wish_is_refused(wallet):
    first = ask(wallet, key="order-1")

    assert ask(wallet, key="order-1").pk == first.pk
    with pytest.raises(IdempotencyConflictError, match="order-1"):
        ask(wallet, 101, key="order-1")


def test_credits_are_paid_at_their_price_rounded_to_cents():
    wallet = credits_wallet(price="0.0333")
    top_up = pay(ask(wallet, 100))

    assert top_up.price == Decimal("3.33")
    assert top_up.grant.cost_basis == Decimal("0.0333")
    assert (has(wallet), holds("rail_clearing"), holds("conversion")) == (
        100,
        Decimal("3.33"),
        Decimal("-3.33"),
    )
    assert (holds("rail_clearing", wallet.asset), holds("conversion", wallet.asset)) == (0, 100)


def test_the_price_of_the_request_holds_whatever_credits_cost_later():
    wallet = credits_wallet()
    top_up = ask(wallet, 100, key="order-1")
    CreditPrice.objects.create(
        book=wallet.customer.book,
        asset=wallet.asset,
        currency=factories.asset(),
        amount=9,
        effective_from=NOON + timedelta(hours=1),
        created_at=NOON,
    )

    later = NOON + timedelta(hours=2)
    assert pay(top_up, at=later).price == 10
    assert ask(wallet, 100, key="order-1", at=later).price == 10
    assert ask(wallet, 100, at=later).price == 900


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"amount": Decimal(0)}, InvalidInputError),
        ({"amount": Decimal(-5)}, InvalidInputError),
        ({"amount": Decimal("0.001")}, PrecisionError),
        ({"key": "recharge:1:1"}, InvalidInputError),
        ({"key": " order"}, InvalidInputError),
        ({"availability": "tomorrow"}, InvalidInputError),
        ({"expires_at": NOON}, InvalidInputError),
        ({"priority": -1}, InvalidInputError),
    ],
)
def test_a_wish_that_cannot_be_is_refused(wallet, change, error):
    with pytest.raises(error):
        ask(wallet, **change)
    assert told("topup.requested") == []


def test_credit_without_a_price_in_that_currency_is_not_sold(wallet):
    with pytest.raises(InvalidInputError, match="EUR"):
        ask(wallet, currency=factories.asset(code="EUR"))
    units = factories.wallet(asset=factories.asset(code="token", kind="unit", scale=0))
    with pytest.raises(InvalidInputError, match="allowance"):
        ask(units)
    with pytest.raises(InvalidInputError, match="costs something"):
        ask(credits_wallet(price="0.000001"), 100)


def test_what_nobody_pays_in_time_fails(wallet):
    top_up, paid = ask(wallet), pay(ask(wallet))

    assert topups.expire_unpaid(at=NOON + timedelta(days=13)).done == 0
    assert topups.expire_unpaid(at=NOON + timedelta(days=14)).done == 1
    assert topups.expire_unpaid(at=NOON + timedelta(days=15)).done == 0
    top_up.refresh_from_db()
    paid.refresh_from_db()
    assert (top_up.state, top_up.reason) == ("failed", "It was not paid in time.")
    assert paid.state == "settled"


def test_a_top_up_that_cannot_be_failed_keeps_no_other_waiting(wallet, monkeypatch):
    bad, good = ask(wallet), ask(wallet)
    fail = advancing.fail

    def failing(*, top_up, **how):
        if top_up.pk == bad.pk:
            raise KeyError("missing")
        return fail(top_up=top_up, **how)

    monkeypatch.setattr(advancing, "fail", failing)
    swept = topups.expire_unpaid(at=NOON + timedelta(days=14))

    assert (swept.done, [number for number, _ in swept.failures]) == (1, [bad.pk])
    good.refresh_from_db()
    assert good.state == "failed"


def test_a_failed_top_up_stays_failed(wallet):
    top_up = ask(wallet)
    topups.fail(top_up=top_up, reason="Declined", at=NOON)
    topups.fail(top_up=top_up, reason="Declined again", at=NOON)

    assert steps(top_up) == ["requested", "awaiting_payment", "failed"]
    assert told("topup.failed")[0]["data"]["reason"] == "Declined"
    with pytest.raises(TopUpStateError):
        pay(top_up)


def test_terms_of_the_grant_are_kept_until_it_is_issued(wallet):
    end = NOON + timedelta(days=365)
    top_up = ask(wallet, priority=7, expires_at=end, feature_keys=["chat", "api"])

    grant = pay(top_up, at=NOON + timedelta(days=2)).grant
    assert (grant.priority, grant.expires_at, grant.feature_keys) == (7, end, ["api", "chat"])
    assert grant.effective_at == NOON + timedelta(days=2)


def test_a_payment_covers_what_was_used_beyond_credit_first(wallet):
    use(wallet.customer, 30, at=NOON)
    pay(ask(wallet))

    assert has(wallet) == 70


@pytest.mark.parametrize("availability", ["on_creation", "on_authorisation"])
def test_credit_may_be_there_before_its_payment_and_is_owed_meanwhile(wallet, availability):
    top_up = ask(wallet, availability=availability)
    top_up = topups.authorise(top_up=top_up, payment_key="card-1", at=NOON)

    assert (has(wallet), holds("receivable"), holds("rail_clearing")) == (100, 100, 0)
    top_up = pay(top_up, "card-1")
    assert (top_up.state, has(wallet)) == ("settled", 100)
    assert (holds("receivable"), holds("rail_clearing")) == (0, 100)
    assert CreditGrant.objects.count() == 1


def test_authorising_again_changes_nothing_and_binds_the_payment(wallet):
    top_up = topups.authorise(top_up=ask(wallet), payment_key="card-1", at=NOON)
    topups.authorise(top_up=top_up, payment_key="card-1", at=NOON)

    assert steps(top_up) == ["requested", "awaiting_payment", "authorised"]
    assert has(wallet) == 0
    with pytest.raises(IdempotencyConflictError):
        topups.authorise(top_up=top_up, payment_key="card-2", at=NOON)


def test_another_rail_is_asked_for_payment_by_itself(wallet):
    top_up = ask(wallet, rail="cards")
    assert top_up.state == "requested"

    topups.await_payment(top_up=top_up, at=NOON)
    assert topups.await_payment(top_up=top_up, at=NOON).state == "awaiting_payment"
    assert steps(top_up) == ["requested", "awaiting_payment"]
