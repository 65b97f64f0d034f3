"""Post and reverse: one transaction, once, under its key."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import balances, bulk, chart, posting
from ledger.errors import (
    AlreadyReversedError,
    AssetMismatchError,
    BookMismatchError,
    EmptyMoveError,
    EmptyTransactionError,
    IdempotencyConflictError,
    InsufficientBalanceError,
    NotFoundError,
    PrecisionError,
    ReversalExceedsError,
)
from ledger.models import Entry, Receipt, Transaction
from ledger.moves import Move, Posting
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db


class Till:
    """A lot of a customer, and the house accounts that money comes from and goes to."""

    def __init__(self):
        self.customer = factories.customer()
        self.book, self.usd = self.customer.book, factories.asset(code="USD")
        self.lot = self.account("credit_lot", customer=self.customer, discriminator="g1")
        self.clearing = self.account("rail_clearing")
        self.revenue = self.account("usage_revenue", discriminator="api")

    def account(self, purpose, **options):
        options.setdefault("asset", self.usd)
        options.setdefault("book", self.book)
        return chart.account(purpose=purpose, at=NOON, **options).pk

    def post(self, key, *moves, kind="test", **options):
        return posting.post(
            book=self.book, kind=kind, key=key, moves=moves, effective_at=NOON, **options
        )

    def top_up(self, amount="10", key="top-up"):
        return self.post(key, Move(self.clearing, self.lot, Decimal(amount)))

    def spend(self, amount, key="spend"):
        return self.post(key, Move(self.lot, self.revenue, Decimal(amount)))

    def held(self, number):
        return balances.now([number])[number].settled


@pytest.fixture
def till():
    return Till()


def test_same_key_posts_once(till):
    assert till.top_up() == till.top_up()
    assert Entry.objects.of(till.top_up()).count() == 1
    assert till.held(till.lot) == 10


def test_same_key_with_another_amount_is_refused(till):
    till.top_up("10")

    with pytest.raises(IdempotencyConflictError, match="top-up"):
        till.top_up("11")


def test_a_later_clock_is_no_other_content(till):
    first = till.top_up()

    again = posting.post(
        book=till.book,
        kind="test",
        key="top-up",
        moves=[Move(till.clearing, till.lot, Decimal(10))],
        effective_at=NOON.replace(hour=23),
    )

    assert again == first
    assert again.effective_at == NOON


def test_the_same_key_in_another_book_is_another_transaction(till):
    assert Till().top_up() != till.top_up()


def test_a_lot_cannot_be_overdrawn(till):
    till.top_up("10")

    with pytest.raises(InsufficientBalanceError, match=str(till.lot)):
        till.spend("10.000000000001")
    assert till.held(till.lot) == 10


@pytest.mark.parametrize("amount", ["0", "-1", "NaN"])
def test_an_amount_must_be_above_zero(till, amount):
    with pytest.raises((EmptyMoveError, PrecisionError, ArithmeticError)):
        till.top_up(amount)


def test_an_amount_finer_than_its_asset_is_refused_not_rounded(till):
    with pytest.raises(PrecisionError):
        till.top_up("0.0000000000001")


def test_units_that_are_whole_are_kept_whole(till):
    tokens = factories.asset(code="tokens", kind="unit", scale=0)
    consumed = till.account("consumed_units", asset=tokens, customer=till.customer)
    metered = till.account("metered_units", asset=tokens)

    with pytest.raises(PrecisionError):
        till.post("half", Move(consumed, metered, Decimal("0.5")))


def test_assets_and_books_are_not_mixed(till):
    euros = till.account("rail_clearing", asset=factories.asset(code="EUR"))
    foreign = Till()

    with pytest.raises(AssetMismatchError):
        till.post("mixed", Move(euros, till.lot, Decimal(1)))
    with pytest.raises(BookMismatchError):
        till.post("foreign", Move(foreign.clearing, till.lot, Decimal(1)))
    with pytest.raises(BookMismatchError):
        till.post("both foreign", Move(foreign.clearing, foreign.lot, Decimal(1)))


def test_an_account_that_does_not_exist_is_refused(till):
    with pytest.raises(NotFoundError):
        till.post("nobody", Move(till.clearing, till.lot + 1_000_000, Decimal(1)))
    assert not Transaction.objects.filter(key="nobody").exists()


def test_nothing_is_no_transaction(till):
    with pytest.raises(EmptyTransactionError):
        till.post("nothing")


def test_many_postings_are_all_or_none(till):
    good = Posting(
        book_id=till.book.pk,
        kind="test",
        key="good",
        effective_at=NOON,
        moves=[Move(till.clearing, till.lot, Decimal(1))],
    )
    bad = Posting(
        book_id=till.book.pk,
        kind="test",
        key="bad",
        effective_at=NOON,
        moves=[Move(till.lot, till.revenue, Decimal(2))],
    )

    with pytest.raises(InsufficientBalanceError):
        bulk.post(postings=[good, bad])
    assert not Transaction.objects.filter(key="good").exists()


def test_a_key_given_twice_in_one_call_is_posted_once(till):
    twice = Posting(
        book_id=till.book.pk,
        kind="test",
        key="twice",
        effective_at=NOON,
        moves=[Move(till.clearing, till.lot, Decimal(3))],
    )

    first, second = bulk.post(postings=[twice, twice])

    assert (first.is_new, second.is_new) == (True, False)
    assert first.transaction_id == second.transaction_id
    assert till.held(till.lot) == 3


def test_thousands_of_entries_take_as_many_queries_as_one(till):
    def queries(count, key):
        moves = [Move(till.clearing, till.lot, Decimal(1), source_id=n) for n in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            till.post(key, *moves)
        return len(captured)

    queries(1, "warm")
    assert queries(1, "one") == queries(5000, "many")
    assert till.held(till.lot) == 5002


def test_a_thousand_postings_in_one_call_have_ids_of_their_own(till):
    postings = [
        Posting(
            book_id=till.book.pk,
            kind="test",
            key=f"k{number}",
            effective_at=NOON,
            moves=[Move(till.clearing, till.lot, Decimal(1))],
        )
        for number in range(1000)
    ]

    posted = bulk.post(postings=postings)

    assert len({one.transaction_id for one in posted}) == 1000
    assert Receipt.objects.filter(pk__in=[one.transaction_id for one in posted]).count() == 1000


def test_a_reversal_mirrors_and_is_made_once(till):
    till.top_up()
    spent = till.spend("4")

    reversal = posting.reverse(transaction=spent, key="undo", effective_at=NOON)

    assert till.held(till.lot) == 10
    assert reversal.reverses == spent
    assert posting.reverse(transaction=spent, key="undo", effective_at=NOON) == reversal
    with pytest.raises(AlreadyReversedError):
        posting.reverse(transaction=spent, key="undo again", effective_at=NOON)


def test_a_reversal_may_be_partial_and_no_more_than_was_posted(till):
    till.top_up()
    spent = till.spend("4")
    entry = Entry.objects.of(spent).get()

    with pytest.raises(ReversalExceedsError):
        posting.reverse(
            transaction=spent, key="more", effective_at=NOON, amounts={entry.pk: Decimal(5)}
        )
    with pytest.raises(ReversalExceedsError):
        posting.reverse(transaction=spent, key="other", effective_at=NOON, amounts={1: Decimal(1)})
    posting.reverse(
        transaction=spent, key="part", effective_at=NOON, amounts={entry.pk: Decimal("1.5")}
    )

    assert till.held(till.lot) == Decimal("7.5")


def test_what_has_been_spent_cannot_be_taken_back(till):
    granted = till.top_up()
    till.spend("9")

    with pytest.raises(InsufficientBalanceError):
        posting.reverse(transaction=granted, key="undo", effective_at=NOON)


@pytest.mark.parametrize("kind", sorted(posting.NEVER_REVERSED))
def test_what_other_records_stand_on_is_not_reversed(till, kind):
    till.top_up()
    used = till.post("used", Move(till.lot, till.revenue, Decimal(1)), kind=kind)

    with pytest.raises(posting.ReversalRefusedError, match=kind):
        posting.reverse(transaction=used, key="undo", effective_at=NOON)
