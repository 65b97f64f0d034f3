"""Fixtures of the API's tests."""

import pytest

from ledger import registry
from tests import factories
from tests.api import Api


@pytest.fixture
def book(db):
    registry.currency(code="USD")
    return factories.book()


@pytest.fixture
def api(book):
    return Api(book)
