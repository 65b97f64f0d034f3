"""Messages arrive at least once, whatever goes wrong on the way, and keep nobody waiting."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.webhooks import calling, deliveries, delivering
from integrations.webhooks.pauses import MOST_ATTEMPTS, PAUSES
from ledger.errors import InvalidInputError
from tests import factories
from tests.fakes import receiver as fake
from tests.integrations.webhooks.conftest import relay, the_delivery

# The receiver's threads and the worker's are real; the database stays in the test's transaction.
pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATER = timedelta(days=2)  # after any pause


class TestRetries:
    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (fake.status(500, b"out of order"), "HTTP 500: out of order"),
            (fake.status(404), "HTTP 404"),
            (fake.closes, "RemoteDisconnected"),
            (fake.nonsense, "BadStatusLine"),
        ],
    )
    def test_a_call_that_fails_is_made_again_under_the_same_id(
        self, endpoint, publish, run, receiver, fault, said
    ):
        endpoint()
        publish()
        receiver.faults = [fault]

        assert run() == 0
        assert said in the_delivery().last_error
        assert run() == 0, "it rests first"
        assert run(LATER) == 1

        assert len(set(receiver.ids())) == 1
        assert the_delivery().state == "delivered"
        assert list(WebhookAttempt.objects.order_by("number").values_list("number")) == [(1,), (2,)]

    def test_a_redirect_is_a_failure_and_not_followed(self, endpoint, publish, run, receiver):
        endpoint()
        publish()
        receiver.faults = [fake.status(302, Location=f"{receiver.address}/elsewhere")]
        run()

        assert [each.path for each in receiver.received] == ["/hook"]
        assert the_delivery().last_status == 302

    def test_it_rests_longer_each_time_and_is_given_up_at_last(
        self, endpoint, publish, run, receiver
    ):
        made, _ = endpoint()
        publish()
        receiver.answers = fake.status(500)
        rests = []
        for number in range(MOST_ATTEMPTS):
            after = number * LATER / 10  # not so long that the endpoint is disabled
            run(after)
            found = the_delivery()
            rests.append(found.due_at - now() - after)
            WebhookDelivery.objects.update(due_at=now())

        assert the_delivery().state == "dead"
        assert WebhookAttempt.objects.count() == MOST_ATTEMPTS
        second = timedelta(seconds=1)
        for rest, pause in zip(rests[:-1], PAUSES, strict=True):
            assert pause - second <= rest <= pause * 1.2 + second
        assert run(LATER) == 0
        assert WebhookEndpoint.objects.get(pk=made.pk).is_enabled

    def test_an_endpoint_may_ask_to_be_left_alone_for_longer(
        self, endpoint, publish, run, receiver
    ):
        endpoint()
        publish()
        receiver.faults = [fake.status(429, Retry_After="3600")]
        run()

        rest = the_delivery().due_at - now()
        assert timedelta(minutes=59) < rest <= timedelta(hours=1)

    def test_a_worker_that_died_after_the_call_sends_the_message_again(
        self, endpoint, publish, run, receiver
    ):
        """Killed between the call and its record; test_killed.py does it to a real process."""
        endpoint()
        publish()
        relay()
        at = now()
        (claimed,) = deliveries.claim(limit=5, at=at)
        assert delivering.send(claimed, at).is_taken

        assert deliveries.claim(limit=5, at=now()) == [], "it is claimed"
        assert delivering.deliver(clock=lambda: now() + deliveries.LEASE) == 1

        assert len(receiver.received) == 2
        assert len(set(receiver.ids())) == 1
        assert the_delivery().attempts == 2

    def test_who_records_late_does_not_undo_what_was_delivered(
        self, endpoint, publish, receiver, run
    ):
        endpoint()
        publish()
        relay()
        (late,) = deliveries.claim(limit=5, at=now())
        later = now() + deliveries.LEASE
        assert delivering.deliver(clock=lambda: later) == 1

        failed = calling.Outcome(status=500, error="HTTP 500", milliseconds=1)
        deliveries.record(delivery=late, outcome=failed, attempted_at=now())

        assert the_delivery().state == "delivered"
        assert WebhookAttempt.objects.count() == 2


class TestLimits:
    def test_silence_ends_after_a_time(self, receiver):
        receiver.answers = fake.silent(receiver)

        outcome = calling.post(receiver.address, body=b"{}", headers={}, seconds=0.2)

        assert outcome.error == "No answer within 0.2 seconds."

    def test_an_answer_that_drips_ends_after_the_same_time(self, receiver):
        receiver.answers = fake.drips(receiver, pause=0.05)

        outcome = calling.post(receiver.address, body=b"{}", headers={}, seconds=0.3)

        assert outcome.error == "No answer within 0.3 seconds."
        assert outcome.milliseconds < 1000

    def test_no_more_of_an_answer_is_read_than_needed(self, receiver):
        receiver.answers = fake.endless

        outcome = calling.post(receiver.address, body=b"{}", headers={}, seconds=5)

        assert outcome.is_taken
        assert outcome.milliseconds < 2000

    def test_what_an_answer_says_is_kept_short_and_in_one_line(self, receiver):
        receiver.answers = fake.status(500, b"a\r\n\x00b" * 1000)

        outcome = calling.post(receiver.address, body=b"{}", headers={}, seconds=5)

        assert outcome.error.startswith("HTTP 500: a ba ba b")
        assert len(outcome.error) < 600

    def test_a_port_where_nobody_listens_is_an_outcome(self, receiver):
        with fake.listening() as gone:
            pass

        outcome = calling.post(gone.address, body=b"{}", headers={}, seconds=5)

        assert "ConnectionRefusedError" in outcome.error

    def test_a_slow_endpoint_keeps_no_other_one_waiting(
        self, endpoint, publish, run, receiver, settings
    ):
        settings.METERBOOK_WEBHOOK_SECONDS = 0.5
        slow, _ = endpoint(event_types=["grant.issued"])
        receiver.answers = fake.silent(receiver)
        for number in range(3):
            publish(f"g{number}", kind="grant.issued")
        for number in range(30):
            publish(f"b{number}")
        with fake.listening() as quick:
            endpoint(url=quick.address, event_types=["wallet.balance.low"])
            run()

        order = list(WebhookAttempt.objects.order_by("pk").values_list("delivery__endpoint"))
        assert order.index((slow.pk,)) >= 10, "most were sent while the slow one was waited for"
        assert len(quick.received) == 30
        assert slow.deliveries.filter(state="delivered").count() == 0

    def test_a_failing_endpoint_is_called_once_at_a_time(self, endpoint, publish, run):
        made, _ = endpoint()
        for number in range(9):
            publish(f"e{number}")
        relay()
        assert len(deliveries.claim(limit=16, at=now())) == 4, "while it is well"

        WebhookEndpoint.objects.filter(pk=made.pk).update(failing_since=now())
        WebhookDelivery.objects.update(claimed_until=None)
        assert len(deliveries.claim(limit=16, at=now())) == 1
        assert deliveries.claim(limit=16, at=now()) == [], "one call is under way"


def test_deliveries_of_long_ago_are_deleted_with_their_history(endpoint, publish, run, receiver):
    endpoint()
    publish("old")
    run()
    publish("waiting")
    relay()
    WebhookDelivery.objects.update(created_at=now() - deliveries.KEEP - DAY)
    publish("new")
    relay()

    assert deliveries.prune(at=now()) == 1
    assert WebhookDelivery.objects.count() == 2
    assert not WebhookAttempt.objects.exists()


def test_an_endpoint_of_another_books_customer_is_refused(endpoint):
    with pytest.raises(InvalidInputError, match="customer"):
        endpoint(customer=factories.customer())
