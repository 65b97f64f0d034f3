"""Rules of automatic recharge in the admin, and the stop of them all."""

from decimal import Decimal

import pytest

from tests import factories
from tests.factories import NOON
from tests.ledger.admin.browser import Browser
from tests.wallets.recharge.rules import bought, decline, evaluate, open_one, rule
from wallets.models import RechargeRule, RechargeStop

pytestmark = pytest.mark.django_db

PAGE = "wallets_rechargerule_change"


@pytest.fixture
def finance():
    return Browser(role="Finance operations")


def test_a_rule_is_made_on_its_wallet_and_buys(finance):
    wallet = factories.wallet()
    values = {
        "key": "keep-20", "threshold": "20", "method": "target", "amount": "100",
        "most_per_day": "500",
    }  # fmt: skip

    finance.do("wallets_wallet_recharge", wallet.pk, values=values)
    made = RechargeRule.objects.get()
    evaluate()

    assert bought(made) == [100]
    said = finance.read(PAGE, made.pk)
    assert "Buys when: below 20.00 USD" in said
    assert "Buys: up to 100.00 USD" in said
    assert "On its way 100.00 USD" in said
    assert f"{open_one(made).key} awaiting payment 100.00 USD 100.00 USD" in said


def test_a_rule_is_made_from_the_list_for_an_interval(finance):
    wallet = factories.wallet(customer=factories.customer(key="acme"), key="main")
    values = {"wallet": "acme/main", "key": "monthly", "method": "fixed", "amount": "50"}
    page = "wallets_rechargerule_add"

    neither = finance.do(page, values=values, status=200)
    finance.do(page, values={**values, "interval": "P1M", "anchor": "2090-01-01T00:00:00"})

    made = RechargeRule.objects.get()
    assert "threshold" in neither.context["form"].errors
    assert (made.wallet, made.interval) == (wallet, "P1M")
    assert "Threshold" not in finance.read("wallets_rechargerule_alter", made.pk)


def test_what_it_buys_is_changed(finance):
    made = rule()
    values = {"threshold": "10", "amount": "40", "most_per_month": "400", "most_per_day": ""}

    page = finance.do(
        "wallets_rechargerule_alter", made.pk, values={**values, "most_per_day": "5"}, status=200
    )
    finance.do("wallets_rechargerule_alter", made.pk, values=values)

    made.refresh_from_db()
    assert page.context["form"].errors["most_per_day"] == ["allow at least one charge"]
    assert (made.threshold, made.amount, made.most_per_month) == (10, 40, 400)
    assert made.most_per_day is None


def test_a_paused_rule_buys_nothing_until_it_is_resumed(finance):
    made = rule()
    finance.do("wallets_rechargerule_pause", made.pk, values={"reason": "Under review"})
    evaluate()

    assert bought(made) == []
    assert "Under review" in finance.read(PAGE, made.pk)
    finance.do("wallets_rechargerule_resume", made.pk)
    evaluate()
    assert bought(made) == [100]


def test_a_rule_that_stopped_says_why_and_begins_anew(finance):
    made = rule()
    at = NOON
    for _ in range(4):
        evaluate(at)
        decline(made, at)
        made.refresh_from_db()
        at = made.rests_until or at

    said = finance.read(PAGE, made.pk)
    assert "It has stopped resume it 4 payments in a row failed" in said
    assert said.count("The card was declined.") >= 4
    assert "Recharge rules stopped 1" in finance.read("index")
    finance.do("wallets_rechargerule_resume", made.pk)
    made.refresh_from_db()
    assert (made.state, made.declines) == ("active", 0)


def test_the_emergency_stop_halts_all_rules_of_a_book(finance):
    made = rule()
    book = made.wallet.customer.book

    finance.do("wallets_rechargestop_add", values={"book": book.pk, "reason": "Prices are wrong"})
    evaluate()

    stop = RechargeStop.objects.get()
    assert (bought(made), stop.cause) == ([], f"user:{finance.user.username}")
    assert "All recharges are stopped" in finance.read(PAGE, made.pk)
    finance.do("wallets_rechargestop_end", stop.pk)
    evaluate()
    assert bought(made) == [100]


def test_an_auditor_looks_and_does_nothing():
    made = rule()
    auditor = Browser(role="Auditor")

    for operation in ("alter", "pause", "resume"):
        assert not auditor.offers(operation, PAGE, made.pk)
        auditor.do(f"wallets_rechargerule_{operation}", made.pk, values={"reason": "r"}, status=403)
    auditor.get("wallets_rechargestop_add", status=403)
    auditor.get("wallets_rechargerule_add", status=403)


def test_the_list_takes_the_same_queries_however_long():
    browser = Browser()
    rule()
    few = browser.queries("wallets_rechargerule_changelist")
    for number in range(4):
        rule(threshold=Decimal(number))
    many = browser.queries("wallets_rechargerule_changelist")

    assert len(many) == len(few) <= 8
