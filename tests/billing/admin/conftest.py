"""Fixtures of the admin's tests."""

import pytest

from ledger import registry
from tests import factories
from tests.billing.plans import offers
from tests.billing.scene import new_scene


@pytest.fixture
def book():
    registry.currency(code="USD")
    book = factories.book()
    offers.feature(book)
    return book


@pytest.fixture
def scene():
    scene = new_scene()
    scene.meter("sum", dimensions={"model": "$.model"}, price="0.5")
    return scene
