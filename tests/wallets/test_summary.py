"""Wallet figures: from the ledger, right at any instant, whether a sweep has run or not."""

from datetime import timedelta

import pytest

from ledger import posting
from ledger.models import Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, use
from wallets import expiry, grants, summary
from wallets.summary import Figures

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
START, END = NOON + HOUR, NOON + 3 * HOUR


@pytest.fixture
def wallet():
    return factories.wallet()


def now(wallet, at):
    return summary.of_wallets([wallet.pk], at=at)[wallet.pk]


def then(wallet, at):
    return summary.of_wallets([wallet.pk], at=at, is_past=True)[wallet.pk]


def test_an_empty_wallet_has_nothing(wallet):
    assert now(wallet, NOON) == Figures()


def test_figures_tell_what_became_of_each_amount(wallet):
    factories.grant(wallet=wallet, amount=100, expires_at=END)
    factories.grant(wallet=wallet, amount=50, effective_at=END)
    third = factories.grant(wallet=wallet, amount=20, priority=200)
    fourth = factories.grant(wallet=wallet, amount=8, priority=300)
    use(wallet.customer, 30, at=START)
    hold(third, 5)
    grants.void(grant=fourth, at=START)

    assert now(wallet, START) == Figures(
        granted=178, used=30, voided=8, held=5, pending=50, available=85
    )


def test_what_expired_is_not_available_though_no_sweep_ran(wallet):
    factories.grant(wallet=wallet, amount=100, expires_at=END)
    use(wallet.customer, 30, at=START)

    assert now(wallet, END - TICK) == Figures(granted=100, used=30, available=70)
    assert now(wallet, END) == Figures(granted=100, used=30, expired=70)


@pytest.mark.parametrize("is_swept", [False, True], ids=["no sweep", "swept"])
@pytest.mark.parametrize(
    ("at", "figures"),
    [
        (NOON, Figures()),
        (NOON + TICK, Figures(granted=100, available=100)),
        (START, Figures(granted=100, available=100)),
        (START + TICK, Figures(granted=100, used=30, available=70)),
        (END - TICK, Figures(granted=100, used=30, available=70)),
        (END, Figures(granted=100, used=30, expired=70)),
        (END + HOUR, Figures(granted=100, used=30, expired=70)),
    ],
    ids=["issue", "issued", "usage", "used", "before the end", "the end", "after"],
)
def test_any_instant_can_be_asked_for(wallet, at, figures, is_swept):
    factories.grant(wallet=wallet, amount=100, expires_at=END)
    use(wallet.customer, 30, at=START)
    if is_swept:
        expiry.close_expired(at=END + 2 * HOUR)

    assert then(wallet, at) == figures


@pytest.mark.parametrize("is_promotional", [False, True], ids=["paid", "promotional"])
def test_late_usage_changes_the_figures_from_when_it_happened(wallet, is_promotional):
    factories.grant(
        wallet=wallet,
        amount=100,
        expires_at=END,
        funding="promotional" if is_promotional else "paid",
    )
    expiry.close_expired(at=END)

    use(wallet.customer, 30, at=START)

    assert then(wallet, START) == Figures(granted=100, available=100)
    assert then(wallet, START + TICK) == Figures(granted=100, used=30, available=70)
    assert then(wallet, END) == Figures(granted=100, used=30, expired=70)
    assert then(wallet, END + TICK) == Figures(granted=100, used=30, expired=70)
    assert now(wallet, END) == Figures(granted=100, used=30, expired=70)


def test_credit_is_pending_until_it_is_effective(wallet):
    factories.grant(wallet=wallet, amount=100, effective_at=START)

    assert then(wallet, START - TICK) == Figures(granted=100, pending=100)
    assert then(wallet, START) == Figures(granted=100, available=100)


def test_backdated_credit_was_there_before_it_was_issued(wallet):
    factories.grant(wallet=wallet, amount=100, at=END, effective_at=START)

    assert then(wallet, START + TICK) == Figures(granted=100, available=100)


def test_a_void_counts_from_when_it_was_made(wallet):
    grant = factories.grant(wallet=wallet, amount=100)
    grants.void(grant=grant, at=START)

    assert then(wallet, START) == Figures(granted=100, available=100)
    assert then(wallet, START + TICK) == Figures(granted=100, voided=100)


def test_a_void_at_the_instant_of_the_grant_is_a_void():
    wallet = factories.wallet()
    grants.void(grant=factories.grant(wallet=wallet, amount=100), at=NOON)

    assert now(wallet, NOON) == Figures(granted=100, voided=100)


def test_overdraft_that_credit_covered_counts_as_used(wallet):
    use(wallet.customer, 30, at=NOON)
    factories.grant(wallet=wallet, amount=100, at=START)

    assert now(wallet, START) == Figures(granted=100, used=30, available=70)


def test_expired_credit_that_is_held_is_still_settled(wallet):
    grant = factories.grant(wallet=wallet, amount=100, expires_at=END)
    hold(grant, 40)
    before = now(wallet, END)
    expiry.close_expired(at=END)

    assert before == now(wallet, END) == Figures(granted=100, expired=60, held=40)
    assert before.settled == 40


def test_a_reversed_grant_was_never_granted(wallet):
    grant = factories.grant(wallet=wallet, amount=100)
    posted = Transaction.objects.get(key=f"grant:{grant.pk}")
    posting.reverse(transaction=posted, key="oops", effective_at=START)

    assert now(wallet, START) == Figures()


def test_neither_an_expiry_nor_a_void_nor_a_reversal_can_be_reversed(wallet):
    gone = factories.grant(wallet=wallet, amount=100, expires_at=END)
    expiry.close_expired(at=END)
    voided = factories.grant(wallet=wallet, amount=30)
    grants.void(grant=voided, at=END)
    undone = factories.grant(wallet=wallet, amount=5)
    posted = Transaction.objects.get(key=f"grant:{undone.pk}")
    posting.reverse(transaction=posted, key="oops", effective_at=END)
    before = now(wallet, END)

    for key in (f"expiry:{gone.pk}", f"void:{voided.pk}", "oops"):
        final = Transaction.objects.get(key=key)
        with pytest.raises(posting.ReversalRefusedError):
            posting.reverse(transaction=final, key=f"not {key}", effective_at=END + HOUR)

    expiry.close_expired(at=END + HOUR)
    assert now(wallet, END) == before == Figures(granted=130, expired=100, voided=30)


def test_grants_have_figures_of_their_own(wallet):
    first = factories.grant(wallet=wallet, amount=100)
    second = factories.grant(wallet=wallet, amount=50)
    use(wallet.customer, 120, at=START)

    assert summary.of_grants([first.pk, second.pk], at=START) == {
        first.pk: Figures(granted=100, used=100),
        second.pk: Figures(granted=50, used=20, available=30),
    }


def test_many_wallets_take_as_many_queries_as_one(django_assert_num_queries):
    wallets = [factories.wallet() for _ in range(5)]
    for wallet in wallets:
        factories.grant(wallet=wallet)

    with django_assert_num_queries(2):
        found = summary.of_wallets([wallet.pk for wallet in wallets], at=START)

    assert set(found.values()) == {Figures(granted=100, available=100)}
