"""Subscriptions and contracts: read at a glance, changed by buttons, with who and why."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing import contracts, coupons, due
from billing.models import Contract, Subscription
from billing.subscriptions import changing, states
from ledger.models import Transaction
from tests import factories
from tests.billing.subscriptions.shop import flat, new_shop, stage, usage
from tests.ledger.admin.browser import Browser

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"
START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CHANGE = "billing_subscription_change"


@pytest.fixture
def shop():
    return new_shop()


@pytest.fixture
def subscription(shop):
    return shop.subscribe(shop.simple("10"), at=START)


def kinds(subscription):
    return list(subscription.history.order_by("sequence").values_list("kind", flat=True))


def last(subscription):
    return subscription.history.order_by("-sequence").first()


class TestChanging:
    def test_a_customer_is_subscribed(self, shop):
        plan, customer = shop.simple("10"), shop.customer()
        browser = Browser()
        values = {
            "customer": customer.key, "plan": plan.pk, "name": "Main", "reason": "Signed",
            "starts_at": "2025-01-01T00:00:00", "proration": "none",
        }  # fmt: skip

        browser.do("billing_subscription_add", values=values)

        made = Subscription.objects.get()
        assert (made.customer, made.starts_at, made.proration) == (customer, START, "none")
        assert (last(made).cause, last(made).reason) == (f"user:{browser.user.username}", "Signed")

    def test_a_plan_is_changed_after_looking_at_what_differs(self, shop, subscription):
        other = shop.simple("20", key="max")
        browser = Browser()
        values = {"plan": other.pk, "timing": "next_billing_cycle", "reason": "Upgrade"}

        shown = browser.do(
            "billing_subscription_change-plan", subscription.pk,
            values={**values, "dry_run": "on"}, status=200,
        )  # fmt: skip
        assert kinds(subscription) == ["created"]
        said = shown.content.decode()
        assert "10 flat; every P1M, in advance" in said
        assert "20 flat; every P1M, in advance" in said
        browser.do(
            "billing_subscription_change-plan", subscription.pk, values=shown.context["kept"]
        )

        assert kinds(subscription) == ["created", "changed"]
        assert last(subscription).reason == "Upgrade"
        assert last(subscription).effective_at > now()

    def test_it_moves_on_to_a_newer_version(self, shop, subscription):
        newer = shop.simple("12")
        browser = Browser()
        values = {"plan": newer.pk, "timing": "immediate"}

        shown = browser.do(
            "billing_subscription_migrate", subscription.pk,
            values={**values, "dry_run": "on"}, status=200,
        )  # fmt: skip
        browser.do("billing_subscription_migrate", subscription.pk, values=values)

        assert "12 flat" in shown.content.decode()
        assert kinds(subscription) == ["created", "migrated"]

    def test_an_instant_is_asked_for_where_one_is_chosen(self, subscription):
        browser = Browser()
        page = browser.do(
            "billing_subscription_cancel", subscription.pk, values={"timing": "at"}, status=200
        )
        ahead = f"{now() + 40 * DAY:%Y-%m-%dT%H:%M:%S}"
        browser.do(
            "billing_subscription_cancel",
            subscription.pk,
            values={"timing": "at", "instant": ahead, "reason": "Budget"},
        )

        assert "instant" in page.context["form"].errors
        assert f"{last(subscription).effective_at:%Y-%m-%dT%H:%M:%S}" == ahead

    def test_a_cancelation_is_taken_back(self, subscription):
        browser = Browser()
        assert not browser.offers("unschedule", CHANGE, subscription.pk)
        browser.do(
            "billing_subscription_cancel",
            subscription.pk,
            values={"timing": "next_billing_cycle"},
        )
        assert not browser.offers("cancel", CHANGE, subscription.pk)

        browser.do("billing_subscription_unschedule", subscription.pk)

        subscription.refresh_from_db()
        assert subscription.ends_at is None

    def test_it_is_paused_and_resumed(self, subscription):
        browser = Browser()
        browser.do("billing_subscription_pause", subscription.pk, values={"timing": "immediate"})
        assert "paused" in browser.read("billing_subscription_changelist")
        assert not browser.offers("pause", CHANGE, subscription.pk)

        browser.do("billing_subscription_resume", subscription.pk, values={"timing": "immediate"})

        assert kinds(subscription) == ["created", "paused", "resumed"]

    def test_what_lies_ahead_is_taken_back(self, shop, subscription):
        other = shop.simple("20", key="max")
        changing.change(subscription=subscription, plan=other, timing=now() + DAY, at=now())

        Browser().do("billing_subscription_restore", subscription.pk)

        assert kinds(subscription) == ["created", "changed", "restored"]

    def test_add_ons_are_bought_and_coupons_redeemed(self, shop, subscription):
        addon = shop.addon(subscription.plan_version, flat("5", key="seat"), most=3)
        coupon = coupons.create(
            book=shop.book, key="HELLO", name="Hello", kind="percentage",
            percentage=Decimal(10), duration="once", at=START,
        )  # fmt: skip
        browser = Browser()
        values = {"addon": addon.pk, "quantity": "2", "timing": "immediate"}

        page = browser.do(
            "billing_subscription_set-addon", subscription.pk,
            values={**values, "quantity": "9"}, status=200,
        )  # fmt: skip
        browser.do("billing_subscription_set-addon", subscription.pk, values=values)
        missing = browser.do(
            "billing_subscription_redeem", subscription.pk, values={"coupon": "NO"}, status=200
        )
        browser.do("billing_subscription_redeem", subscription.pk, values={"coupon": "HELLO"})
        redemption = coupon.redemptions.get()
        browser.do(
            "billing_subscription_remove-coupon",
            subscription.pk,
            values={"redemption": redemption.pk},
        )

        assert "at most 3" in str(page.context["form"].errors["quantity"])
        assert "no such coupon" in str(missing.context["form"].errors["coupon"])
        assert subscription.items.get(key__contains="seat").quantity == 2
        redemption.refresh_from_db()
        assert redemption.removed_at is not None

    def test_what_the_history_refuses_is_said(self, shop, subscription):
        values = {"plan": shop.simple("20", key="max").pk, "timing": "at",
                  "instant": "2024-06-01T00:00:00"}  # fmt: skip

        page = Browser().do(
            "billing_subscription_change-plan", subscription.pk, values=values, status=200
        )

        assert "timing" in page.context["form"].errors

    def test_each_button_needs_its_permission(self, subscription):
        looks = Browser(permissions=["billing.view_subscription"])
        changes = Browser(permissions=["billing.view_subscription", "billing.change_subscription"])

        assert not looks.offers("cancel", CHANGE, subscription.pk)
        looks.do(
            "billing_subscription_cancel", subscription.pk,
            values={"timing": "immediate"}, status=403,
        )  # fmt: skip
        looks.do("billing_subscription_add", values={}, status=403)
        assert changes.offers("cancel", CHANGE, subscription.pk)
        assert not changes.offers("redeem", CHANGE, subscription.pk)


class TestLooking:
    def test_a_page_tells_the_whole_story(self, shop):
        plan = shop.plan(
            stage("trial", duration="P1M"),
            stage("main", flat("10"), usage("0.5")),
        )
        subscription = shop.subscribe(plan, at=START, cause="user:ada", reason=EVIL)
        states.cancel(subscription=subscription, timing=START + 90 * DAY, at=START + DAY)
        due.run(customer=subscription.customer, until=START + 100 * DAY)
        browser = Browser()

        said = browser.read(CHANGE, subscription.pk)
        page = browser.get(CHANGE, subscription.pk).content.decode()

        assert "base main 10 flat" in said
        assert "tokens main 0.5 per unit" in said
        assert "2 canceled" in said
        assert "user:ada &lt;script&gt;" in said
        assert EVIL not in page
        assert 'class="mb-timeline"' in page
        assert "pro v1: trial: 2025-01-01 until 2025-02-01" in page
        charges = Transaction.objects.filter(
            pk__in=subscription.charges.values("changes__transaction_id")
        )
        assert charges.count() >= 3
        assert all(f"/admin/ledger/transaction/{one.pk}/change/" in page for one in charges)

    def test_the_list_shows_state_customer_plan_and_what_is_due(self, shop, subscription):
        due.run(customer=subscription.customer, until=START + DAY)
        paused = shop.subscribe(shop.simple("5", key="other"), at=START)
        states.pause(subscription=paused, timing=START + DAY, at=START + DAY)
        browser = Browser()

        said = browser.read("billing_subscription_changelist")

        assert f"{subscription.key} {subscription.customer.key} pro v1 active 2025-01-01" in said
        assert f"{paused.key} {paused.customer.key} other v1 paused" in said
        found = browser.get("billing_subscription_changelist", state="inactive")
        assert not found.context["cl"].result_list
        found = browser.get("billing_subscription_changelist", q=paused.customer.key)
        assert [row.pk for row in found.context["cl"].result_list] == [paused.pk]

    def test_number_of_queries_does_not_depend_on_rows(self, shop):
        plan = shop.simple("10")
        browser = Browser()

        def subscribe(count):
            for _ in range(count):
                made = shop.subscribe(plan, at=START)
                states.pause(subscription=made, timing=START + DAY, at=START + DAY)

        subscribe(2)
        few = browser.queries("billing_subscription_changelist")
        subscribe(6)

        assert len(browser.queries("billing_subscription_changelist")) == len(few) <= 12

    def test_a_page_reads_its_charges_in_a_fixed_number_of_queries(self, shop):
        subscription = shop.subscribe(shop.simple("10"), at=START)
        browser = Browser()
        due.run(customer=subscription.customer, until=START + 20 * DAY)
        few = browser.queries(CHANGE, subscription.pk)

        due.run(customer=subscription.customer, until=START + 200 * DAY)

        assert subscription.charges.count() > 6
        assert len(browser.queries(CHANGE, subscription.pk)) == len(few)

    def test_a_customers_page_leads_to_its_subscriptions(self, subscription):
        page = Browser().get("ledger_customer_change", subscription.customer_id).content.decode()

        assert f"customer__id__exact={subscription.customer_id}" in page


class TestContracts:
    def values(self, shop, customer, **others):
        return {
            "customer": customer.key, "key": "frame", "asset": shop.dollars.pk, "ramp": "P1Y",
            "starts_at": f"{now() - 73 * DAY:%Y-%m-%dT00:00:00}",
            "amounts-0-amount": "1000", "amounts-1-amount": "2000", **others,
        }  # fmt: skip

    def test_a_contract_is_entered_and_shows_where_it_stands(self, shop):
        customer = shop.customer()
        browser = Browser()

        browser.do(
            "billing_contract_add",
            values=self.values(shop, customer, overage_multiplier="1.5", name=EVIL),
        )

        contract = Contract.objects.get()
        assert contract.amounts == [1000, 2000]
        assert contract.cause == f"user:{browser.user.username}"
        said = browser.read("billing_contract_change", contract.pk)
        page = browser.get("billing_contract_change", contract.pk).content.decode()
        assert "1,000.00 USD 0.00 USD 1,000.00 USD 0.00 USD 0.00 USD 1,000.00 USD" in said
        assert "0.00 of 1,000.00 drawn" in page
        assert 'class="mb-promised"' in page
        assert EVIL not in page
        assert "3,000.00 USD" in browser.read("billing_contract_changelist")

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"amounts-0-amount": "many"}, "amounts"),
            ({"amounts-0-amount": "", "amounts-1-amount": ""}, "amounts"),
            ({"ramp": "P1X"}, "ramp"),
            ({"customer": "nobody"}, "customer"),
        ],
    )
    def test_what_cannot_be_promised_is_refused_at_its_field(self, shop, wrong, field):
        values = {**self.values(shop, shop.customer()), **wrong}

        page = Browser().do("billing_contract_add", values=values, status=200)

        assert field in page.context["form"].errors

    def test_number_of_queries_does_not_depend_on_rows(self, shop):
        browser = Browser()

        def sign(count):
            for _ in range(count):
                contracts.create(
                    customer=shop.customer(), asset=shop.dollars, key=factories.name("c"),
                    starts_at=START, ramp="P1Y", amounts=[Decimal(5)], at=START,
                )  # fmt: skip

        sign(2)
        few = browser.queries("billing_contract_changelist")
        sign(6)

        assert len(browser.queries("billing_contract_changelist")) == len(few) <= 12
