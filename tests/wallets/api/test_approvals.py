"""Over the API, too, what changes much credit waits for a second person or key."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.utils.timezone import now

from tests import factories
from tests.api import Api, code
from tests.wallets.spending import left_in
from wallets import summary
from wallets.models import Approval, CreditGrant, TopUp

MUCH, LITTLE = "1000.01", "1000"


@pytest.fixture(autouse=True)
def _bounds(settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(1000)}


@pytest.fixture
def other(book):
    return Api(book)


@pytest.fixture
def wallet(book):
    return factories.wallet(customer=factories.customer(book=book, key="c"))


def has(wallet):
    """Return what a wallet has to spend."""
    return summary.of_wallets([wallet.pk], at=now())[wallet.pk].available


def asked(answer):
    """Return the id of the approval that an answer tells of."""
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting"), answer.content
    return answer.json()["id"]


def approve(api, approval):
    return api.post(f"approvals/{approval}/approve")


def grant(api, wallet, amount=MUCH, *, once="g1", **terms):
    body = {"key": "pilot", "amount": amount, "reason": "Pilot"} | terms
    return api.post(f"wallets/{wallet.pk}/grants", body, once=once)


def test_a_large_grant_waits_for_another_key(api, other, wallet):
    first = asked(grant(api, wallet))
    assert has(wallet) == 0

    assert code(approve(api, first)) == (409, "approval_state")
    done = approve(other, first).json()

    assert (has(wallet), done["state"]) == (Decimal(MUCH), "approved")
    assert done["outcome"] == f"grant {CreditGrant.objects.get().pk}"
    assert (done["asked_by"], done["decided_by"]) == (
        f"key:{api.key.prefix}",
        f"key:{other.key.prefix}",
    )


def test_a_small_grant_waits_for_nobody(api, wallet):
    assert grant(api, wallet, LITTLE, reason="").status_code == 201
    assert (has(wallet), Approval.objects.count()) == (1000, 0)


def test_what_is_asked_twice_waits_once_and_is_done_once(api, other, wallet):
    first = asked(grant(api, wallet))
    assert asked(grant(api, wallet)) == first  # the same request
    assert asked(grant(api, wallet, once="g2")) == first  # the same grant
    approve(other, first)
    approve(other, first)

    again = grant(api, wallet, once="g3")

    assert (again.status_code, again.json()["amount"]) == (201, MUCH)
    assert (has(wallet), Approval.objects.count()) == (Decimal(MUCH), 1)


def test_who_approves_is_told_why(api, wallet):
    assert code(grant(api, wallet, reason="")) == (400, "invalid_input")
    assert not Approval.objects.exists()


def test_large_changes_of_a_grant_wait(api, other, wallet):
    lot = factories.grant(wallet=wallet, amount=5000)
    target = factories.wallet(customer=wallet.customer)
    changes = [
        (f"grants/{lot.pk}/adjust", {"key": "a", "amount": "-" + MUCH}),
        (f"wallets/{wallet.pk}/transfers", {"key": "t", "amount": MUCH, "to_wallet": target.pk}),
        (f"grants/{lot.pk}/void", {}),
    ]

    waiting = [
        asked(api.post(path, body | {"reason": "Moved"}, once=path)) for path, body in changes
    ]
    assert left_in(lot) == 5000

    assert [approve(other, one).json()["state"] for one in waiting] == ["approved"] * 3
    assert (left_in(lot), has(target)) == (0, Decimal(MUCH))


def test_a_large_schedule_waits(api, other, wallet):
    body = {"key": "s", "amount": MUCH, "cadence": "P1M", "starts_at": "2025-01-31T00:00:00Z"}
    path = f"wallets/{wallet.pk}/grant-schedules"

    first = asked(api.post(path, body | {"reason": "Partner"}, once="s1"))
    assert api.get(path).json()["data"] == []
    approve(other, first)

    [made] = api.get(path).json()["data"]
    assert made["amount"] == MUCH
    assert api.post(path, body | {"reason": "Partner"}, once="s2").json() == made


def test_a_large_payment_is_confirmed_and_refunded_by_two(api, other, wallet):
    made = api.post("top-ups", {"wallet": str(wallet.pk), "key": "o", "amount": "1001"}, once="o")
    path = f"top-ups/{made.json()['id']}"

    paid = asked(api.post(f"{path}/confirm", {"payment_key": "MT1"}, once="c"))
    assert has(wallet) == 0
    approve(other, paid)
    assert (has(wallet), TopUp.objects.get().state) == (1001, "settled")

    back = asked(api.post(f"{path}/refund", {"reason": "Changed their mind"}, once="r"))
    assert has(wallet) == 1001
    approve(other, back)
    assert (has(wallet), TopUp.objects.get().state) == (0, "refunded")


def test_much_credit_before_its_payment_waits(api, other, wallet):
    body = {"wallet": str(wallet.pk), "key": "o", "amount": "1001", "reason": "Old customer"}

    first = asked(api.post("top-ups/on-terms", body | {"availability": "on_creation"}, once="o"))
    assert not TopUp.objects.exists()
    approve(other, first)
    assert has(wallet) == 1001
    path = f"top-ups/{TopUp.objects.get().pk}"

    back = asked(api.post(f"{path}/fail", {"reason": "Never paid"}, once="f"))
    approve(other, back)
    assert (has(wallet), TopUp.objects.get().state) == (0, "failed")

    later = body | {"key": "p", "availability": "on_settlement"}
    assert api.post("top-ups/on-terms", later, once="p").status_code == 201


def test_what_was_refused_stays_undone_and_may_be_asked_again(api, other, wallet):
    first = asked(grant(api, wallet))

    refused = other.post(f"approvals/{first}/refuse", {"reason": "Too much"}).json()
    assert (refused["state"], refused["outcome"], has(wallet)) == ("refused", "Too much", 0)
    assert code(approve(other, first)) == (409, "approval_state")
    assert asked(grant(api, wallet, once="g2")) != first


def test_approvals_are_listed_by_state_for_finance_of_the_whole_book(api, other, book, wallet):
    first, second = asked(grant(api, wallet)), asked(grant(api, wallet, key="b", once="g2"))
    approve(other, first)

    listed = api.get("approvals", state="waiting").json()["data"]
    assert [one["id"] for one in listed] == [second]
    assert api.get(f"approvals/{second}").json() == listed[0]
    bound = Api(book, customer=wallet.customer)
    assert code(bound.get("approvals"))[0] == 404
    assert code(approve(bound, second))[0] == 404
    assert code(Api(book, scopes=["read"]).get("approvals"))[0] == 403
    assert code(Api(factories.book()).get(f"approvals/{second}"))[0] == 404


def test_a_person_decides_with_the_right_that_is_for_it(client, api, wallet):
    waiting = asked(grant(api, wallet))
    path = f"/api/v1/approvals/{waiting}/approve"

    for rights, status in (
        (["add_transaction"], 403),
        (["add_transaction", "decide_approval"], 200),
    ):
        user = User.objects.create_user(factories.name("person"), is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(user)
        assert client.post(path, "{}", content_type="application/json").status_code == status
    assert has(wallet) == Decimal(MUCH)


def test_nothing_waits_where_no_bound_is_set(api, settings, wallet):
    settings.METERBOOK_APPROVAL_ABOVE = {}

    assert grant(api, wallet, "1000000", reason="").status_code == 201
