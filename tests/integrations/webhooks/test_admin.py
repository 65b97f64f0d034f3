"""Webhooks in the admin: set up, tested, disabled, replayed; the secret is shown once."""

import re

import pytest
from django.utils.timezone import now

from integrations.models import WebhookDelivery, WebhookEndpoint
from tests.fakes import receiver as fake
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def made(browser, book, receiver):
    """Return an endpoint that was made in the admin, and its secret."""
    page = browser.do(
        "integrations_webhookendpoint_add",
        values={
            "book": book.pk,
            "key": "crm",
            "url": receiver.address,
            "event_types": ["wallet.balance.low"],
        },
        status=200,
    )
    assert "no-store" in page["Cache-Control"]
    return WebhookEndpoint.objects.get(), secret_on(page)


def secret_on(page):
    return re.search(r"whsec_[\w+/=]+", page.content.decode())[0]


def test_an_endpoint_is_made_and_its_secret_shown_once(browser, made):
    endpoint, secret = made

    said = browser.read("integrations_webhookendpoint_change", endpoint.pk)
    assert "wallet.balance.low" in said
    assert secret not in said


def test_a_private_address_is_refused_at_its_field(browser, book, settings):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    page = browser.do(
        "integrations_webhookendpoint_add",
        values={"book": book.pk, "key": "crm", "url": "https://10.0.0.1/"},
        status=200,
    )

    assert "name a public host" in page.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_a_test_is_sent_and_its_calls_are_shown(browser, made, run, receiver):
    endpoint, secret = made
    receiver.faults = [fake.status(500, b"out of order")]
    browser.do("integrations_webhookendpoint_test", endpoint.pk)
    run()

    delivery = WebhookDelivery.objects.get()
    assert receiver.received[0].verified_by(secret)["type"] == "webhook.test"
    assert "HTTP 500: out of order" in browser.read(
        "integrations_webhookdelivery_change", delivery.pk
    )
    assert delivery.message_key in browser.read("integrations_webhookendpoint_change", endpoint.pk)


def test_a_secret_is_rotated(browser, made, run, receiver):
    endpoint, old = made
    page = browser.do(
        "integrations_webhookendpoint_rotate",
        endpoint.pk,
        values={"overlap_hours": "1"},
        status=200,
    )
    browser.do("integrations_webhookendpoint_test", endpoint.pk)
    run()

    (message,) = receiver.received
    assert message.verified_by(secret_on(page)) == message.verified_by(old)


def test_an_endpoint_is_disabled_enabled_replayed_and_ended(browser, made, publish, run, receiver):
    endpoint, _ = made
    name = "integrations_webhookendpoint"
    began = now().strftime("%Y-%m-%dT%H:%M:%S")
    browser.do(f"{name}_disable", endpoint.pk, values={"reason": "Maintenance"})
    publish()
    run()
    assert not browser.offers("test", f"{name}_change", endpoint.pk)
    browser.do(f"{name}_enable", endpoint.pk)
    browser.do(f"{name}_replay", endpoint.pk, values={"since": began})
    run()
    assert [each.said["type"] for each in receiver.received] == ["wallet.balance.low"]

    browser.do("integrations_webhookdelivery_replay", WebhookDelivery.objects.get().pk)
    run()
    assert len(receiver.received) == 2
    browser.do(f"{name}_alter", endpoint.pk, values={"url": receiver.address, "event_types": []})
    browser.do(f"{name}_end", endpoint.pk)
    endpoint.refresh_from_db()
    assert (endpoint.event_types, endpoint.is_enabled) == ([], False)
    assert endpoint.ended_at is not None


def test_an_auditor_looks_and_changes_nothing(made):
    endpoint, _ = made
    auditor = Browser(role="Auditor")

    auditor.read("integrations_webhookendpoint_change", endpoint.pk)
    assert not auditor.offers("rotate", "integrations_webhookendpoint_change", endpoint.pk)
    auditor.do("integrations_webhookendpoint_rotate", endpoint.pk, status=403)
