"""Shares of shared wallets and prices of credits in the admin."""

import pytest

from ledger.models import Asset
from tests import factories
from tests.factories import NOON
from tests.ledger.admin.browser import Browser
from tests.wallets.admin.scene import wallet_at
from wallets.models import CreditPrice, ShareUse, WalletShare

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance():
    return Browser(role="Finance operations")


@pytest.fixture
def shared():
    wallet = wallet_at(is_shared=True)
    factories.customer(parent=wallet.customer, key="team")
    return wallet


SHARE = {"customer": "team", "amount": "15", "cadence": "P1M"}


def test_a_share_is_given_changed_and_ended(finance, shared):
    finance.do("wallets_wallet_share", shared.pk, values=SHARE)
    finance.do("wallets_wallet_share", shared.pk, values={**SHARE, "amount": "20"})
    share = WalletShare.objects.get()
    ShareUse.objects.create(share=share, starts_at=NOON, used=7, held=2)

    said = finance.read("wallets_walletshare_change", share.pk)
    finance.do("wallets_walletshare_end", share.pk)

    share.refresh_from_db()
    assert "Per period: 20.00 USD" in said
    assert "2025-06-15 12:00:00 UTC 7.00 USD 2.00 USD" in said
    assert share.ended_at is not None
    finance.do("wallets_walletshare_end", share.pk, status=403)


def test_who_is_not_below_gets_no_share(finance, shared):
    factories.customer(key="stranger")
    values = {**SHARE, "customer": "stranger"}

    page = finance.do("wallets_wallet_share", shared.pk, values=values, status=200)

    assert page.context["form"].errors["customer"] == ["name one below acme"]
    assert not finance.offers("share", "wallets_wallet_change", factories.wallet().pk)


def test_a_credit_gets_a_price_from_now_on(finance):
    book, dollars = factories.book(), factories.asset()
    credit = factories.asset(code="credit", kind=Asset.Kind.CREDIT)
    values = {"book": book.pk, "asset": credit.pk, "currency": dollars.pk, "amount": "0.10"}

    past = finance.do(
        "wallets_creditprice_add",
        values={**values, "effective_from": "2001-01-01T00:00:00"},
        status=200,
    )
    finance.do("wallets_creditprice_add", values=values)

    assert "effective_from" in past.context["form"].errors
    assert "0.10 USD" in finance.read("wallets_creditprice_change", CreditPrice.objects.get().pk)
    assert "0.10 USD" in finance.read("wallets_creditprice_changelist")


def test_an_auditor_sets_neither(shared):
    auditor = Browser(role="Auditor")

    auditor.do("wallets_wallet_share", shared.pk, values=SHARE, status=403)
    auditor.get("wallets_creditprice_add", status=403)


def test_the_list_of_shares_takes_the_same_queries_however_long(finance, shared):
    page = "wallets_walletshare_changelist"
    finance.do("wallets_wallet_share", shared.pk, values=SHARE)
    few = finance.queries(page)
    for number in range(4):
        factories.customer(parent=shared.customer, key=f"team-{number}")
        values = {**SHARE, "customer": f"team-{number}"}
        finance.do("wallets_wallet_share", shared.pk, values=values)
    many = finance.queries(page)

    assert len(many) == len(few) <= 10
    assert len(finance.get(page, q="team").context["cl"].result_list) == 5
