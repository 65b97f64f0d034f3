"""Expiry: judged by the time of usage, swept to breakage, taken back when usage arrives late."""

from datetime import timedelta

import pytest

from ledger import chart, posting
from ledger.errors import InvalidInputError
from ledger.models import Entry, TestClock, Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, left_in, owed_by, use
from wallets import expiry, grants, overdraft, summary

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
END = NOON + HOUR


@pytest.fixture
def wallet():
    return factories.wallet()


def taken_by(purpose, wallet):
    """Return what an account of the book gained from lots: credits less debits."""
    account = chart.account(
        book=wallet.customer.book, purpose=purpose, asset=wallet.asset, at=NOON
    ).pk
    gained = sum(entry.amount for entry in Entry.objects.filter(credit_account_id=account))
    return gained - sum(entry.amount for entry in Entry.objects.filter(debit_account_id=account))


def test_what_is_left_of_paid_credit_becomes_breakage(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    use(wallet.customer, 30, at=NOON)

    assert expiry.close_expired(at=END) == 1

    assert left_in(grant) == 0
    assert taken_by("breakage_revenue", wallet) == 70
    posted = Transaction.objects.get(key=f"expiry:{grant.pk}")
    assert posted.effective_at == END


def test_what_is_left_of_promotional_credit_is_no_expense_after_all(wallet):
    factories.grant(wallet=wallet, amount=100, funding="promotional", expires_at=END)
    use(wallet.customer, 30, at=NOON)

    expiry.close_expired(at=END)

    assert taken_by("promotional_credit", wallet) == -30
    assert taken_by("breakage_revenue", wallet) == 0


def test_what_is_left_of_units_returns_to_the_granted(wallet):
    tokens = factories.wallet(asset=factories.asset(code="tokens", kind="unit", scale=0))
    factories.grant(wallet=tokens, amount=100, expires_at=END)

    expiry.close_expired(at=END)

    assert taken_by("granted_units", tokens) == 0


def test_a_lot_is_not_closed_an_instant_before_it_ends(wallet):
    grant = factories.grant(wallet=wallet, expires_at=END)

    assert expiry.close_expired(at=END - timedelta(microseconds=1)) == 0
    assert left_in(grant) == 100


def test_sweeping_twice_changes_nothing(wallet):
    factories.grant(wallet=wallet, expires_at=END)
    expiry.close_expired(at=END)

    assert expiry.close_expired(at=END + HOUR) == 0
    assert Transaction.objects.filter(kind="expiry").count() == 1


def test_a_lot_used_up_is_closed_without_a_posting(wallet):
    grant = factories.grant(wallet=wallet, amount=10, expires_at=END)
    use(wallet.customer, 10, at=NOON)

    assert expiry.close_expired(at=END) == 1

    grant.refresh_from_db()
    assert grant.expired_at == END
    assert not Transaction.objects.filter(kind="expiry").exists()


def test_a_limit_is_kept(wallet):
    for _ in range(3):
        factories.grant(wallet=wallet, expires_at=END)

    assert [expiry.close_expired(at=END, limit=2) for _ in range(3)] == [2, 1, 0]


def test_an_expired_lot_pays_nothing_though_no_sweep_ran(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)

    use(wallet.customer, 30, at=END)

    assert (left_in(grant), owed_by(wallet.customer)) == (100, 30)


def test_late_usage_from_before_the_end_takes_back_just_what_it_needs(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    expiry.close_expired(at=END)

    use(wallet.customer, 30, at=NOON)

    assert taken_by("breakage_revenue", wallet) == 70
    assert (left_in(grant), owed_by(wallet.customer)) == (0, 0)


def test_late_usage_takes_back_no_more_than_was_lost(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    use(wallet.customer, 60, at=NOON)
    expiry.close_expired(at=END)

    use(wallet.customer, 30, at=NOON)
    use(wallet.customer, 30, at=NOON)

    assert taken_by("breakage_revenue", wallet) == 0
    assert (left_in(grant), owed_by(wallet.customer)) == (0, 20)


def test_late_promotional_usage_restores_the_expense(wallet):
    factories.grant(wallet=wallet, amount=100, funding="promotional", expires_at=END)
    expiry.close_expired(at=END)

    use(wallet.customer, 30, at=NOON)

    assert taken_by("promotional_credit", wallet) == -30


def test_usage_after_the_end_takes_nothing_back(wallet):
    factories.grant(wallet=wallet, amount=100, expires_at=END)
    expiry.close_expired(at=END)

    use(wallet.customer, 30, at=END)

    assert taken_by("breakage_revenue", wallet) == 100
    assert owed_by(wallet.customer) == 30


def test_what_is_held_does_not_expire_until_it_is_released(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    hold(grant, 40)

    expiry.close_expired(at=END)
    assert left_in(grant) == 40

    hold(grant, 0)
    assert expiry.close_expired(at=END + HOUR) == 1
    assert left_in(grant) == 0
    assert taken_by("breakage_revenue", wallet) == 100


def test_late_usage_takes_what_was_returned_before_what_was_lost(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    hold(grant, 40)
    expiry.close_expired(at=END)
    hold(grant, 0)

    use(wallet.customer, 50, at=NOON)

    assert left_in(grant) == 0
    assert taken_by("breakage_revenue", wallet) == 50


def test_what_returns_to_a_voided_lot_goes_on_to_its_source(wallet):
    grant = factories.grant(wallet=wallet, amount=100)
    hold(grant, 40)
    grants.void(grant=grant, at=NOON)
    hold(grant, 0)

    assert expiry.close_expired(at=NOON) == 1

    assert left_in(grant) == 0
    assert taken_by("rail_clearing", wallet) == 0


def test_late_usage_takes_nothing_from_a_voided_lot(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    grants.void(grant=grant, at=NOON)
    expiry.close_expired(at=END)

    use(wallet.customer, 30, at=NOON)

    assert owed_by(wallet.customer) == 30


def test_overdraft_is_covered_once_later_credit_is_effective(wallet):
    use(wallet.customer, 30, at=NOON)
    grant = factories.grant(wallet=wallet, amount=100, effective_at=END)

    assert overdraft.settle(at=END - HOUR / 2) == 0
    assert overdraft.settle(at=END) == 1
    assert overdraft.settle(at=END) == 0

    assert (left_in(grant), owed_by(wallet.customer)) == (70, 0)


def test_restricted_credit_covers_no_overdraft(wallet):
    use(wallet.customer, 30, at=NOON)
    factories.grant(wallet=wallet, amount=100, feature_keys=["gpu"])

    assert overdraft.settle(at=END) == 0


def test_cover_that_a_correction_made_needless_returns_to_its_lot(wallet):
    customer = wallet.customer
    usage = use(customer, 30, at=NOON)
    grant = factories.grant(wallet=wallet, amount=100)
    assert left_in(grant) == 70
    posting.reverse(transaction=usage, key="correction", effective_at=NOON)

    assert overdraft.settle(at=END) == 1
    assert overdraft.settle(at=END) == 0
    assert (left_in(grant), owed_by(customer)) == (100, 0)


def returned_after_expiry(wallet):
    """Return a lot whose usage was taken back after it had been closed."""
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    usage = use(wallet.customer, 30, at=NOON)
    expiry.close_expired(at=END)
    posting.reverse(transaction=usage, key="correction", effective_at=END + HOUR)
    return grant


def test_what_a_correction_returns_to_a_closed_lot_is_breakage(wallet):
    grant = returned_after_expiry(wallet)

    expiry.close_expired(at=END + HOUR)

    assert left_in(grant) == 0
    assert taken_by("breakage_revenue", wallet) == 100


def test_a_wallet_that_reopens_has_it_as_credit_that_lives_as_long_again(wallet):
    wallet = grants.open_wallet(
        customer=wallet.customer, asset=wallet.asset, key="kind", after_expiry="reopen", at=NOON
    )
    grant = returned_after_expiry(wallet)

    expiry.close_expired(at=END + HOUR)
    expiry.close_expired(at=END + HOUR)

    (part,) = grant.children.all()
    assert (part.amount, left_in(part), left_in(grant)) == (30, 30, 0)
    assert (part.effective_at, part.expires_at) == (END + HOUR, END + 2 * HOUR)
    figures = summary.of_wallets([wallet.pk], at=END + HOUR)[wallet.pk]
    assert (figures.granted, figures.used, figures.expired, figures.available) == (100, 0, 70, 30)


def test_what_is_reopened_expires_once_more(wallet):
    wallet = grants.open_wallet(
        customer=wallet.customer, asset=wallet.asset, key="kind", after_expiry="reopen", at=NOON
    )
    returned_after_expiry(wallet)
    expiry.close_expired(at=END + HOUR)

    expiry.close_expired(at=END + 2 * HOUR)

    assert taken_by("breakage_revenue", wallet) == 100


@pytest.mark.parametrize(
    ("policy", "breakage", "credit"), [("breakage", 100, 0), ("reopen", 70, 30)]
)
def test_what_returns_to_a_closed_lot_of_a_clocked_customer_is_followed_at_its_time(
    policy, breakage, credit
):
    book = factories.book()
    clock = TestClock.objects.create(book=book, key="t", now_at=END + HOUR, created_at=NOON)
    wallet = grants.open_wallet(
        customer=factories.customer(book=book, clock=clock),
        asset=factories.asset(),
        key="kind",
        after_expiry=policy,
        at=NOON,
    )
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    usage = use(wallet.customer, 30, at=NOON)
    expiry.close_expired(at=END, customer_id=wallet.customer_id)
    posting.reverse(transaction=usage, key="correction", effective_at=END + HOUR)

    expiry.close_expired(at=NOON + timedelta(days=900))

    assert (left_in(grant), taken_by("breakage_revenue", wallet)) == (0, breakage)
    figures = summary.of_wallets([wallet.pk], at=END + HOUR)[wallet.pk]
    assert (figures.available, figures.expired) == (credit, breakage)


def test_no_other_policy_is_known(wallet):
    with pytest.raises(InvalidInputError, match="after_expiry"):
        grants.open_wallet(
            customer=wallet.customer, asset=wallet.asset, key="x", after_expiry="keep", at=NOON
        )
