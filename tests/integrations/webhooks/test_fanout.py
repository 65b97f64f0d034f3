"""An event becomes one delivery per endpoint that is told of it, and perhaps a mail."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils.timezone import now

from integrations.models import WebhookDelivery
from integrations.webhooks import endpoints, fanout
from ledger import tasks
from ledger.models import Outbox
from tests import factories
from tests.fakes import receiver as fake
from tests.integrations.webhooks.conftest import BALANCE

pytestmark = pytest.mark.django_db

KEY = "wallet.balance.low:3:1"


def told():
    return set(WebhookDelivery.objects.values_list("endpoint__key", flat=True))


def test_an_event_is_told_to_those_that_chose_its_type_or_none(endpoint, publish):
    endpoint(key="all")
    endpoint(key="low", event_types=["wallet.balance.low"])
    endpoint(key="paid", event_types=["topup.settled"])
    endpoint(key="elsewhere", book=factories.book())
    publish()
    tasks.relay_outbox()

    assert told() == {"all", "low"}


def test_a_customers_event_is_told_to_it_and_those_above_it(endpoint, publish, book):
    company = factories.customer(book=book, key="company")
    team = factories.customer(parent=company, key="team")
    person = factories.customer(parent=team, key="person")
    beside = factories.customer(parent=company, key="beside")
    for customer in (company, team, person, beside):
        endpoint(key=f"of-{customer.key}", customer=customer)
    endpoint(key="book")
    publish(customer="team")
    tasks.relay_outbox()

    assert told() == {"book", "of-company", "of-team"}


def test_handling_an_event_again_makes_no_second_delivery(endpoint, publish):
    endpoint()
    publish()
    event = Outbox.objects.get().payload
    for _ in range(2):
        fanout.tell(key=KEY, event=event, at=now())
    assert WebhookDelivery.objects.count() == 1


def test_the_message_says_when_it_happened_not_when_it_was_sent(endpoint, publish, run, receiver):
    endpoint()
    at = now() - timedelta(hours=3)
    publish(at=at)
    run()

    (message,) = receiver.received
    assert message.said["timestamp"] == at.isoformat().replace("+00:00", "Z")
    assert abs(int(message.headers["webhook-timestamp"]) - now().timestamp()) < 60


def test_an_event_of_a_customers_clock_that_is_ahead_is_told_now(endpoint, publish, run, receiver):
    endpoint()
    publish(at=now() + timedelta(days=400))

    assert run() == 1


def test_what_happens_while_an_endpoint_is_disabled_waits_to_be_replayed(endpoint, publish):
    made, _ = endpoint(event_types=["wallet.balance.low"])
    endpoints.disable(endpoint=made, at=now(), reason="maintenance")
    publish()
    tasks.relay_outbox()

    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.last_error) == ("dead", "The endpoint was disabled.")


class TestMail:
    def test_an_alert_is_mailed_to_its_addresses_as_text_and_html(self, publish, settings):
        settings.DEFAULT_FROM_EMAIL = "Books <books@meterbook.example>"
        publish(customer="acme", emails=["finance@acme.example", "ops@acme.example"])
        tasks.relay_outbox()

        (sent,) = mail.outbox
        assert sent.subject == "Balance is low: acme"
        assert sent.to == ["finance@acme.example", "ops@acme.example"]
        assert sent.from_email == "Books <books@meterbook.example>"
        assert "value: 19.4" in sent.body
        html, kind = sent.alternatives[0]
        assert kind == "text/html"
        assert "<td>19.4</td>" in html

    def test_an_event_without_addresses_is_not_mailed(self, publish):
        publish()
        tasks.relay_outbox()

        assert mail.outbox == []

    def test_names_cannot_write_mark_up_or_headers(self, publish):
        data = BALANCE | {"wallet": "<script>alert(1)</script>"}
        publish(customer="acme\r\nBcc: all@x.example", emails=["a@x.example"], data=data)
        tasks.relay_outbox()

        (sent,) = mail.outbox
        assert "\n" not in sent.subject
        assert "<script>" not in sent.alternatives[0][0]
        assert "<script>" in sent.body, "plain text is not escaped"
        assert "Bcc" not in sent.message()

    def test_a_mail_that_cannot_be_sent_is_tried_again_and_tells_no_endpoint_twice(
        self, endpoint, publish, run, receiver, settings
    ):
        endpoint()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        with fake.listening() as gone:
            settings.EMAIL_HOST, _, settings.EMAIL_PORT = gone.address[7:].partition(":")
        publish(emails=["finance@acme.example"])
        run()
        row = Outbox.objects.get()
        assert (row.settled_at, row.is_dead) == (None, False)
        assert "ConnectionRefusedError" in row.last_error

        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        Outbox.objects.update(available_at=now())
        run()

        assert len(mail.outbox) == len(receiver.received) == 1
        assert Outbox.objects.get().settled_at is not None

    def test_a_mail_that_is_sent_twice_has_one_message_id(self, publish):
        publish(emails=["finance@acme.example"])
        event = Outbox.objects.get().payload
        for _ in range(2):
            fanout.tell(key=KEY, event=event, at=now())

        first, second = (sent.message()["Message-ID"] for sent in mail.outbox)
        assert first == second
