"""Usage drains a wallet, a rule buys, finance confirms, and the customer is told; over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import now

from ledger import registry, verification
from ledger.models import Outbox
from tests import factories
from tests.api import Api
from tests.billing.scene import event
from wallets import tasks

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = "application/cloudevents-batch+json"


@pytest.fixture
def api():
    registry.currency(code="USD")
    api = Api(factories.book(key="b"))
    api.post("assets", {"code": "token", "name": "Tokens", "kind": "unit", "scale": 0})
    meter = {"key": "tokens", "event_type": "call", "aggregation": "sum", "unit": "token"}
    api.post("meters", meter | {"value_property": "$.n"})
    api.post("rate-cards", {"key": "list", "asset": "USD", "is_default": True})
    since = (now() - timedelta(days=1)).isoformat()
    rate = {"meter": "tokens", "unit_price": "0.01", "effective_from": since}
    assert api.post("rate-cards/list/rates", rate).status_code == 201
    api.post("customers", {"key": "acme", "name": "ACME"})
    api.put("subjects/agent", {"customer": "acme"})
    return api


def use(api, tokens):
    """Send usage of so many tokens, at a cent each, and have a worker look."""
    sent = event(tokens, subject="agent", at=datetime.now(UTC))
    answer = api.send("post", "events", b"[" + sent + b"]", content_type=BATCH)
    assert answer.json()["accepted"] == 1, answer.content
    tasks.evaluate_watches()


def test_a_wallet_that_usage_drains_is_filled_again_and_the_customer_is_told(api):
    wallet = api.post("wallets", {"customer": "acme", "asset": "USD", "key": "main"}).json()["id"]
    grant = {"key": "first", "amount": "50"}
    assert api.post(f"wallets/{wallet}/grants", grant, once="g1").status_code == 201
    rule = {"wallet": wallet, "key": "keep", "threshold": "20", "method": "target"}
    assert api.post("recharge-rules", rule | {"amount": "100"}).status_code == 201
    alert = {"wallet": wallet, "key": "low", "kind": "balance", "threshold": "10"}
    assert api.post("alerts", alert | {"emails": ["cfo@acme.example"]}).status_code == 201
    tasks.evaluate_watches()

    def available():
        return api.get(f"wallets/{wallet}/balance").json()["available"]

    use(api, 2900)
    assert (available(), api.get("top-ups").json()["data"]) == ("21", [])
    use(api, 500)
    [top_up] = api.get("top-ups", state="awaiting_payment").json()["data"]
    assert (available(), top_up["amount"], top_up["price"]) == ("16", "84", "84")
    use(api, 700)
    use(api, 100)
    assert len(api.get("top-ups").json()["data"]) == 1
    told = Outbox.objects.filter(topic="event", payload__type="wallet.balance.low")
    assert [row.payload["data"]["value"] for row in told] == ["9"]
    assert told.get().payload["emails"] == ["cfo@acme.example"]

    paid = {"payment_key": "MT103-88120"}
    answer = api.post(f"top-ups/{top_up['id']}/confirm", paid, once="c1").json()
    assert (answer["state"], available()) == ("settled", "92")
    tasks.evaluate_watches()
    use(api, 8500)
    assert (available(), told.all().count()) == ("7", 2)
    assert [one["amount"] for one in api.get("top-ups").json()["data"]] == ["93", "84"]
    report = verification.verify()
    assert report.disagreements == []
