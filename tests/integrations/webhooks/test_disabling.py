"""Endpoints that fail for good are left alone, and what they missed can be sent again."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.webhooks import deliveries, endpoints
from integrations.webhooks.errors import EndpointDisabledError
from integrations.webhooks.pauses import MOST_ATTEMPTS
from ledger.models import Outbox
from tests.fakes import receiver as fake
from tests.integrations.webhooks.conftest import relay, the_delivery

# The receiver's threads and the worker's are real; the database stays in the test's transaction.
pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATER = timedelta(days=2)  # after any pause


class TestDisabling:
    def test_an_endpoint_that_fails_for_days_is_disabled_and_others_are_told(
        self, endpoint, publish, run, receiver
    ):
        made, _ = endpoint()
        with fake.listening() as well:
            endpoint(url=well.address, event_types=["webhook.endpoint.disabled"])
            receiver.answers = fake.status(500)
            publish("e1")
            run()
            publish("e2")
            WebhookEndpoint.objects.filter(pk=made.pk).update(
                failing_since=now() - deliveries.FAILING_FOR
            )
            run()
            run()
            (told,) = well.received

        made.refresh_from_db()
        assert not made.is_enabled
        assert told.said["data"]["endpoint"] == made.key
        assert told.said["data"]["reason"] == made.disabled_reason
        waiting = made.deliveries.filter(state="waiting")
        assert not waiting.exists()

    def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once(
        self, endpoint, publish, run, receiver
    ):
        made, _ = endpoint()
        receiver.answers = fake.status(410)
        publish()
        run()

        made.refresh_from_db()
        assert (made.is_enabled, the_delivery().state) == (False, "dead")
        assert Outbox.objects.filter(key__startswith="webhook.endpoint.disabled").count() == 1

    def test_one_success_forgives_what_failed_before(self, endpoint, publish, run, receiver):
        made, _ = endpoint()
        receiver.faults = [fake.status(500)]
        publish()
        run()
        made.refresh_from_db()
        assert made.failing_since is not None
        run(LATER)

        made.refresh_from_db()
        assert made.failing_since is None

    def test_what_is_missed_meanwhile_can_be_replayed(self, endpoint, publish, run, receiver):
        began = now()
        made, _ = endpoint()
        publish("e1")
        endpoints.disable(endpoint=made, at=now(), reason="maintenance")
        run()
        publish("e2")
        run()
        assert receiver.received == []
        with pytest.raises(EndpointDisabledError):
            deliveries.replay_failed(endpoint=made, since=began, at=now())

        endpoints.enable(endpoint=made)
        missed = made.deliveries.filter(event_type="wallet.balance.low")
        assert missed.filter(state="dead").count() == 2
        again = deliveries.replay_failed(endpoint=made, since=began, at=now())
        assert run() == again == 3, "both, and that it was disabled"

    def test_an_ended_endpoint_hears_nothing_more(self, endpoint, publish, run, receiver):
        made, _ = endpoint()
        publish("e1")
        relay()
        endpoints.end(endpoint=made, at=now())
        publish("e2")
        run()

        assert receiver.received == []
        assert the_delivery().state == "dead"


class TestReplay:
    def test_a_message_is_sent_again_under_its_id(self, endpoint, publish, run, receiver):
        endpoint()
        publish()
        run()
        deliveries.replay(delivery=the_delivery(), at=now())
        run()

        first, second = receiver.received
        assert (first.id, first.body) == (second.id, second.body)
        assert list(WebhookAttempt.objects.values_list("number", flat=True)) == [2, 1]

    def test_one_that_was_given_up_has_all_its_attempts_again(
        self, endpoint, publish, run, receiver
    ):
        endpoint()
        publish()
        relay()
        WebhookDelivery.objects.update(state="dead", attempts=MOST_ATTEMPTS)
        receiver.faults = [fake.status(500)]
        deliveries.replay(delivery=the_delivery(), at=now())
        run()

        assert (the_delivery().state, the_delivery().attempts) == ("waiting", 1)

    def test_only_what_failed_since_then_is_sent_again(self, endpoint, publish, run, receiver):
        made, _ = endpoint()
        for key in ("e1", "e2", "e3"):
            publish(key)
        relay()
        old, new, taken = made.deliveries.order_by("pk")
        made.deliveries.exclude(pk=taken.pk).update(state="dead")
        made.deliveries.filter(pk=old.pk).update(created_at=now() - DAY)
        made.deliveries.filter(pk=taken.pk).update(state="delivered")

        since = now() - timedelta(hours=1)
        assert deliveries.replay_failed(endpoint=made, since=since, at=now()) == 1
        run()

        assert receiver.ids() == [new.message_key]
