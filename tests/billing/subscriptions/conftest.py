"""A shop for each test."""

import pytest

from tests.billing.subscriptions.shop import new_shop


@pytest.fixture
def shop(db):
    return new_shop()
