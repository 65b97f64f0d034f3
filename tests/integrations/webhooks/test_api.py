"""Endpoints over REST: made, changed, rotated, tested, disabled, ended; deliveries and replays."""

import pytest
from django.db import connection
from django.utils.timezone import now

from integrations.models import WebhookDelivery, WebhookEndpoint
from ledger import tasks
from ledger.models import IdempotentReply
from tests import factories
from tests.api import Api, code
from tests.fakes import receiver as fake

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(book):
    return Api(book)


@pytest.fixture
def made(api, receiver):
    """Return an endpoint as its maker is shown it."""
    answer = api.post("webhooks", {"key": "crm", "url": f"{receiver.address}/hook"})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_the_secret_is_shown_once(api, made, run, receiver):
    assert made["secret"].startswith("whsec_")
    shown = api.get("webhooks/crm")
    assert "secret" not in shown.json()
    assert made["secret"] not in api.get("webhooks").content.decode()

    api.post("webhooks/crm/test")
    run()
    assert receiver.received[0].verified_by(made["secret"])["data"] == {"endpoint": "crm"}


def test_no_secret_is_kept_for_repetitions(api, receiver):
    body = {"key": "crm", "url": receiver.address}
    api.post("webhooks", body, once="k1")
    again = api.post("webhooks", body, once="k1")

    assert code(again) == (409, "already_exists")
    assert not IdempotentReply.objects.exists()


def test_a_secret_is_rotated_with_both_signing(api, made, run, receiver):
    answer = api.post("webhooks/crm/rotate", {"overlap_seconds": 3600})
    new = answer.json()["secret"]
    assert answer.json()["previous_secret_until"] is not None
    api.post("webhooks/crm/test")
    run()

    (message,) = receiver.received
    assert message.verified_by(new) == message.verified_by(made["secret"])
    assert code(api.post("webhooks/crm/rotate")) == (409, "secret_rotating")
    assert api.post("webhooks/crm/rotate", {"discards_current": True}).status_code == 200


def test_address_and_event_types_are_changed(api, made):
    changed = api.patch("webhooks/crm", {"event_types": ["topup.settled", "grant.expiring"]})

    assert changed.json()["event_types"] == ["grant.expiring", "topup.settled"]
    assert changed.json()["url"] == made["url"]
    moved = api.patch("webhooks/crm", {"url": "https://elsewhere.example/hook"})
    assert moved.json()["url"] == "https://elsewhere.example/hook"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "https://192.168.1.1/hook"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/hook"}, "url"),
        ({"url": "ftp://crm.example/hook"}, "url"),
        ({"url": "https://me:secret@crm.example/hook"}, "url"),
        ({"url": "https:///hook"}, "url"),
        ({"url": "https://crm.example:99999/hook"}, "url"),
        ({"url": "https://crm.example/ho ok"}, "url"),
        ({"event_types": ["wallet.balance.lowish"]}, "event_types"),
        ({"event_types": ["webhook.test"]}, "event_types"),
        ({"key": " crm"}, "key"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_at_its_field(api, settings, body, field):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    whole = {"key": "crm", "url": "https://crm.example/hook"} | body
    answer = api.post("webhooks", whole)

    assert code(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == field


def test_plain_http_is_for_private_networks_that_are_allowed(api, settings):
    settings.METERBOOK_WEBHOOK_PRIVATE_ADDRESSES = []
    answer = api.post("webhooks", {"key": "crm", "url": "http://crm.example/hook"})

    assert "https://" in answer.json()["errors"][0]["detail"]


def test_an_endpoint_is_disabled_enabled_and_sent_what_it_missed(api, made, publish, run, receiver):
    began = now().isoformat()
    disabled = api.post("webhooks/crm/disable", {"reason": "Maintenance"})
    assert (disabled.json()["is_enabled"], disabled.json()["disabled_reason"]) == (
        False,
        "Maintenance",
    )
    assert code(api.post("webhooks/crm/test")) == (409, "endpoint_disabled")
    publish()
    run()
    assert code(api.post("webhooks/crm/replay", {"since": began})) == (409, "endpoint_disabled")

    assert api.post("webhooks/crm/enable").json()["is_enabled"]
    replayed = api.post("webhooks/crm/replay", {"since": began}).json()
    run()

    assert replayed == {"replayed": 2}
    said = [each.said["type"] for each in receiver.received]
    assert sorted(said) == ["wallet.balance.low", "webhook.endpoint.disabled"]


def test_an_ended_endpoint_stays_on_record_and_does_nothing_more(api, made):
    assert api.send("delete", "webhooks/crm").status_code == 204
    assert api.send("delete", "webhooks/crm").status_code == 204

    assert api.get("webhooks/crm").json()["ended_at"] is not None
    assert code(api.post("webhooks/crm/enable")) == (409, "endpoint_ended")
    assert code(api.patch("webhooks/crm", {"event_types": []})) == (409, "endpoint_ended")


def test_deliveries_are_listed_read_and_sent_again(api, made, publish, run, receiver):
    receiver.faults = [fake.status(503, b"busy")]
    publish("e1")
    run()
    publish("e2", kind="grant.expiring")
    run()

    listed = api.get("webhooks/crm/deliveries").json()["data"]
    assert [each["state"] for each in listed] == ["delivered", "waiting"]
    waiting = api.get("webhooks/crm/deliveries", state="waiting").json()["data"]
    assert [each["last_error"] for each in waiting] == ["HTTP 503: busy"]
    assert len(api.get("webhooks/crm/deliveries", type="grant.expiring").json()["data"]) == 1

    shown = api.get(f"webhook-deliveries/{waiting[0]['id']}").json()
    assert shown["payload"]["type"] == "wallet.balance.low"
    assert [each["status"] for each in shown["history"]] == [503]

    again = api.post(f"webhook-deliveries/{listed[0]['id']}/replay").json()
    run()
    assert again["state"] == "waiting"
    assert receiver.ids().count(again["message_id"]) == 2


def test_the_event_types_are_listed_with_schema_and_example(api):
    listed = {each["type"]: each for each in api.get("webhooks/event-types").json()["data"]}

    assert {"wallet.balance.low", "budget.reached", "topup.settled"} <= listed.keys()
    assert listed["webhook.test"]["example"]["data"] == {"endpoint": "crm"}


class TestCustomersKeys:
    """A key that is bound to a customer knows that customer's endpoints only."""

    @pytest.fixture
    def customer(self, book):
        return factories.customer(book=book, key="acme")

    @pytest.fixture
    def bound(self, book, customer):
        return Api(book, customer=customer)

    def test_it_makes_endpoints_for_its_customer_and_those_below(
        self, bound, book, customer, receiver
    ):
        factories.customer(parent=customer, key="acme-labs")
        factories.customer(book=book, key="other")
        body = {"url": receiver.address}

        nobody = bound.post("webhooks", body | {"key": "a"})
        own = bound.post("webhooks", body | {"key": "b", "customer": "acme"})
        below = bound.post("webhooks", body | {"key": "c", "customer": "acme-labs"})
        others = bound.post("webhooks", body | {"key": "d", "customer": "other"})

        assert [each.status_code for each in (nobody, own, below, others)] == [400, 201, 201, 404]
        assert nobody.json()["errors"][0]["field"] == "customer"

    def test_other_endpoints_and_their_deliveries_do_not_exist_for_it(self, bound, api, made, run):
        api.post("webhooks/crm/test")
        delivery = WebhookDelivery.objects.get()

        assert bound.get("webhooks").json()["data"] == []
        for path in (
            "webhooks/crm",
            "webhooks/crm/deliveries",
            f"webhook-deliveries/{delivery.pk}",
        ):
            assert code(bound.get(path)) == (404, "not_found")
        for path in ("webhooks/crm/rotate", f"webhook-deliveries/{delivery.pk}/replay"):
            assert code(bound.post(path)) == (404, "not_found")
        assert code(bound.send("delete", "webhooks/crm")) == (404, "not_found")

    def test_its_endpoint_is_told_of_it_and_those_below_only(
        self, bound, book, customer, publish, run, receiver
    ):
        factories.customer(parent=customer, key="acme-labs")
        factories.customer(book=book, key="other")
        bound.post("webhooks", {"key": "b", "url": receiver.address, "customer": "acme"})
        for named in ("acme", "acme-labs", "other", None):
            publish(f"e-{named}", customer=named)
        run()

        told = [each.said["customer"] for each in receiver.received]
        assert sorted(told) == ["acme", "acme-labs"]


def test_ends_need_the_scope_that_manages(book, made):
    reader = Api(book, scopes=["read"])

    assert code(reader.send("delete", "webhooks/crm")) == (403, "scope_missing")
    assert code(reader.post("webhooks/crm/rotate")) == (403, "scope_missing")
    assert WebhookEndpoint.objects.get().ended_at is None


def test_another_books_key_sees_nothing(made):
    stranger = Api(factories.book())

    assert stranger.get("webhooks").json()["data"] == []
    assert code(stranger.get(f"webhooks/{made['id']}")) == (404, "not_found")


def test_the_service_may_do_all_of_this_with_the_applications_rights(
    api, made, publish, run, receiver
):
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE meterbook_app")
        receiver.faults = [fake.status(410)]
        publish()
        tasks.relay_outbox()
        run()
        api.post("webhooks/crm/enable")
        api.post("webhooks/crm/rotate")
        api.post("webhooks/crm/replay", {"since": made["created_at"]})
        api.patch("webhooks/crm", {"event_types": []})
        taken = run()
        ended = api.send("delete", "webhooks/crm").status_code
        cursor.execute("RESET ROLE")

    assert (taken, ended) == (2, 204)
