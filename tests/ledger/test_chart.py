"""Accounts are opened when first needed, once, and found again."""

import pytest
from django.db import connection, transaction

from ledger import chart
from ledger.chart import PURPOSES, Spec
from ledger.errors import InvalidInputError
from ledger.ids import CUSTOMER_BIT, asset_of, is_house
from ledger.models import Account, Asset, Balance
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return factories.customer()


@pytest.fixture
def opened(customer):
    """Return a function that opens the account of a purpose, of the book or the customer."""

    def opened(purpose, label="", asset=None):
        return chart.account(
            book=customer.book,
            purpose=purpose,
            asset=asset or factories.asset(),
            at=NOON,
            customer=customer if PURPOSES[purpose].is_customers else None,
            discriminator=label,
        )

    return opened


@pytest.mark.parametrize("purpose", PURPOSES)
def test_account_is_opened_as_its_purpose_says(opened, customer, purpose):
    account, wanted = opened(purpose), PURPOSES[purpose]
    balance = Balance.objects.get(pk=account.pk)

    assert (account.purpose, account.type, account.opened_at) == (purpose, wanted.type, NOON)
    assert account.customer_id == (customer.pk if wanted.is_customers else None)
    assert (balance.is_guarded, balance.orientation, balance.floor) == (
        wanted.is_guarded,
        wanted.orientation,
        wanted.floor,
    )
    assert (balance.debits, balance.credits, balance.held) == (0, 0, 0)


@pytest.mark.parametrize("purpose", ["credit_lot", "usage_revenue"])
def test_asking_again_finds_the_same_account(opened, purpose, django_assert_num_queries):
    first = opened(purpose, "a")
    chart.forget()

    assert opened(purpose, "a") == first
    assert opened(purpose, "b") != first
    assert opened(purpose, "a", factories.asset(code="EUR")) != first


def test_number_says_whose_it_is_and_what_it_holds(opened):
    lot, revenue = opened("credit_lot"), opened("usage_revenue")

    assert lot.pk & CUSTOMER_BIT
    assert not is_house(lot.pk)
    assert is_house(revenue.pk)
    assert asset_of(lot.pk) == asset_of(revenue.pk) == factories.asset().pk
    assert (lot.pk >> 48) & 0x3FFF == lot.book_id


def test_account_of_units_is_a_memo_whatever_its_purpose(opened):
    unit = factories.asset(code="thing", kind=Asset.Kind.UNIT)

    assert opened("credit_lot", asset=unit).type == "memo"


@pytest.mark.parametrize(
    ("purpose", "is_customers"), [("credit_lot", False), ("usage_revenue", True), ("x", True)]
)
def test_purpose_belongs_to_its_kind_of_owner(customer, purpose, is_customers):
    owner = customer if is_customers else None

    with pytest.raises(InvalidInputError):
        chart.account(
            book=customer.book, purpose=purpose, asset=factories.asset(), at=NOON, customer=owner
        )
    assert not Account.objects.exists()


def test_thousands_of_accounts_take_as_many_queries_as_one(customer, django_assert_max_num_queries):
    asset = factories.asset()
    specs = [
        Spec(customer.book_id, customer.pk, "credit_lot", asset.pk, str(n)) for n in range(999)
    ]
    specs.append(Spec(customer.book_id, None, "usage_revenue", asset.pk, "m"))

    with django_assert_max_num_queries(8):
        numbers = chart.accounts(specs, at=NOON)

    assert len(set(numbers.values())) == Account.objects.count() == 1000


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_is_remembered_and_what_is_undone_is_not(opened):
    with transaction.atomic():
        undone = opened("usage_revenue")
        transaction.set_rollback(True)
    kept = opened("usage_revenue")

    assert kept.pk != undone.pk
    spec = Spec(kept.book_id, None, "usage_revenue", kept.asset_id)
    with connection.execute_wrapper(_no_query):
        assert chart.accounts([spec], at=NOON) == {spec: kept.pk}


def _no_query(*_args):
    raise AssertionError("a remembered account needs no query")
