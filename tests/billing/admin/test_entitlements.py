"""Rights by forms: given, added to and ended, with what is left of each."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now

from billing.entitlements import giving
from billing.models import Entitlement, Feature
from ledger.admin import roles
from ledger.models import Customer
from tests import factories
from tests.billing.entitlements.asking import World, new_world
from tests.billing.subscriptions.shop import new_shop, stage, usage
from tests.ledger.admin.browser import Browser
from wallets.models import Approval, CreditGrant

pytestmark = pytest.mark.django_db

LIST, PAGE = "billing_entitlement_changelist", "billing_entitlement_change"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def world(db: None) -> World:
    return new_world()


def wanted(world: World, **others: Any) -> dict[str, Any]:
    return {
        "customer": world.customer.key, "feature": world.tokens.pk, "kind": "metered",
        "limit": "100", "usage_period": "P1M", **others,
    }  # fmt: skip


def give(world: World, limit: int | None = 100, **terms: Any) -> Entitlement:
    usual = {"customer": world.customer, "feature": world.tokens, "kind": "metered"}
    amount = None if limit is None else Decimal(limit)
    return giving.give(limit=amount, at=now(), **{**usual, "usage_period": "P1M", **terms})


def customer(world: World) -> Customer:
    return factories.customer(book=world.scene.book)


def test_an_allowance_is_given_by_a_form(world: World) -> None:
    browser = Browser()

    browser.do("billing_entitlement_add", values=wanted(world, preserves_overage="on"))

    made = Entitlement.objects.get()
    assert (made.limit, made.usage_period, made.preserves_overage) == (100, "P1M", True)
    assert "tokens Metered 100 thing per P1M" in browser.read(LIST)


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({"kind": "boolean"}, None),
        # What the page hides may be left over from another choice.
        ({"kind": "boolean", "is_soft_limit": "on", "config": '{"a": 1}'}, None),
        ({"kind": "static", "config": '{"channels": ["mail"]}'}, {"channels": ["mail"]}),
    ],
)
def test_other_rights_have_no_limit(
    world: World, given: dict[str, Any], config: dict[str, Any] | None
) -> None:
    Browser().do("billing_entitlement_add", values=wanted(world, **given))

    made = Entitlement.objects.get()
    assert (made.limit, made.is_soft_limit, made.usage_period, made.config) == (
        None, False, "", config,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "static", "config": ""}, "config"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "0.001"}, "limit"),
        ({"usage_period": "PT1M"}, "usage_period"),
        ({"ends_at": "2001-01-01T00:00:00"}, "ends_at"),
        ({"customer": "nobody"}, "customer"),
        ({"time_zone": "Moon/Base"}, "time_zone"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    world: World, wrong: dict[str, str], field: str
) -> None:
    page = Browser().do("billing_entitlement_add", values=wanted(world, **wrong), status=200)

    assert field in page.context["form"].errors


def test_the_list_says_what_was_used_and_what_is_left(world: World) -> None:
    give(world, 100)
    world.use(30, at=now())

    browser = Browser()

    assert "100 thing per P1M 30 70" in browser.read(LIST)
    assert "in force" in browser.read(LIST)
    assert "30 of 100 thing used (30 %)" in browser.get(LIST).content.decode()


def test_what_is_used_up_or_over_is_said(world: World) -> None:
    give(world, 10)
    world.use(30, at=now())
    browser = Browser()
    assert "used up" in browser.read(LIST)

    giving.end(entitlement=Entitlement.objects.get(), at=now())

    assert "by hand over" in browser.read(LIST, state="over")
    assert "by hand" not in browser.read(LIST, state="open", source="hand")


def test_units_are_added_on_top(world: World) -> None:
    given = give(world, 100)
    browser = Browser()
    added = {"amount": "50", "reason": EVIL, "key": "launch"}

    browser.do("billing_entitlement_add-units", given.pk, values=added)
    browser.do("billing_entitlement_add-units", given.pk, values=added)

    pack = CreditGrant.objects.get(key="launch")
    assert (pack.amount, pack.feature_keys, pack.wallet.is_shared) == (50, ["tokens"], True)
    assert pack.reason == f"{EVIL} (user:{browser.user.username})"
    page = browser.get(PAGE, given.pk)
    assert EVIL not in page.content.decode()
    allowance, on_top = page.context["tables"]
    assert ("100" in str(allowance.rows[0]), "launch" in str(on_top.rows[0])) == (True, True)


def test_many_units_wait_for_a_second_person(world: World, settings: Any) -> None:
    settings.METERBOOK_APPROVAL_ABOVE = {"thing": Decimal(10)}
    given = give(world, 100)

    values = {"amount": "50", "reason": "x", "key": "launch"}
    Browser().do("billing_entitlement_add-units", given.pk, values=values)

    assert not CreditGrant.objects.filter(key="launch").exists()
    assert Approval.objects.get().amount == 50


def test_units_are_asked_for_until_the_period_ends(world: World) -> None:
    given = give(world, 100)

    page = Browser().get("billing_entitlement_add-units", given.pk)

    assert page.context["form"]["expires_at"].initial > now()


@pytest.mark.parametrize("amount", ["0", "-1", "0.001"])
def test_nothing_and_parts_of_units_are_not_added(world: World, amount: str) -> None:
    given = give(world, 100)

    values = {"amount": amount, "reason": "x", "key": "k"}
    page = Browser().do("billing_entitlement_add-units", given.pk, values=values, status=200)

    assert page.context["form"].errors


def test_nothing_is_added_to_what_has_no_end(world: World) -> None:
    given = give(world, None)
    browser = Browser()

    assert not browser.offers("add-units", PAGE, given.pk)
    browser.do("billing_entitlement_add-units", given.pk, values={}, status=403)


def test_a_right_by_hand_is_ended(world: World) -> None:
    given = give(world, 100)
    browser = Browser()

    browser.do("billing_entitlement_end", given.pk)

    given.refresh_from_db()
    assert given.ends_at is not None
    for operation in ("end", "add-units"):
        assert not browser.offers(operation, PAGE, given.pk)


def test_a_subscriptions_right_ends_with_it(db: None) -> None:
    shop = new_shop()
    plan = shop.plan(stage("main", usage("1", entitlement={"type": "boolean"})))
    subscription = shop.subscribe(plan)
    given = Entitlement.objects.get(item__subscription=subscription)
    browser = Browser()

    assert not browser.offers("end", PAGE, given.pk)
    browser.do("billing_entitlement_end", given.pk, status=403)
    assert subscription.key in browser.read(LIST)


def test_who_may_look_changes_nothing(world: World) -> None:
    given = give(world)
    auditor = Browser(role=roles.AUDITOR)

    assert "tokens" in auditor.read(LIST)
    auditor.get(PAGE, given.pk)
    auditor.get("billing_entitlement_add", status=403)
    for operation in ("add-units", "end"):
        assert not auditor.offers(operation, PAGE, given.pk)
        auditor.do(f"billing_entitlement_{operation}", given.pk, values={}, status=403)


def test_finance_may_do_all_of_it(world: World) -> None:
    finance = Browser(role=roles.FINANCE)

    finance.do("billing_entitlement_add", values=wanted(world))
    given = Entitlement.objects.get()
    units = {"amount": "50", "reason": "x", "key": "k"}
    finance.do("billing_entitlement_add-units", given.pk, values=units)
    finance.do("billing_entitlement_end", given.pk)


def test_entitlements_are_listed_in_a_fixed_number_of_queries(world: World) -> None:
    browser = Browser()
    give(world)
    few = browser.queries(LIST)
    for _ in range(4):
        give(world, customer=customer(world))

    assert len(browser.queries(LIST)) == len(few) <= 10


def test_the_page_of_a_customer_shows_what_is_left_of_its_allowances(world: World) -> None:
    given = give(world, 100)
    world.use(30, at=now())
    give(world, kind="boolean", limit=None, usage_period="", feature=Feature.objects.create(
        book=world.scene.book, key="support", name="Support", created_at=now()
    ))  # fmt: skip

    page = Browser().get("ledger_customer_change", world.customer.pk).content.decode()

    address = f"/entitlement/{given.pk}/change/"
    assert f'{address}">tokens</a> <span class="mb-badge mb-good">30 %</span>' in page
    assert "support" not in page
