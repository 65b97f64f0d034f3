"""Messages arrive signed, at least once, whatever goes wrong on the way, and can be sent again."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from standardwebhooks import WebhookVerificationError

from integrations.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from integrations.webhooks import calling, deliveries, delivering, endpoints
from integrations.webhooks.errors import EndpointDisabledError, SecretRotatingError
from integrations.webhooks.pauses import MOST_ATTEMPTS, PAUSES
from ledger import tasks
from ledger.errors import InvalidInputError
from ledger.models import Outbox
from tests import factories
from tests.fakes import receiver as fake
from tests.integrations.webhooks.conftest import BALANCE

# The receiver's threads and the worker's are real; the database stays in the test's transaction.
pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
LATER = timedelta(days=2)  # after any pause


def the_delivery() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


class TestSigning:
    def test_a_message_is_verified_by_the_published_library(self, endpoint, publish, run, receiver):
        _, secret = endpoint()
        publish()
        run()

        (message,) = receiver.received
        said = message.verified_by(secret)
        assert (said["type"], said["data"]) == ("wallet.balance.low", BALANCE)
        assert message.headers["content-type"] == "application/json"
        assert "." not in message.id

    def test_another_secret_does_not_verify_it(self, endpoint, publish, run, receiver):
        endpoint()
        _, other = endpoint(event_types=["grant.issued"])
        publish()
        run()

        with pytest.raises(WebhookVerificationError, match="No matching signature"):
            receiver.received[0].verified_by(other)

    def test_both_secrets_sign_while_one_is_replaced(self, endpoint, publish, run, receiver):
        made, old = endpoint()
        _, new = endpoints.rotate(endpoint=made, at=now())
        publish()
        run()

        (message,) = receiver.received
        assert message.verified_by(old) == message.verified_by(new)
        assert len(message.headers["webhook-signature"].split(" ")) == 2

    def test_the_old_secret_signs_no_longer_than_that(self, endpoint, publish, run, receiver):
        made, old = endpoint()
        _, new = endpoints.rotate(endpoint=made, at=now(), overlap=timedelta())
        publish()
        run()

        assert receiver.received[0].verified_by(new)
        with pytest.raises(WebhookVerificationError):
            receiver.received[0].verified_by(old)

    def test_a_secret_is_not_replaced_twice_at_once(self, endpoint):
        made, _ = endpoint()
        endpoints.rotate(endpoint=made, at=now())

        with pytest.raises(SecretRotatingError):
            endpoints.rotate(endpoint=made, at=now())

    def test_a_new_secret_that_was_lost_is_replaced_while_the_first_goes_on(
        self, endpoint, publish, run, receiver
    ):
        made, first = endpoint()
        _, lost = endpoints.rotate(endpoint=made, at=now())
        _, new = endpoints.rotate(endpoint=made, at=now(), discards_current=True)
        publish()
        run()

        assert receiver.received[0].verified_by(first) == receiver.received[0].verified_by(new)
        with pytest.raises(WebhookVerificationError):
            receiver.received[0].verified_by(lost)

    def test_an_overlap_is_refused_beyond_30_days(self, endpoint):
        made, _ = endpoint()

        with pytest.raises(InvalidInputError, match="30 days"):
            endpoints.rotate(endpoint=made, at=now(), overlap=31 * DAY)


class TestSecretsAtRest:
    def test_the_secret_is_not_in_the_database(self, endpoint):
        made, secret = endpoint()

        stored = bytes(WebhookEndpoint.objects.get(pk=made.pk).secret)
        assert secret.removeprefix("whsec_").encode() not in stored

    def test_it_outlives_a_change_of_secret_key_that_names_the_old_one(
        self, endpoint, publish, run, receiver, settings
    ):
        _, secret = endpoint()
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-" * 8
        publish()
        run()

        assert receiver.received[0].verified_by(secret)

    def test_a_change_that_does_not_is_said_in_the_delivery(
        self, endpoint, publish, run, receiver, settings
    ):
        endpoint()
        settings.SECRET_KEY = "another-" * 8
        publish()
        run()

        assert receiver.received == []
        assert "SECRET_KEY" in the_delivery().last_error
        assert the_delivery().state == "waiting"

    def test_no_secret_is_logged(self, endpoint, publish, run, receiver, caplog):
        receiver.faults = [fake.status(500)]
        _, secret = endpoint()
        with caplog.at_level("DEBUG"):
            publish()
            run()

        assert "webhook failed" in caplog.text
        assert secret not in caplog.text


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


def relay():
    """Make the deliveries and call nobody."""
    tasks.relay_outbox()


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
