"""Messages are signed with secrets that are kept well, and changed without a gap."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from standardwebhooks import WebhookVerificationError

from integrations.models import WebhookEndpoint
from integrations.webhooks import endpoints
from integrations.webhooks.errors import SecretRotatingError
from ledger.errors import InvalidInputError
from tests.fakes import receiver as fake
from tests.integrations.webhooks.conftest import BALANCE, the_delivery

# The receiver's threads and the worker's are real; the database stays in the test's transaction.
pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


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
