"""Fixtures of the API's tests."""

import pytest

from ledger import registry
from tests import factories
from tests.api import Api
from tests.billing.api.sending import BATCH
from tests.billing.scene import new_scene


@pytest.fixture
def book(db):
    registry.currency(code="USD")
    return factories.book()


@pytest.fixture
def api(book):
    return Api(book)


@pytest.fixture
def scene():
    found = new_scene()
    found.meter()
    return found


@pytest.fixture
def post(scene):
    """Return a function that posts a body with a key that may ingest."""
    api = Api(scene.book, scopes=["ingest"])

    def send(body, content_type=BATCH, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return api.send("post", "events", body, content_type=content_type, headers=names)

    return send
