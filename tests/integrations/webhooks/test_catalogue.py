"""The catalogue is whole and true: what is published is in it, as it says."""

import ast
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client
from django.utils.timezone import now
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from integrations.webhooks import endpoints, messages
from integrations.webhooks.catalogue import DISABLED, EVENT_TYPES, TEST
from integrations.webhooks.event_types import EventType
from ledger.models import Outbox
from tests import factories
from tests.billing.budgets.scene import budget
from tests.billing.scene import event, new_scene
from tests.factories import NOON
from tests.wallets.holds.setting_aside import hold
from tests.wallets.recharge import rules
from tests.wallets.spending import use
from tests.wallets.topups import buying
from wallets import alerts, evaluation, holds, topups

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ROOT = Path(__file__).resolve().parents[3]
TELLS = re.compile(r"import .*\b(tell|telling|tell_of)\b")
TYPE = re.compile(r"[a-z_]+(\.[a-z_]+)+")


def validator(kind: EventType) -> Draft202012Validator:
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(kind.schema, format_checker=checker)


def publishers():
    """Return the parsed modules that tell events: by the outbox itself, or through a wallet."""
    for package in ("ledger", "wallets", "billing", "integrations"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            if 'topic="event"' in text or TELLS.search(text):
                yield ast.parse(text)


def published() -> set[str]:
    """Return the types that any module publishes: its texts that look like one."""
    families = {name.partition(".")[0] for name in EVENT_TYPES}
    return {
        node.value
        for module in publishers()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if TYPE.fullmatch(node.value) and node.value.partition(".")[0] in families
    }


def test_each_type_that_is_published_is_in_the_catalogue_and_no_other():
    assert published() | {DISABLED} == EVENT_TYPES.keys() - {TEST}


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_each_example_is_what_its_schema_says(kind):
    Draft202012Validator.check_schema(kind.schema)
    validator(kind).validate(kind.message)
    for name in kind.fields:
        less = kind.message | {"data": {k: v for k, v in kind.example.items() if k != name}}
        assert not validator(kind).is_valid(less), f"{name} is always there"


def test_the_openapi_document_describes_each_message(db):
    document = Client().get("/api/v1/openapi.json").json()

    OpenAPIV31SpecValidator(document).validate()
    assert document["webhooks"].keys() == EVENT_TYPES.keys()
    told = document["webhooks"]["budget.reached"]["post"]
    assert {each["name"] for each in told["parameters"]} == {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }


def told() -> set[str]:
    """Check all events that were published in this test by their schemas; return their types."""
    rows = list(Outbox.objects.filter(topic="event"))
    for row in rows:
        event = row.payload
        message = messages.payload(
            kind=event["type"], customer=event["customer"], data=event["data"], at=row.created_at
        )
        validator(EVENT_TYPES[event["type"]]).validate(message)
    return {row.payload["type"] for row in rows}


@pytest.mark.django_db
class TestWhatIsPublished:
    """Whatever the packages below publish is as the catalogue says."""

    def test_grants(self):
        factories.grant()
        factories.grant(expires_at=NOON + 30 * DAY)

        assert told() == {"grant.issued"}

    def test_alerts(self):
        wallet = factories.wallet()
        factories.grant(wallet=wallet, amount=10, expires_at=NOON + 7 * DAY)
        use(wallet.customer, 7, at=NOON)
        for kind, threshold in (("balance", 20), ("usage", 50), ("expiry", 14), ("run_out", 14)):
            alerts.create(wallet=wallet, key=kind, kind=kind, threshold=Decimal(threshold), at=NOON)
        evaluation.evaluate(at=NOON)
        alerts.look_ahead(at=NOON + DAY)

        assert told() == {
            "grant.issued",
            "wallet.balance.low",
            "wallet.run_out.projected",
            "grant.expiring",
            "entitlement.usage",
        }

    def test_top_ups(self):
        wallet = factories.wallet()
        buying.pay(buying.ask(wallet))
        topups.fail(top_up=buying.ask(wallet), reason="declined", at=NOON)
        topups.refund(top_up=buying.pay(buying.ask(wallet)), reason="bought twice", at=NOON)

        named = {f"topup.{state}" for state in ("requested", "settled", "failed", "refunded")}
        assert told() - {"grant.issued"} == named

    def test_recharges(self):
        made, at = rules.rule(), NOON
        while not Outbox.objects.filter(payload__type="recharge.stopped").exists():
            rules.evaluate(at)
            rules.decline(made, at)
            at += 2 * DAY

        assert told() == {"topup.requested", "topup.failed", "recharge.stopped"}

    def test_holds(self):
        grant = factories.grant(amount=100)
        hold(grant.wallet.customer, 75, expires_in=HOUR)
        late = hold(grant.wallet.customer, 5, expires_in=HOUR)
        holds.release(hold=late, at=NOON + HOUR)
        holds.expire(at=NOON + HOUR)

        assert told() == {"grant.issued", "hold.expired"}

    def test_budgets(self):
        scene = new_scene()
        scene.meter()
        budget(scene, 100, warn_at=[80])
        scene.send(event(101))

        assert told() == {"budget.warning", "budget.reached"}

    def test_endpoints(self, endpoint):
        made, _ = endpoint()
        endpoints.disable(endpoint=made, at=now(), reason="maintenance")

        assert told() == {DISABLED}
