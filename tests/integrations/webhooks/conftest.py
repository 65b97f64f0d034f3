"""Fixtures of the webhooks' tests: a book, a receiver, and endpoints that lead there."""

import pytest
from django.db import transaction
from django.utils.timezone import now

from integrations.models import WebhookDelivery
from integrations.webhooks import delivering, endpoints
from ledger import outbox, tasks
from tests import factories
from tests.fakes import receiver as fake

BALANCE = {
    "alert": "low",
    "threshold": "20",
    "value": "19.4",
    "wallet": "main",
    "wallet_id": "7",
    "asset": "USD",
}


def the_delivery() -> WebhookDelivery:
    """Return the only one there is."""
    return WebhookDelivery.objects.get()


def relay() -> None:
    """Make the deliveries and call nobody."""
    tasks.relay_outbox()


@pytest.fixture
def book(db):
    return factories.book()


@pytest.fixture
def receiver(settings):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = fake.LOOPBACK
    with fake.listening() as found:
        yield found


@pytest.fixture
def endpoint(book, receiver):
    """Return a function that makes an endpoint and returns it with its secret."""

    def make(**terms):
        terms = {"book": book, "key": factories.name("endpoint"), "at": now()} | terms
        return endpoints.create(**{"url": f"{receiver.address}/hook"} | terms)

    return make


@pytest.fixture
def publish(book):
    """Return a function that publishes an event, as the packages below do."""

    def publish(key="wallet.balance.low:3:1", *, kind="wallet.balance.low", at=None, **more):
        event = {"type": kind, "book": book.pk, "customer": None, "data": BALANCE} | more
        with transaction.atomic():
            outbox.publish(topic="event", key=key, payload=event, at=at or now())

    return publish


@pytest.fixture
def run():
    """Return a function that does what the worker does: relay the outbox, deliver what is due."""

    def run(after=None):
        tasks.relay_outbox()
        return delivering.deliver(clock=lambda: now() + after if after else now())

    return run
