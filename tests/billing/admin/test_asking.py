"""The page on which a refusal is explained."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now

from billing import catalogue
from billing.budgets import defining
from billing.entitlements import giving
from ledger import registry
from ledger.admin import roles
from tests.billing.entitlements.asking import World, new_world
from tests.ledger.admin.browser import Browser
from wallets.models import Hold

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    return new_world()


def ask(world: World, browser: Browser | None = None, **others: Any) -> str:
    asked = {"book": world.scene.book.pk, "customer": world.customer.key, "feature": "tokens"}
    return (browser or Browser()).read("billing_ask", **{**asked, **others})


def test_an_empty_page_asks_for_a_question(world: World) -> None:
    said = Browser().read("billing_ask")

    assert "Nothing is set aside." in said
    assert "Name either" not in said


def test_what_nothing_bounds_is_allowed(world: World) -> None:
    said = ask(world)

    assert "Answer allowed" in said
    assert "Nothing bounds it." in said


def test_a_used_up_allowance_is_explained(world: World) -> None:
    giving.give(
        customer=world.customer, feature=world.tokens, kind="metered", limit=Decimal(100),
        usage_period="P1M", at=now(),
    )  # fmt: skip
    world.use(60, at=now())

    said = ask(world, quantity="41")

    assert "Answer refused usage_limit_reached Why The allowance is used up." in said
    assert "Starts anew" in said
    assert "Allowance tokens 40 thing 100 thing 41 thing" in said
    assert "says no" in said
    assert not Hold.objects.exists()


def test_a_budget_that_is_reached_is_named(world: World) -> None:
    world.scene.rate(world.scene.meters["llm"], 1)
    made = defining.create(
        customer=world.customer, asset=world.scene.dollars, key="research", amount=Decimal(10),
        at=now(), labels={"model": "gpt-5"},
    )  # fmt: skip
    browser = Browser()

    assert "allowed" in ask(world, browser, quantity="11")
    said = ask(world, browser, quantity="11", labels="model=gpt-5")

    assert "refused budget_reached" in said
    assert "It would cost 11.00 USD" in said
    assert "Budget research 10.00 USD 10.00 USD 11.00 USD" in said
    asked = {"book": made.book_id, "customer": world.customer.key, "labels": "model=gpt-5"}
    page = browser.get("billing_ask", feature="tokens", quantity="11", **asked)
    assert f"/billing/budget/{made.pk}/change/" in page.content.decode()


def test_a_budget_that_only_warns_does_not_say_no(world: World) -> None:
    world.scene.rate(world.scene.meters["llm"], 1)
    for key, action in (("soft", "warn"), ("hard", "block")):
        defining.create(
            customer=world.customer, asset=world.scene.dollars, key=key, amount=Decimal(10),
            action=action, at=now(),
        )  # fmt: skip

    assert ask(world, quantity="11").count("says no") == 1


def test_a_missing_credit_is_explained_by_its_cost(world: World) -> None:
    world.scene.rate(world.scene.meters["llm"], 1)
    catalogue.set_profile(customer=world.customer, settlement="credit_only")
    world.scene.grant(5)

    said = ask(world, quantity="6")

    assert "refused credit_exhausted Why There is not enough credit." in said
    assert "Prepaid credit – 5.00 USD – 6.00 USD – says no" in said


def test_who_is_unknown_or_suspended_is_said(world: World) -> None:
    registry.update_customer(customer=world.customer, is_active=False)

    assert "customer_suspended" in ask(world)
    assert "customer_unknown" in ask(world, customer="nobody")
    assert "customer_unknown" in ask(world, customer="", subject="nobody")


def test_a_subject_asks_as_its_customer(world: World) -> None:
    said = ask(world, customer="", subject="api", feature="video")

    assert f"Who asks {world.customer.key}" in said
    assert "feature_unknown Why No feature is known under that key." in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer": ""},
        {"subject": "api"},
        {"quantity": "many"},
        {"cost": "-1"},
        {"labels": "model"},
        {"quantity": "1e400"},
        {"book": "0"},
        {"customer": "a\0b"},
    ],
)
def test_what_cannot_be_asked_is_said(world: World, wrong: dict[str, str]) -> None:
    said = ask(world, **wrong)

    assert "Answer" not in said


def test_everybody_who_may_look_at_rights_may_ask(world: World) -> None:
    assert "allowed" in ask(world, Browser(role=roles.AUDITOR))
    Browser(permissions=["ledger.view_customer"]).get("billing_ask", status=403)


def test_the_page_of_a_customer_leads_here(world: World) -> None:
    page = Browser().get("ledger_customer_change", world.customer.pk).content.decode()

    asked = f"book={world.scene.book.pk}&amp;customer={world.customer.key}"
    assert f"/admin/billing/ask/?{asked}" in page
