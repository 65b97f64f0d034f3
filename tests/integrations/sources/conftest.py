"""What tests of sources share: a book that counts calls and tokens, and a sender with a key."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.api import Api
from tests.billing.scene import Scene, new_scene


@pytest.fixture
def scene() -> Scene:
    """Return a book whose customer is "acme" to gateways; requests and tokens are counted."""
    made = new_scene()
    made.subject("acme")
    made.meter("count", key="requests", type="api.request", price=1)
    made.meter(
        "sum",
        key="tokens",
        type="llm.tokens",
        path="$.tokens",
        price="0.01",
        dimensions={"model": "$.model", "type": "$.type"},
    )
    return made


@pytest.fixture
def sender(scene: Scene) -> Api:
    """Return a client with a key that may only ingest."""
    return Api(scene.book, scopes=["ingest"])


@pytest.fixture
def hosted(sender: Api) -> Any:
    """Return a function that posts to the path of OpenMeter's hosted API."""

    def send(body: Any, content_type: str = "application/json", **headers: str) -> Any:
        return Client().post(
            "/api/v3/openmeter/events",
            body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {sender.text}", **headers},
        )

    return send
