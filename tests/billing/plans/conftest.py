"""A book with features of usage, and the asset that plans are priced in."""

import pytest

from ledger import registry
from tests import factories
from tests.billing.plans import offers


@pytest.fixture
def book(db):
    registry.currency(code="USD")
    return factories.book()


@pytest.fixture
def tokens(book):
    return offers.feature(book)
