"""Grants: issued once, taken back once, overdraft covered first."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from ledger.ids import asset_of
from ledger.models import Account, Entry, Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import hold, left_in, owed_by, use
from wallets import grants
from wallets.errors import GrantClosedError
from wallets.models import CreditGrant

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def between(grant: CreditGrant) -> list[tuple[str, str, Decimal]]:
    """Return what was posted for a grant, as (debit purpose, credit purpose, amount)."""
    purposes = dict(Account.objects.values_list("pk", "purpose"))
    entries = Entry.objects.filter(source_id=grant.pk).order_by("id")
    return [
        (purposes[entry.debit_account_id], purposes[entry.credit_account_id], entry.amount)
        for entry in entries
    ]


def test_paid_credit_comes_from_clearing():
    grant = factories.grant(amount=50)

    assert between(grant) == [("rail_clearing", "credit_lot", 50)]
    assert left_in(grant) == 50


def test_promotional_credit_is_an_expense():
    grant = factories.grant(amount=50, funding="promotional")

    assert between(grant) == [("promotional_credit", "credit_lot", 50)]


def test_units_come_from_granted_units_in_memo_accounts():
    tokens = factories.asset(code="tokens", kind="unit", scale=0)
    grant = factories.grant(wallet=factories.wallet(asset=tokens), amount=1_000_000)

    assert between(grant) == [("granted_units", "credit_lot", 1_000_000)]
    assert grant.account.type == "memo"
    assert asset_of(grant.account_id) == tokens.pk


def test_same_key_issues_once_whatever_the_clock_says():
    wallet = factories.wallet()
    first = factories.grant(wallet=wallet, key="k1")

    assert factories.grant(wallet=wallet, key="k1", at=NOON + HOUR) == first
    assert left_in(first) == 100
    assert Transaction.objects.filter(kind="grant").count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 101},
        {"funding": "promotional"},
        {"priority": 1},
        {"expires_at": NOON + HOUR},
        {"effective_at": NOON + HOUR},
        {"feature_keys": ["api"]},
        {"cost_basis": Decimal("0.01")},
    ],
)
def test_same_key_with_other_terms_is_refused(other):
    wallet = factories.wallet()
    factories.grant(wallet=wallet, key="k1")

    with pytest.raises(IdempotencyConflictError, match="k1"):
        factories.grant(wallet=wallet, key="k1", **other)


def test_features_are_a_set():
    wallet = factories.wallet()
    first = factories.grant(wallet=wallet, key="k1", feature_keys=["b", "a", "b"])

    assert factories.grant(wallet=wallet, key="k1", feature_keys=["a", "b"]) == first
    assert first.feature_keys == ["a", "b"]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"funding": "stolen"}, "funding"),
        ({"priority": -1}, "priority"),
        ({"priority": 40_000}, "priority"),
        ({"expires_at": NOON}, "expires_at"),
        ({"effective_at": NOON + HOUR, "expires_at": NOON + HOUR}, "expires_at"),
        ({"cost_basis": Decimal(-1)}, "cost_basis"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms, field):
    with pytest.raises(InvalidInputError, match=field):
        factories.grant(**terms)
    assert not CreditGrant.objects.exists()


@pytest.mark.parametrize("amount", ["0.001", "NaN", "Infinity", "1e26"])
def test_amounts_the_asset_cannot_hold_are_refused(amount):
    cents = factories.asset(code="cents", scale=2)

    with pytest.raises(PrecisionError):
        factories.grant(wallet=factories.wallet(asset=cents), amount=amount)


def test_wallet_opens_once_per_key():
    customer = factories.customer()
    first = factories.wallet(customer=customer, key="main")

    assert factories.wallet(customer=customer, key="main") == first
    with pytest.raises(IdempotencyConflictError, match="main"):
        factories.wallet(customer=customer, key="main", is_shared=True)


def test_new_credit_covers_the_overdraft_first():
    wallet = factories.wallet()
    use(wallet.customer, 30, at=NOON)

    grant = factories.grant(wallet=wallet, amount=100)

    assert owed_by(wallet.customer) == 0
    assert left_in(grant) == 70
    assert Transaction.objects.filter(kind="grant").count() == 1


def test_credit_smaller_than_the_overdraft_covers_what_it_can():
    wallet = factories.wallet()
    use(wallet.customer, 30, at=NOON)

    grant = factories.grant(wallet=wallet, amount=20)

    assert (owed_by(wallet.customer), left_in(grant)) == (10, 0)


@pytest.mark.parametrize(
    "terms", [{"feature_keys": ["api"]}, {"effective_at": NOON + HOUR}], ids=["limited", "later"]
)
def test_credit_that_may_not_pay_now_leaves_the_overdraft(terms):
    wallet = factories.wallet()
    use(wallet.customer, 30, at=NOON)

    grant = factories.grant(wallet=wallet, amount=100, **terms)

    assert (owed_by(wallet.customer), left_in(grant)) == (30, 100)


@pytest.mark.parametrize("funding", ["paid", "promotional"])
def test_void_returns_what_is_unused_to_where_it_came_from(funding):
    grant = factories.grant(amount=100, funding=funding)

    grants.void(grant=grant, at=NOON + HOUR, key="k1", reason="ordered by mistake")

    taken, returned = between(grant)
    assert returned == (taken[1], taken[0], 100)
    assert left_in(grant) == 0
    posted = Transaction.objects.get(kind="void")
    assert (posted.memo, posted.metadata) == ("ordered by mistake", {"key": "k1"})


def test_void_happens_once():
    grant = factories.grant()

    first = grants.void(grant=grant, at=NOON + HOUR)
    again = grants.void(grant=grant, at=NOON + 2 * HOUR)

    assert again.voided_at == first.voided_at == NOON + HOUR
    assert Transaction.objects.filter(kind="void").count() == 1


def test_void_leaves_what_is_held():
    grant = factories.grant(amount=100)
    hold(grant, 40)

    grants.void(grant=grant, at=NOON + HOUR)

    assert left_in(grant) == 40


def test_void_of_what_has_expired_is_refused_though_no_job_ran():
    grant = factories.grant(expires_at=NOON + HOUR)

    with pytest.raises(GrantClosedError):
        grants.void(grant=grant, at=NOON + HOUR)
    assert left_in(grant) == 100
