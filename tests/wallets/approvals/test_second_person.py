"""Large changes of credit wait for a second person, and are then done once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from ledger.errors import InvalidInputError, NotFoundError
from ledger.models import TestClock, Transaction
from tests import factories
from tests.factories import NOON
from tests.wallets.spending import left_in
from tests.wallets.topups.buying import ask, has
from wallets import approvals, grants
from wallets.errors import ApprovalStateError, CreditExhaustedError
from wallets.models import Approval, CreditGrant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _bounds(settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(1000)}


@pytest.fixture
def ann(db):
    return get_user_model().objects.create_user("ann")


@pytest.fixture
def bob(db):
    return get_user_model().objects.create_user("bob")


@pytest.fixture
def wallet():
    return factories.wallet()


def submit(book, operation, by, key="k1", **arguments):
    return approvals.submit(
        book=book,
        operation=operation,
        arguments=arguments,
        key=key,
        reason="Agreed with sales",
        by=by,
        at=NOON,
    )


def give(wallet, by, amount="1000.01", **terms):
    """Submit a grant that is a cent too large, unless told."""
    book = wallet.customer.book
    return submit(book, "grant", by, wallet=str(wallet.pk), amount=amount, **terms)


def test_a_small_change_is_done_at_once_and_once(wallet, ann):
    for _ in range(2):
        assert give(wallet, ann, "1000").approval is None

    assert (has(wallet), Approval.objects.count()) == (1000, 0)
    assert CreditGrant.objects.get().reason == "Agreed with sales"


def test_a_large_change_waits_until_somebody_else_approves_it(wallet, ann, bob):
    waiting = give(wallet, ann).approval
    assert (has(wallet), waiting.state, waiting.asset) == (0, "waiting", wallet.asset)

    done = approvals.approve(approval=waiting, by=bob, at=NOON)
    assert (has(wallet), done.state, done.decided_by) == (Decimal("1000.01"), "approved", bob)
    assert done.outcome == f"grant {CreditGrant.objects.get().pk}"
    approvals.approve(approval=waiting, by=bob, at=NOON)
    assert CreditGrant.objects.count() == 1


def test_nobody_approves_or_refuses_what_they_asked_for(wallet, ann):
    waiting = give(wallet, ann).approval

    with pytest.raises(ApprovalStateError, match="somebody else"):
        approvals.approve(approval=waiting, by=ann, at=NOON)
    with pytest.raises(ApprovalStateError, match="somebody else"):
        approvals.refuse(approval=waiting, by=ann, reason="No", at=NOON)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        Approval.objects.filter(pk=waiting.pk).update(decided_by=ann)
    assert has(wallet) == 0


def test_what_was_refused_is_not_done_any_more(wallet, ann, bob):
    waiting = give(wallet, ann).approval

    refused = approvals.refuse(approval=waiting, by=bob, reason="Too much", at=NOON)
    assert (refused.state, refused.outcome) == ("refused", "Too much")
    with pytest.raises(ApprovalStateError):
        approvals.approve(approval=waiting, by=bob, at=NOON)
    assert not Transaction.objects.exists()


def test_an_approval_that_can_no_longer_be_done_keeps_waiting(wallet, ann, bob):
    grant = factories.grant(wallet=wallet, amount=5000)
    book = wallet.customer.book
    waiting = submit(book, "adjust", ann, grant=str(grant.pk), amount="-4000").approval
    grants.issue(wallet=wallet, key="other", amount=Decimal(1), at=NOON)
    approvals.approve(
        approval=submit(book, "adjust", ann, "k2", grant=str(grant.pk), amount="-3000").approval,
        by=bob,
        at=NOON,
    )

    with pytest.raises(CreditExhaustedError):
        approvals.approve(approval=waiting, by=bob, at=NOON)
    waiting.refresh_from_db()
    assert (waiting.state, left_in(grant)) == ("waiting", 2000)


def test_a_void_is_as_large_as_what_is_unused(wallet, ann, bob):
    grant = factories.grant(wallet=wallet, amount=5000)
    book = wallet.customer.book

    waiting = submit(book, "void", ann, grant=str(grant.pk)).approval
    assert waiting.amount == 5000
    approvals.approve(approval=waiting, by=bob, at=NOON)
    assert left_in(grant) == 0
    small = factories.grant(wallet=wallet, amount=10)
    assert submit(book, "void", ann, grant=str(small.pk)).approval is None
    assert left_in(small) == 0


def test_a_schedule_is_as_large_as_what_one_of_its_grants_may_be(wallet, ann):
    terms = {"wallet": str(wallet.pk), "cadence": "P1M", "starts_at": NOON.isoformat()}
    rolls = {"rollover_minimum": "1000", "rollover_maximum": "1000"}
    book = wallet.customer.book

    assert submit(book, "schedule", ann, amount="1", **terms).approval is None
    waiting = submit(book, "schedule", ann, "k2", amount="1", **terms, **rolls).approval
    assert waiting.amount == 1001


def test_a_key_asks_and_another_one_approves(wallet):
    waiting = give(wallet, "key:one").approval
    assert (waiting.asker, waiting.asked_by) == ("key:one", None)

    with pytest.raises(ApprovalStateError, match="somebody else"):
        approvals.approve(approval=waiting, by="key:one", at=NOON)
    decided = {"state": "refused", "decided_at": NOON, "decider": "key:one"}
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        Approval.objects.filter(pk=waiting.pk).update(**decided)
    done = approvals.approve(approval=waiting, by="key:two", at=NOON)

    assert (done.decider, done.decided_by, has(wallet)) == ("key:two", None, Decimal("1000.01"))


def test_what_was_approved_is_not_asked_for_again(wallet, ann, bob):
    approvals.approve(approval=give(wallet, ann).approval, by=bob, at=NOON)

    assert give(wallet, ann).approval is None
    assert (has(wallet), Approval.objects.count()) == (Decimal("1000.01"), 1)


def test_credit_of_a_customer_on_a_test_clock_is_given_at_its_time(ann, bob):
    book = factories.book()
    clock = TestClock.objects.create(book=book, key="t", now_at=NOON, created_at=NOON)
    wallet = factories.wallet(customer=factories.customer(book=book, clock=clock))
    waiting = give(wallet, ann).approval

    approvals.approve(approval=waiting, by=bob, at=NOON + timedelta(days=99))

    assert CreditGrant.objects.get().effective_at == NOON


def test_a_transfer_moves_once_it_is_approved(wallet, ann, bob):
    factories.grant(wallet=wallet, amount=5000)
    target = factories.wallet(customer=wallet.customer)
    waiting = submit(
        wallet.customer.book,
        "transfer",
        ann,
        source=str(wallet.pk),
        target=str(target.pk),
        amount="2000",
    ).approval

    approvals.approve(approval=waiting, by=bob, at=NOON)
    assert (has(wallet), has(target)) == (3000, 2000)


def test_a_large_payment_is_confirmed_by_two(wallet, ann, bob):
    small, large = ask(wallet, 1000), ask(wallet, 1001)
    book = wallet.customer.book
    assert submit(book, "confirm", ann, top_up=str(small.pk), payment_key="w1").approval is None

    waiting = submit(book, "confirm", ann, top_up=str(large.pk), payment_key="w2").approval
    assert has(wallet) == 1000
    approvals.approve(approval=waiting, by=bob, at=NOON)
    large.refresh_from_db()
    assert (has(wallet), large.payment_key) == (2001, "w2")
    assert large.history.last().cause == "bob: Agreed with sales"


def test_a_bound_without_an_asset_is_for_all_others(settings, wallet):
    credit = factories.asset(code="credit", kind="credit")
    assert not approvals.is_needed(asset=credit, amount=Decimal(10**9))

    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(1000), "": Decimal(5)}
    assert approvals.is_needed(asset=credit, amount=Decimal(6))
    assert approvals.is_needed(asset=credit, amount=Decimal(-6))
    assert not approvals.is_needed(asset=wallet.asset, amount=Decimal(6))


@pytest.mark.parametrize(
    ("operation", "arguments", "error"),
    [
        ("steal", {}, InvalidInputError),
        ("grant", {"wallet": "x", "amount": "1"}, InvalidInputError),
        ("grant", {"wallet": "999999", "amount": "1"}, NotFoundError),
        ("grant", {"wallet": "{wallet}", "amount": 1.5}, InvalidInputError),
        ("grant", {"wallet": "{wallet}", "amount": "NaN"}, InvalidInputError),
        (
            "grant",
            {"wallet": "{wallet}", "amount": "9999", "expires_at": "soon"},
            InvalidInputError,
        ),
        ("confirm", {"top_up": "999999", "payment_key": "w"}, NotFoundError),
    ],
)
def test_what_cannot_be_read_is_not_asked_for(wallet, ann, operation, arguments, error):
    named = {
        name: str(wallet.pk) if value == "{wallet}" else value for name, value in arguments.items()
    }
    with pytest.raises(error):
        submit(wallet.customer.book, operation, ann, **named)
    assert not Approval.objects.exists()


def test_another_book_has_nothing_of_ours(wallet, ann):
    with pytest.raises(NotFoundError):
        submit(factories.book(), "grant", ann, wallet=str(wallet.pk), amount="1")
