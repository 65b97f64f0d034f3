"""Every response carries a request id, and probes are answered to anybody."""

import uuid

import pytest
from django.test import Client

from ledger.config.requests import new_id


@pytest.fixture
def client(settings):
    settings.SECURE_SSL_REDIRECT = True
    return Client()


def test_callers_request_id_comes_back(client):
    assert client.get("/healthz", headers={"x-request-id": "order-7"})["X-Request-Id"] == "order-7"


@pytest.mark.parametrize("given", ["", "a b", "x\ny", "ü", "a" * 101], ids=repr)
def test_unusable_request_id_is_replaced(client, given):
    answered = client.get("/healthz", headers={"x-request-id": given} if given else {})

    assert uuid.UUID(answered["X-Request-Id"]).version == 7


def test_refused_request_carries_its_id_too(client):
    assert "X-Request-Id" in client.get("/admin/", HTTP_HOST="evil.example")


def test_later_ids_sort_later():
    assert new_id()[:13] <= new_id()[:13]


def test_probes_are_answered_by_address_and_without_tls(client):
    answered = client.get("/healthz", HTTP_HOST="10.1.2.3")

    assert (answered.status_code, answered.json()) == (200, {"status": "alive"})
