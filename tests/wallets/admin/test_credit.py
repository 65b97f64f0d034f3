"""Wallets and grants in the admin: issued, voided, and what became of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ledger.models import Transaction
from tests import factories
from tests.factories import NOON
from tests.ledger.admin.browser import Browser, counted
from tests.wallets.spending import left_in, use
from wallets.models import CreditGrant, Wallet

pytestmark = pytest.mark.django_db

TERMS = {
    "key": "g1",
    "amount": "25.5",
    "funding": "paid",
    "priority": "100",
    "reason": "Agreed with sales",
}


def test_a_wallet_is_opened_and_credit_issued_into_it():
    customer = factories.customer(key="acme")
    dollars = factories.asset()
    browser = Browser()

    browser.do(
        "wallets_wallet_add",
        values={"customer": "acme", "asset": dollars.pk, "key": "main", "is_shared": "on"},
    )
    wallet = Wallet.objects.get(customer=customer)
    browser.do(
        "wallets_wallet_issue",
        wallet.pk,
        values={**TERMS, "features": "chat, api", "expires_at": "2090-01-01T00:00:00"},
    )

    grant = CreditGrant.objects.get()
    assert wallet.is_shared
    assert (left_in(grant), grant.feature_keys) == (Decimal("25.5"), ["api", "chat"])


def test_the_same_form_sent_twice_issues_once():
    wallet = factories.wallet()
    browser = Browser()

    for _ in range(2):
        browser.do("wallets_wallet_issue", wallet.pk, values=TERMS)

    assert CreditGrant.objects.count() == Transaction.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "1e400"}, "amount"),
        ({"expires_at": "2001-01-01T00:00:00"}, "expires_at"),
        ({"priority": "99999"}, "priority"),
        ({"key": ""}, "key"),
        ({"reason": ""}, "reason"),
    ],
)
def test_what_cannot_be_issued_is_said_at_its_field(wrong, field):
    wallet = factories.wallet()

    page = Browser().do("wallets_wallet_issue", wallet.pk, values=TERMS | wrong, status=200)

    assert field in page.context["form"].errors
    assert not CreditGrant.objects.exists()


def test_voiding_returns_what_is_unused():
    grant = factories.grant(amount=100)
    browser = Browser(permissions=["wallets.view_creditgrant", "wallets.void_creditgrant"])
    use(grant.wallet.customer, 30, at=NOON)

    browser.do("wallets_creditgrant_void", grant.pk, values={"reason": "by mistake"})

    grant.refresh_from_db()
    assert grant.voided_at is not None
    assert left_in(grant) == 0
    assert Transaction.objects.get(kind="void").memo == (
        f"by mistake (user:{browser.user.username})"
    )
    said = browser.read("wallets_creditgrant_change", grant.pk)
    assert "100.00 USD 30.00 USD – 70.00 USD" in said
    browser.do("wallets_creditgrant_void", grant.pk, values={"reason": "again"}, status=403)


def test_issuing_and_voiding_need_their_permissions():
    grant = factories.grant()
    browser = Browser(permissions=["wallets.view_creditgrant", "wallets.view_wallet"])

    browser.do("wallets_creditgrant_void", grant.pk, values={"reason": "r"}, status=403)
    browser.do("wallets_wallet_issue", grant.wallet.pk, values=TERMS, status=403)
    browser.get("wallets_wallet_add", status=403)


def test_a_wallet_shows_what_became_of_its_credit():
    wallet = factories.wallet()
    factories.grant(wallet=wallet, amount=40, expires_at=NOON + timedelta(days=1))
    factories.grant(wallet=wallet, amount=60)
    use(wallet.customer, 10, at=NOON)

    said = Browser().read("wallets_wallet_change", wallet.pk)

    # Granted, used, expired (the first, less what was used of it), available.
    assert "100.00 USD 10.00 USD 30.00 USD – – – – 60.00 USD" in said


@pytest.mark.parametrize("page", ["wallets_wallet_changelist", "wallets_creditgrant_changelist"])
def test_lists_take_the_same_queries_however_long(page):
    browser = Browser()
    for _ in range(2):
        factories.grant()
    few = browser.queries(page)
    for _ in range(6):
        factories.grant(wallet=factories.wallet(customer=factories.customer()))
    many = browser.queries(page)

    assert len(many) == len(few) <= 9
    assert not counted(many)


def test_grants_are_found_by_customer_and_state():
    wallet = factories.wallet()
    active = factories.grant(wallet=wallet, key="active")
    expired = factories.grant(wallet=wallet, key="old", expires_at=NOON + timedelta(days=1))
    factories.grant()
    browser = Browser()

    def found(**query):
        page = browser.get("wallets_creditgrant_changelist", **query)
        return {grant.pk for grant in page.context["cl"].result_list}

    assert found(q=wallet.customer.key) == {active.pk, expired.pk}
    assert found(q=wallet.customer.key, state="open") == {active.pk}
    assert found(state="expired") == {expired.pk}
    assert found(q="old") == {expired.pk}
