"""Budgets by forms, how far they have come, and who may allow more."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.timezone import now

from billing.budgets import defining
from billing.models import Budget, BudgetApproval
from ledger.admin import roles
from tests import factories
from tests.billing.scene import Scene, event
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db

LIST, PAGE = "billing_budget_changelist", "billing_budget_change"
EVIL = "<script>alert(1)</script>"


def wanted(scene: Scene, **others: Any) -> dict[str, Any]:
    return {
        "key": "research", "customer": scene.customer.key, "asset": scene.dollars.pk,
        "amount": "100", "cadence": "P1M", "action": "block", "warn_at": "80, 95 %", **others,
    }  # fmt: skip


def budget(scene: Scene, amount: int | str = 100, **terms: Any) -> Budget:
    named = {"customer": scene.customer, "asset": scene.dollars, "key": factories.name("budget")}
    return defining.create(amount=Decimal(amount), at=now(), **named | terms)


def use(scene: Scene, quantity: int, **data: Any) -> None:
    """Have things used now, at half a dollar each."""
    scene.send(event(quantity, at=now(), **data), at=now())


def test_a_budget_is_added_by_a_form(scene: Scene) -> None:
    scene.feature(scene.meters["sum"], key="tokens")
    browser = Browser()

    others = {"feature": "tokens", "labels": "model=gpt-5", "anchor": "2025-01-01T00:00:00"}
    browser.do("billing_budget_add", values=wanted(scene, **others))

    made = Budget.objects.get()
    assert (made.feature_key, made.labels) == ("tokens", {"model": "gpt-5"})
    assert made.warn_at == [80, 95]
    assert "tokens with model=gpt-5 P1M 100.00 USD" in browser.read(LIST)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"cadence": "PT1M"}, "cadence"),
        ({"feature": "video"}, "feature"),
        ({"amount": "-1"}, "amount"),
        ({"warn_at": "many"}, "warn_at"),
        ({"warn_at": "NaN"}, "warn_at"),
        ({"warn_at": "0"}, "warn_at"),
        ({"labels": "model"}, "labels"),
        ({"customer": "nobody"}, "customer"),
        ({"time_zone": "Moon/Base"}, "time_zone"),
        ({"amount": "0.0000000000001"}, "amount"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    scene: Scene, wrong: dict[str, str], field: str
) -> None:
    page = Browser().do("billing_budget_add", values=wanted(scene, **wrong), status=200)

    assert field in page.context["form"].errors


def test_a_key_is_taken_once(scene: Scene) -> None:
    budget(scene, key="research")

    page = Browser().do("billing_budget_add", values=wanted(scene), status=200)

    assert "is taken" in str(page.context["form"].non_field_errors())


def test_how_far_a_budget_has_come_is_a_bar_with_its_marks(scene: Scene) -> None:
    budget(scene, 100, key="research", warn_at=[Decimal(80)])
    use(scene, 128)
    browser = Browser()

    page = browser.get(LIST).content.decode()

    assert "64.00 of 100.00 USD used (64 %)" in page
    assert 'class="mb-used mb-is-good" x="0" y="2" width="76.8"' in page
    assert 'class="mb-warns" x1="96.0"' in page
    assert 'class="mb-ends" x1="119.0"' in page


@pytest.mark.parametrize(
    ("used", "said"), [(0, "within"), (160, "warned"), (200, "reached"), (400, "reached")]
)
def test_a_budget_says_whether_all_is_well(scene: Scene, used: int, said: str) -> None:
    budget(scene, 100, warn_at=[Decimal(80)])
    if used:
        use(scene, used)

    assert said in Browser().read(LIST)


def test_its_page_draws_the_periods_that_it_has_seen(scene: Scene) -> None:
    long_ago = now() - timedelta(hours=20)
    made = defining.create(
        customer=scene.customer, asset=scene.dollars, key="hourly", amount=Decimal(10),
        cadence="PT1H", at=long_ago,
    )  # fmt: skip
    use(scene, 4)
    browser = Browser()

    page = browser.get(PAGE, made.pk)

    assert "Use over the last 12 periods" in page.content.decode()
    assert page.content.decode().count("<g><title>") == 12
    periods = page.context["tables"][0].rows
    assert "2.00" in periods[0][2]
    assert [row[4] for row in periods[1:3]] == [periods[1][4]] * 2


def test_a_new_budget_has_one_period(scene: Scene) -> None:
    page = Browser().get(PAGE, budget(scene).pk).content.decode()

    assert page.count("<g><title>") == 1


def test_a_budget_is_changed_and_ended(scene: Scene) -> None:
    made = budget(scene)
    browser = Browser()

    changed = {"name": "New", "amount": "50", "action": "warn", "warn_at": "50"}
    browser.do("billing_budget_edit", made.pk, values=changed)
    made.refresh_from_db()
    assert (made.name, made.amount, made.action, made.warn_at) == ("New", 50, "warn", [50])

    browser.do("billing_budget_end", made.pk)
    made.refresh_from_db()
    assert made.ended_at is not None
    for operation in ("edit", "end", "approve"):
        assert not browser.offers(operation, PAGE, made.pk)
        browser.do(f"billing_budget_{operation}", made.pk, values=changed, status=403)
    assert made.key in browser.read(LIST, state="ended")
    assert made.key not in browser.read(LIST, state="open")


def test_more_is_approved_where_that_is_what_it_asks_for(scene: Scene) -> None:
    made = budget(scene, 100, action="approve")
    browser = Browser()
    approval = {"extra": "25", "reason": EVIL, "key": "launch"}

    browser.do("billing_budget_approve", made.pk, values=approval)
    browser.do("billing_budget_approve", made.pk, values=approval)

    assert BudgetApproval.objects.get().cause == f"user:{browser.user.username}"
    page = browser.get(PAGE, made.pk).content.decode()
    assert "0.00 of 125.00 USD used" in page
    assert EVIL not in page
    other = browser.do(
        "billing_budget_approve", made.pk, values={**approval, "extra": "26"}, status=200
    )
    assert other.context["form"].errors
    blocking = budget(scene)
    assert not browser.offers("approve", PAGE, blocking.pk)
    browser.do("billing_budget_approve", blocking.pk, values=approval, status=403)


def test_who_may_look_changes_nothing(scene: Scene) -> None:
    made = budget(scene, action="approve")
    auditor = Browser(role=roles.AUDITOR)

    assert made.key in auditor.read(LIST)
    auditor.get(PAGE, made.pk)
    auditor.get("billing_budget_add", status=403)
    for operation in ("edit", "approve", "end"):
        assert not auditor.offers(operation, PAGE, made.pk)
        auditor.do(f"billing_budget_{operation}", made.pk, values={}, status=403)


def test_finance_may_do_all_of_it(scene: Scene) -> None:
    made = budget(scene, action="approve")
    finance = Browser(role=roles.FINANCE)

    finance.do("billing_budget_approve", made.pk, values={"extra": "1", "reason": "x", "key": "k"})
    finance.do("billing_budget_end", made.pk)


def test_budgets_are_listed_in_a_fixed_number_of_queries(scene: Scene) -> None:
    browser = Browser()
    for _ in range(2):
        budget(scene)
    few = browser.queries(LIST)
    for _ in range(6):
        budget(scene, customer=factories.customer(parent=scene.customer))

    assert len(browser.queries(LIST)) == len(few) <= 8


def test_the_page_of_a_customer_shows_its_limits(scene: Scene) -> None:
    made = budget(scene, 100, warn_at=[Decimal(50)])
    for _ in range(5):
        budget(scene, key=factories.name("more"))
    use(scene, 128)
    browser = Browser()

    page = browser.get("ledger_customer_change", scene.customer.pk).content.decode()

    assert f'{made.key}</a> <span class="mb-badge mb-warn">64 %</span>' in page
    assert "and 1 more" in page
    assert f"/billing/budget/?customer__id__exact={scene.customer.pk}" in page


def test_customers_limits_take_a_fixed_number_of_queries(scene: Scene) -> None:
    budget(scene)
    browser = Browser()
    few = browser.queries("ledger_customer_changelist")
    for _ in range(4):
        budget(scene, customer=factories.customer(parent=scene.customer))

    assert len(browser.queries("ledger_customer_changelist")) == len(few)
