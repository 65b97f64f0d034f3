"""Credit issued, adjusted, moved and voided by people: with a reason, large changes by two."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from tests import factories
from tests.ledger.admin.browser import Browser
from tests.wallets.admin.scene import TENTH, wallet_at
from tests.wallets.spending import left_in
from wallets import funds
from wallets.models import Approval, CreditGrant, GrantSchedule, Wallet

pytestmark = pytest.mark.django_db

REASON = {"reason": "Agreed with sales"}


@pytest.fixture(autouse=True)
def _bounds(settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(1000)}


@pytest.fixture
def wallet():
    return wallet_at()


@pytest.fixture
def finance():
    return Browser(role="Finance operations")


def has(wallet: Wallet) -> Decimal:
    """Return what a wallet has to spend by its customer's time."""
    return funds.of(wallet, at=TENTH)


def waiting() -> Approval:
    return Approval.objects.get(state="waiting")


def test_a_grant_is_given_more_and_less(wallet, finance):
    grant = factories.grant(wallet=wallet)
    adjust = "wallets_creditgrant_adjust"

    finance.do(adjust, grant.pk, values={"direction": "more", "amount": "20", **REASON})
    finance.do(adjust, grant.pk, values={"direction": "less", "amount": "35.5", **REASON})

    assert (has(wallet), left_in(grant)) == (Decimal("84.5"), Decimal("64.5"))
    parts = finance.read("wallets_creditgrant_change", grant.pk)
    said_why = f"Agreed with sales (user:{finance.user.username})"
    assert f"acme/main voided 35.50 USD {said_why}" in parts


def test_the_same_adjustment_sent_twice_is_done_once(wallet, finance):
    grant = factories.grant(wallet=wallet)
    values = {"key": "once", "direction": "more", "amount": "20", **REASON}

    for _ in range(2):
        finance.do("wallets_creditgrant_adjust", grant.pk, values=values)

    assert has(wallet) == 120


def test_more_than_is_unused_cannot_be_taken(wallet, finance):
    grant = factories.grant(wallet=wallet)

    page = finance.do(
        "wallets_creditgrant_adjust",
        grant.pk,
        values={"direction": "less", "amount": "100.01", **REASON},
        status=200,
    )

    assert "take no more than is unused" in page.content.decode()
    assert left_in(grant) == 100


@pytest.mark.parametrize(
    ("operation", "values"),
    [
        ("adjust", {"direction": "more", "amount": "1"}),
        ("void", {}),
        ("transfer", {"target": "acme/main", "amount": "1"}),
    ],
)
def test_nothing_is_changed_without_a_reason(wallet, finance, operation, values):
    grant = factories.grant(wallet=wallet)

    page = finance.do(f"wallets_creditgrant_{operation}", grant.pk, values=values, status=200)

    assert "reason" in page.context["form"].errors
    assert left_in(grant) == 100


@pytest.mark.parametrize("operation", ["adjust", "void", "transfer"])
def test_a_grant_that_is_over_offers_no_change(finance, operation):
    grant = factories.grant(wallet=wallet_at(TENTH), expires_at=TENTH - timedelta(microseconds=1))

    assert not finance.offers(operation, "wallets_creditgrant_change", grant.pk)
    finance.get(f"wallets_creditgrant_{operation}", grant.pk, status=403)


def test_credit_moves_to_another_wallet_of_the_book(wallet, finance):
    first = factories.grant(wallet=wallet, amount=30, priority=1)
    second = factories.grant(wallet=wallet, amount=100)
    target = factories.wallet(customer=wallet.customer, key="team/chat")
    named = {"target": "acme/team/chat", **REASON}

    finance.do("wallets_wallet_transfer", wallet.pk, values={**named, "amount": "40"})
    finance.do("wallets_creditgrant_transfer", second.pk, values={**named, "amount": "5"})

    assert (left_in(first), left_in(second), has(target)) == (0, 85, 45)


@pytest.mark.parametrize("target", ["acme/nothing", "other/main", "nonsense", "99999999", "²"])
def test_a_wallet_that_is_not_in_the_book_is_no_target(wallet, finance, target):
    factories.wallet(customer=factories.customer(key="other"), key="main")

    page = finance.do(
        "wallets_wallet_transfer",
        wallet.pk,
        values={"target": target, "amount": "1", **REASON},
        status=200,
    )

    assert page.context["form"].errors["target"] == ["There is no such wallet."]


def test_credit_is_scheduled_and_ended(wallet, finance):
    values = {
        "key": "monthly", "amount": "40", "cadence": "P1M", "starts_at": "2025-07-01T00:00:00",
        "funding": "promotional", "priority": "50", "rollover_maximum": "10", "features": "chat",
        **REASON,
    }  # fmt: skip

    finance.do("wallets_wallet_schedule", wallet.pk, values=values)
    schedule = GrantSchedule.objects.get()
    said = finance.read("wallets_grantschedule_change", schedule.pk)
    finance.do("wallets_grantschedule_end", schedule.pk, values={"ends_at": "2025-09-01T00:00:00"})

    schedule.refresh_from_db()
    assert (schedule.amount, schedule.feature_keys) == (40, ["chat"])
    assert "Nothing has been issued yet." in said
    assert f"{schedule.ends_at:%Y-%m-%d}" == "2025-09-01"


def test_a_schedule_is_added_from_its_list_by_the_wallets_name(wallet, finance):
    values = {
        "wallet": "acme/main", "amount": "40", "cadence": "every month", "funding": "paid",
        "starts_at": "2025-07-01T00:00:00", "priority": "50", **REASON,
    }  # fmt: skip

    page = finance.do("wallets_grantschedule_add", values={**values, "key": "k"}, status=200)
    finance.do("wallets_grantschedule_add", values={**values, "key": "k", "cadence": "P1M"})

    assert "cadence" in page.context["form"].errors
    assert GrantSchedule.objects.get().wallet == wallet


class TestTwoPeople:
    """What is large is done when somebody else has approved it."""

    @pytest.fixture
    def other(self, finance):
        return Browser(role="Finance operations")

    def ask(self, browser, wallet, amount="1000.01", **values):
        terms = {"key": "big", "funding": "paid", "priority": "100", **REASON}
        return browser.do(
            "wallets_wallet_issue", wallet.pk, values={**terms, "amount": amount, **values}
        )

    def test_a_large_grant_waits_and_is_issued_when_another_approves(self, wallet, finance, other):
        response = self.ask(finance, wallet, effective_at="2025-06-20T00:00:00", cost_basis="0.5")

        asked = waiting()
        assert response.url.endswith(f"/approval/{asked.pk}/change/")
        said = finance.read("wallets_approval_change", asked.pk)
        assert "a second person must approve it" in said
        assert "You asked for it somebody else decides" in said
        asked_by = f"approval {asked.pk} grant, asked for by user:{finance.user.username}"
        assert asked_by in finance.read("wallets_wallet_change", wallet.pk)
        assert not CreditGrant.objects.exists()

        assert other.offers("approve", "wallets_approval_change", asked.pk)
        other.do("wallets_approval_approve", asked.pk)

        grant = CreditGrant.objects.get()
        assert (grant.key, grant.amount) == ("big", Decimal("1000.01"))
        assert (grant.cost_basis, f"{grant.effective_at:%d}") == (Decimal("0.5"), "20")
        done = other.read("wallets_approval_change", asked.pk)
        assert f"Decided by: user:{other.user.username}" in done
        assert "acme/main/big" in done

    def test_nobody_decides_what_they_asked_for(self, wallet, finance):
        self.ask(finance, wallet)
        page = ("wallets_approval_change", waiting().pk)

        assert not finance.offers("approve", *page)
        assert not finance.offers("refuse", *page)
        finance.do("wallets_approval_approve", waiting().pk, status=403)
        finance.do("wallets_approval_refuse", waiting().pk, values=REASON, status=403)
        assert waiting().asked_by == finance.user

    def test_deciding_needs_the_permission(self, wallet, finance):
        self.ask(finance, wallet)
        auditor = Browser(role="Auditor")

        auditor.get("wallets_approval_change", waiting().pk)
        auditor.do("wallets_approval_approve", waiting().pk, status=403)

    def test_what_is_refused_is_not_done_and_says_why(self, wallet, finance, other):
        self.ask(finance, wallet)
        asked = waiting()

        other.do("wallets_approval_refuse", asked.pk, values={"reason": "Too much"})

        assert "Too much" in finance.read("wallets_approval_change", asked.pk)
        other.do("wallets_approval_approve", asked.pk, status=403)
        assert not CreditGrant.objects.exists()

    def test_asking_twice_waits_once(self, wallet, finance):
        for _ in range(2):
            self.ask(finance, wallet)

        assert waiting().arguments["key"] == "big"

    def test_what_cannot_be_done_any_more_is_said_and_waits(self, wallet, finance, other):
        grant = factories.grant(wallet=wallet, amount=3000)
        finance.do(
            "wallets_creditgrant_adjust",
            grant.pk,
            values={"direction": "less", "amount": "2000", **REASON},
        )
        asked = waiting()
        target = factories.wallet(customer=wallet.customer, key="side")
        for number in range(3):
            finance.do(
                "wallets_wallet_transfer",
                wallet.pk,
                values={"target": target.pk, "amount": "900", "key": f"t{number}", **REASON},
            )

        page = other.do("wallets_approval_approve", asked.pk, status=200)

        assert "take no more than is unused" in page.content.decode()
        assert (waiting(), has(target)) == (asked, 2700)

    @pytest.mark.parametrize("operation", ["void", "transfer", "schedule"])
    def test_each_change_waits_when_it_is_large(self, wallet, finance, other, operation):
        grant = factories.grant(wallet=wallet, amount=3000)
        target = factories.wallet(customer=wallet.customer, key="side")
        page, row, values = {
            "void": ("wallets_creditgrant_void", grant, {}),
            "transfer": (
                "wallets_wallet_transfer", wallet, {"target": "acme/side", "amount": "2000"},
            ),
            "schedule": (
                "wallets_wallet_schedule",
                wallet,
                {
                    "key": "big", "amount": "2000", "cadence": "P1M", "funding": "paid",
                    "priority": "100", "starts_at": "2025-07-01T00:00:00",
                },
            ),
        }[operation]  # fmt: skip

        finance.do(page, row.pk, values={**values, **REASON})
        assert (has(wallet), has(target), GrantSchedule.objects.count()) == (3000, 0, 0)
        other.do("wallets_approval_approve", waiting_pk := waiting().pk)

        assert Approval.objects.get(pk=waiting_pk).state == "approved"
        assert (has(wallet), has(target), GrantSchedule.objects.count()) == {
            "void": (0, 0, 0),
            "transfer": (1000, 2000, 0),
            "schedule": (3000, 0, 1),
        }[operation]

    def test_those_that_wait_stand_first(self, wallet, finance, other):
        for number in range(3):
            self.ask(finance, wallet, key=f"big-{number}")
        last = Approval.objects.order_by("-pk").first()
        other.do("wallets_approval_approve", last.pk)

        rows = finance.get("wallets_approval_changelist").context["cl"].result_list

        assert [row.state for row in rows] == ["waiting", "waiting", "approved"]
        assert "Waiting for a second person 2" in finance.read("index")

    def test_the_list_takes_the_same_queries_however_long(self, wallet, finance):
        self.ask(finance, wallet)
        few = finance.queries("wallets_approval_changelist")
        for number in range(6):
            self.ask(finance, wallet, key=f"big-{number}")
        many = finance.queries("wallets_approval_changelist")

        assert len(many) == len(few) <= 10


def test_who_may_not_see_approvals_is_told_where_they_are(wallet):
    browser = Browser(permissions=["wallets.view_wallet", "wallets.add_creditgrant"])
    values = {"key": "big", "funding": "paid", "priority": "1", "amount": "9999", **REASON}

    response = browser.do("wallets_wallet_issue", wallet.pk, values=values)

    assert response.url.endswith(f"/wallet/{wallet.pk}/change/")
    assert waiting().asked_by == User.objects.get(pk=browser.user.pk)


@pytest.mark.parametrize(
    ("page", "operation"),
    [
        ("wallet", "issue"), ("wallet", "transfer"), ("wallet", "schedule"), ("wallet", "recharge"),
        ("wallet", "alert"), ("wallet", "top-up"), ("creditgrant", "adjust"),
        ("creditgrant", "transfer"), ("creditgrant", "void"),
    ],
)  # fmt: skip
def test_an_auditor_changes_nothing(wallet, page, operation):
    grant = factories.grant(wallet=wallet)
    auditor, finance = Browser(role="Auditor"), Browser(role="Finance operations")
    row = wallet if page == "wallet" else grant

    assert finance.offers(operation, f"wallets_{page}_change", row.pk)
    assert not auditor.offers(operation, f"wallets_{page}_change", row.pk)
    auditor.do(f"wallets_{page}_{operation}", row.pk, values=REASON, status=403)
