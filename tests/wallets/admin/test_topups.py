"""Top-ups in the admin: asked for, confirmed by one or two, failed, refunded."""

from decimal import Decimal

import pytest

from tests import factories
from tests.ledger.admin.browser import Browser, counted
from tests.wallets.admin.scene import TENTH, wallet_at
from tests.wallets.topups.buying import ask, credits_wallet, has, holds, pay
from wallets.models import Approval, TopUp

pytestmark = pytest.mark.django_db

SEEN = {"payment_key": "MT103-88120", "reason": "On the statement of today"}


@pytest.fixture
def finance():
    return Browser(role="Finance operations")


@pytest.fixture
def top_up():
    return ask(factories.wallet(), key="order-1")


def test_a_top_up_is_asked_for_and_its_payment_confirmed(finance):
    wallet = credits_wallet()

    finance.do("wallets_wallet_top-up", wallet.pk, values={"key": "order-1", "amount": "1000"})
    top_up = TopUp.objects.get()
    waits = finance.read("wallets_topup_change", top_up.pk)
    finance.do("wallets_topup_confirm", top_up.pk, values=SEEN)

    top_up.refresh_from_db()
    assert "1,000 credit" in waits
    assert "100.00 USD" in waits
    assert (top_up.state, top_up.payment_key, top_up.grant.amount) == (
        "settled",
        "MT103-88120",
        1000,
    )
    said = finance.read("wallets_topup_change", top_up.pk)
    name = finance.user.username
    assert f"settled {top_up.settled_at:%Y-%m-%d}" in said
    assert f"{name}: On the statement of today (user:{name})" in said


def test_a_large_payment_is_confirmed_by_two(settings, top_up, finance):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(99)}
    other = Browser(role="Finance operations")

    finance.do("wallets_topup_confirm", top_up.pk, values=SEEN)
    asked = Approval.objects.get()
    assert (has(top_up.wallet), asked.operation) == (0, "confirm")
    assert f"Waits for a second person approval {asked.pk}" in finance.read(
        "wallets_topup_change", top_up.pk
    )
    finance.do("wallets_approval_approve", asked.pk, status=403)
    other.do("wallets_approval_approve", asked.pk)

    top_up.refresh_from_db()
    assert (top_up.state, top_up.payment_key) == ("settled", "MT103-88120")


def test_confirming_again_or_with_another_top_ups_payment_is_refused(top_up, finance):
    other = ask(top_up.wallet)
    finance.do("wallets_topup_confirm", top_up.pk, values=SEEN)

    finance.do("wallets_topup_confirm", top_up.pk, values=SEEN, status=403)
    page = finance.do("wallets_topup_confirm", other.pk, values=SEEN, status=200)

    assert "The key already stands for something else" in page.content.decode()
    assert holds("rail_clearing") == 100


def test_what_will_not_be_paid_fails_with_a_reason(top_up, finance):
    page = finance.do("wallets_topup_fail", top_up.pk, values={}, status=200)
    finance.do("wallets_topup_fail", top_up.pk, values={"reason": "Never came"})

    top_up.refresh_from_db()
    assert "reason" in page.context["form"].errors
    assert top_up.state == "failed"
    assert top_up.reason.startswith("Never came")
    assert not finance.offers("confirm", "wallets_topup_change", top_up.pk)


def test_a_refund_says_what_was_taken_and_given_back(finance):
    top_up = pay(ask(credits_wallet(), 1000))

    finance.do("wallets_topup_refund", top_up.pk, values={"reason": "Asked for"})

    said = finance.read("wallets_topup_change", top_up.pk)
    assert "Credit taken back: 1,000 credit" in said
    assert "Money given back: 100.00 USD" in said


@pytest.mark.parametrize("operation", ["confirm", "fail"])
def test_acting_needs_the_right_of_each(top_up, operation):
    auditor = Browser(role="Auditor")

    assert not auditor.offers(operation, "wallets_topup_change", top_up.pk)
    auditor.do(f"wallets_topup_{operation}", top_up.pk, values=SEEN, status=403)


def test_who_confirms_may_not_refund(top_up):
    browser = Browser(permissions=["wallets.view_topup", "wallets.confirm_topup"])

    browser.do("wallets_topup_confirm", top_up.pk, values=SEEN)

    browser.do("wallets_topup_refund", top_up.pk, values={"reason": "r"}, status=403)


def test_top_ups_are_found_by_state_wallet_and_payment(top_up):
    paid = pay(ask(factories.wallet()), "wire-7")
    browser = Browser()

    def found(**query):
        page = browser.get("wallets_topup_changelist", **query)
        return [row.pk for row in page.context["cl"].result_list]

    assert found() == [paid.pk, top_up.pk]
    assert found(state__exact="awaiting_payment") == [top_up.pk]
    assert found(wallet__id__exact=paid.wallet_id) == [paid.pk]
    assert found(q="wire-7") == [paid.pk]
    assert found(q="order-1") == [top_up.pk]
    assert "Top-ups awaiting payment 1" in browser.read("index")


def test_the_list_takes_the_same_queries_however_long(top_up):
    browser = Browser()
    few = browser.queries("wallets_topup_changelist")
    for _ in range(4):
        pay(ask(factories.wallet()))
    many = browser.queries("wallets_topup_changelist")

    assert len(many) == len(few) <= 8
    assert not counted(many)


def test_units_of_an_allowance_cannot_be_bought(finance):
    units = factories.asset(code="tokens", kind="unit", scale=0)
    wallet = factories.wallet(customer=wallet_at(TENTH).customer, asset=units)

    assert not finance.offers("top-up", "wallets_wallet_change", wallet.pk)
    assert not finance.offers("recharge", "wallets_wallet_change", wallet.pk)
