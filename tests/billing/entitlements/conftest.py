"""What tests of decisions share."""

import pytest

from tests.billing.entitlements.asking import World, new_world


@pytest.fixture
def world(db: None) -> World:
    """Return a book with a customer whose usage is metered, and no price, plan or wallet."""
    return new_world()
