"""Fixtures of the price book's tests."""

import pytest

from billing.costs import costbook, price_list
from ledger import registry
from tests import factories
from tests.api import Api
from tests.factories import NOON


@pytest.fixture
def dollar_book(db):
    costbook.forget()
    registry.currency(code="USD")
    return factories.book()


@pytest.fixture
def price_book(dollar_book):
    """Have the published prices in the price book."""
    price_list.refresh(at=NOON)
    return dollar_book


@pytest.fixture
def api(dollar_book):
    return Api(dollar_book)
