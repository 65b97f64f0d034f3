"""A worker that is killed between the call and its record sends the message again, as the same."""

import os
import signal
import subprocess

import pytest
from django.db import connection
from django.utils.timezone import now

from integrations.models import WebhookAttempt, WebhookDelivery
from integrations.webhooks import deliveries, delivering
from ledger import tasks
from tests import processes

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_message_that_was_taken_but_not_recorded_is_sent_again(endpoint, publish, receiver):
    _, secret = endpoint()
    publish()
    tasks.relay_outbox()
    workers: list[subprocess.Popen[bytes]] = []

    def kill_the_worker(_handler: object) -> None:
        """The message has arrived; its answer never does."""
        os.kill(workers[0].pid, signal.SIGKILL)

    receiver.faults = [kill_the_worker]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ledger.config.settings",
        "METERBOOK_WEBHOOK_PRIVATE_ADDRESSES": "127.0.0.0/8",
    }
    script = "tests.integrations.webhooks.worker"
    database = str(connection.settings_dict["NAME"])
    with processes.running("-m", script, database, env=env) as worker:
        workers.append(worker)
        assert worker.wait(timeout=120) == -signal.SIGKILL

    (delivery,) = WebhookDelivery.objects.all()
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    assert not WebhookAttempt.objects.exists()
    assert delivering.deliver(clock=now) == 0, "the dead worker's lease is not over"

    assert delivering.deliver(clock=lambda: now() + deliveries.LEASE) == 1

    first, second = receiver.received
    assert first.verified_by(secret) == second.verified_by(secret)
    assert first.id == second.id == delivery.message_key
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
