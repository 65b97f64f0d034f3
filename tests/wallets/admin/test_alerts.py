"""Alerts in the admin: added, changed, ended; what they told."""

import pytest

from tests import factories
from tests.factories import NOON
from tests.ledger.admin.browser import Browser
from tests.wallets.recharge.rules import evaluate
from tests.wallets.spending import use
from wallets.models import Alert

pytestmark = pytest.mark.django_db

LOW = {"key": "low", "kind": "balance", "threshold": "20", "emails": "b@acme.test, a@acme.test"}


@pytest.fixture
def finance():
    return Browser(role="Finance operations")


def test_an_alert_is_added_to_a_wallet_and_shows_what_it_told(finance):
    grant = factories.grant()
    finance.do("wallets_wallet_alert", grant.wallet.pk, values=LOW)
    alert = Alert.objects.get()
    before = finance.read("wallets_alert_change", alert.pk)

    use(grant.wallet.customer, 90, at=NOON)
    evaluate()

    said = finance.read("wallets_alert_change", alert.pk)
    assert "It has not been crossed yet." in before
    assert "E-mail to: a@acme.test, b@acme.test" in said
    assert "Threshold: 20.00 USD" in said
    assert "1 2025-06-15 12:00:00 UTC 10.00 USD –" in said


def test_credit_about_to_expire_is_told_with_its_grant(finance):
    wallet = factories.wallet(customer=factories.customer(key="acme"), key="main")
    values = {"wallet": "acme/main", "key": "soon", "kind": "expiry", "threshold": "7"}

    finance.do("wallets_alert_add", values=values)

    alert = Alert.objects.get()
    assert alert.wallet == wallet
    assert "Threshold: 7 days" in finance.read("wallets_alert_change", alert.pk)


def test_what_cannot_be_is_said_at_its_field(finance):
    wallet = factories.wallet()

    def errors(**wrong):
        values = LOW | wrong
        page = finance.do("wallets_wallet_alert", wallet.pk, values=values, status=200)
        return set(page.context["form"].errors)

    assert errors(emails="nobody") == {"emails"}
    assert errors(kind="usage", threshold="0") == {"threshold"}
    assert errors(kind="moon") == {"kind"}
    assert not Alert.objects.exists()


def test_an_alert_is_changed_and_ended(finance):
    finance.do("wallets_wallet_alert", factories.wallet().pk, values=LOW)
    alert = Alert.objects.get()

    finance.do("wallets_alert_alter", alert.pk, values={"threshold": "5", "emails": ""})
    finance.do("wallets_alert_end", alert.pk)

    alert.refresh_from_db()
    assert (alert.threshold, alert.emails) == (5, [])
    assert alert.ended_at is not None
    assert not finance.offers("alter", "wallets_alert_change", alert.pk)


def test_an_auditor_looks_and_does_nothing(finance):
    finance.do("wallets_wallet_alert", factories.wallet().pk, values=LOW)
    alert, auditor = Alert.objects.get(), Browser(role="Auditor")

    auditor.get("wallets_alert_change", alert.pk)
    auditor.do("wallets_alert_end", alert.pk, status=403)
    auditor.get("wallets_alert_add", status=403)


def test_the_list_takes_the_same_queries_however_long(finance):
    finance.do("wallets_wallet_alert", factories.wallet().pk, values=LOW)
    few = finance.queries("wallets_alert_changelist")
    for number in range(4):
        finance.do(
            "wallets_wallet_alert", factories.wallet().pk, values=LOW | {"key": f"low-{number}"}
        )
    many = finance.queries("wallets_alert_changelist")

    assert len(many) == len(few) <= 10
