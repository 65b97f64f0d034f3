"""Holds over HTTP: reserve, extend, capture, release, by whoever may."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from billing.holds import asking
from billing.holds.asking import Wanted
from billing.models import BillingProfile
from ledger import registry
from ledger.models import TestClock
from tests import factories
from tests.api import Api, code
from tests.factories import NOON
from tests.wallets.holds.setting_aside import held_on, hold
from tests.wallets.spending import left_in
from wallets.models import Capture, Hold

pytestmark = pytest.mark.django_db

CALL = {"customer": "acme", "key": "call-1", "amount": "75", "asset": "USD"}


@pytest.fixture
def book():
    registry.currency(code="USD")
    return factories.book()


@pytest.fixture
def customer(book):
    customer = factories.customer(book=book, key="acme")
    BillingProfile.objects.create(customer=customer, settlement="credit_only")
    return customer


@pytest.fixture
def grant(customer):
    return factories.grant(wallet=factories.wallet(customer=customer), amount=500)


@pytest.fixture
def api(book):
    return Api(book, scopes=["read", "ingest"])


@pytest.mark.usefixtures("grant")
def test_credit_is_set_aside_and_told(api, customer):
    made = api.post("holds", CALL | {"feature": "chat", "purpose": "a call", "metadata": {"a": 1}})

    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    hold = made.json()
    said = ("state", "requested", "remaining", "asset", "customer_id", "feature", "metadata")
    assert [hold[name] for name in said] == [
        "active",
        "75",
        "75",
        "USD",
        str(customer.pk),
        "chat",
        {"a": 1},
    ]
    assert api.get(f"holds/{hold['id']}").json() == hold
    assert api.get("holds/call-1").json() == hold
    assert api.get("holds", customer="acme", state="active", key="call-1").json()["data"] == [hold]
    assert api.get("holds", state="released").json()["data"] == []


@pytest.mark.usefixtures("grant")
def test_the_same_key_is_the_same_hold(api):
    first = api.post("holds", CALL)
    again = api.post("holds", CALL)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert code(api.post("holds", CALL | {"amount": "76"})) == (409, "idempotency_conflict")


def test_exactly_six_of_twenty_fit(api, grant):
    answers = [api.post("holds", CALL | {"key": f"k{n}"}).status_code for n in range(20)]

    assert answers == [201] * 6 + [402] * 14
    assert held_on(grant) == 450


@pytest.mark.usefixtures("grant")
def test_a_denial_says_why_and_what_there_is_and_is_sticky(api, customer):
    denied = api.post("holds", CALL | {"amount": "501"})

    assert code(denied) == (402, "credit_exhausted")
    facts = denied.json()["facts"]
    assert (facts["available"], facts["asked"], facts["hold"]) == ("500", "501", "call-1")
    factories.grant(wallet=customer.wallets.get())
    assert code(api.post("holds", CALL | {"amount": "501"})) == (402, "credit_exhausted")
    assert api.get("holds/call-1").json()["reason"] == "credit_exhausted"


def test_a_bound_caller_is_not_told_what_others_share(book, customer):
    company = factories.customer(book=book)
    team = factories.customer(parent=company, key="team")
    factories.grant(wallet=factories.wallet(customer=company, is_shared=True), amount=7)
    BillingProfile.objects.create(customer=team, settlement="credit_only")

    denied = Api(book, customer=team).post("holds", CALL | {"customer": "team"})

    assert code(denied) == (402, "credit_exhausted")
    assert "available" not in denied.json()["facts"]


def test_nor_is_it_told_when_it_takes_or_extends_too_much(book, api, customer):
    company = factories.customer(book=book)
    team = factories.customer(parent=company, key="team")
    factories.grant(wallet=factories.wallet(customer=company, is_shared=True), amount=80)
    BillingProfile.objects.create(customer=team, settlement="credit_only")
    bound = Api(book, customer=team)
    bound.post("holds", CALL | {"customer": "team"})
    beyond = {"key": "c", "amount": "99", "beyond": "allow_if_available"}

    for caller, is_told in ((bound, False), (api, True)):
        refused = caller.post("holds/call-1/capture", beyond)
        assert code(refused) == (402, "credit_exhausted")
        assert ("available" in refused.json()["facts"]) == is_told
        refused = caller.post("holds/call-1/extend", {"amount": "9"}, once="e1")
        assert code(refused) == (402, "credit_exhausted")
        assert ("available" in refused.json()["facts"]) == is_told


def test_bound_callers_see_their_own_holds_alone(book, api, grant):
    api.post("holds", CALL)
    other = Api(book, customer=factories.customer(book=book))

    assert code(other.post("holds", CALL | {"key": "k2"})) == (404, "not_found")
    assert code(other.get("holds/call-1")) == (404, "not_found")
    assert code(other.post("holds/call-1/release")) == (404, "not_found")
    assert code(other.post("holds/call-1/capture", {"key": "c", "amount": "1"}))[0] == 404
    assert other.get("holds").json()["data"] == []
    assert held_on(grant) == 75


def test_a_suspended_customer_is_denied(api, customer, grant):
    customer.is_active = False
    customer.save()

    assert code(api.post("holds", CALL)) == (403, "customer_suspended")
    assert held_on(grant) == 0


def test_a_postpaid_customer_reserves_within_its_limit(book, api):
    limited = factories.customer(book=book, key="bank")
    BillingProfile.objects.create(customer=limited, credit_limit=Decimal(100))
    call = CALL | {"customer": "bank"}

    assert api.post("holds", call).status_code == 201
    assert code(api.post("holds", call | {"key": "k2"})) == (402, "credit_exhausted")
    assert api.post("holds", call | {"key": "k3", "amount": "25"}).status_code == 201


def test_less_is_captured_and_the_rest_given_back(api, grant):
    api.post("holds", CALL)

    taken = api.post("holds/call-1/capture", {"key": "c1", "amount": "30.5"})

    assert taken.status_code == 201
    assert (taken.json()["amount"], taken.json()["remaining"]) == ("30.5", "0")
    assert (left_in(grant), held_on(grant)) == (Decimal("469.5"), 0)
    assert api.get("holds/call-1").json()["state"] == "captured"
    again = api.post("holds/call-1/capture", {"key": "c1", "amount": "30.5"})
    assert again.json() == taken.json()
    assert code(api.post("holds/call-1/capture", {"key": "c2", "amount": "1"}))[1] == "hold_closed"


@pytest.mark.parametrize(
    ("beyond", "amount", "said"),
    [
        ("reject", "76", (422, "capture_exceeds_hold")),
        ("allow_if_available", "501", (402, "credit_exhausted")),
        ("allow_if_available", "500", None),
        ("overdraft", "501", None),
    ],
)
@pytest.mark.usefixtures("grant")
def test_more_than_was_held_goes_by_policy(api, beyond, amount, said):
    api.post("holds", CALL)

    answer = api.post("holds/call-1/capture", {"key": "c1", "amount": amount, "beyond": beyond})

    assert (answer.status_code == 201) if said is None else (code(answer) == said)


def test_a_capture_for_events_waits_for_them(api, grant):
    api.post("holds", CALL)
    named = [{"source": "gateway", "id": "e1"}]

    taken = api.post("holds/call-1/capture", {"key": "c1", "amount": "30", "events": named})

    assert (taken.json()["remaining"], taken.json()["settled_at"]) == ("30", None)
    assert left_in(grant) == 470


def test_a_lease_is_captured_many_times(api, grant):
    api.post("holds", CALL | {"purpose": "lease"})
    for number in range(3):
        sent = {"key": f"c{number}", "amount": "20", "is_final": False}
        assert api.post("holds/call-1/capture", sent).status_code == 201

    hold = api.get("holds/call-1").json()
    assert (hold["captured"], hold["remaining"], left_in(grant)) == ("60", "15", 440)


def test_who_reserves_beside_a_test_clock_has_back_what_expired(book, customer, grant):
    clock = TestClock.objects.create(
        book=book, key="c", now_at=NOON - timedelta(days=400), created_at=NOON
    )
    past = factories.customer(book=book, key="past", clock=clock)
    BillingProfile.objects.create(customer=past, settlement="credit_only")
    factories.grant(wallet=factories.wallet(customer=past), at=clock.now_at)
    hold(customer, 500)

    wanted = [
        Wanted(customer=named, key=f"of {named}", amount=Decimal(75), asset="USD")
        for named in ("past", "acme")
    ]
    made = asking.reserve_all(book_id=book.pk, wanted=wanted, at=NOON + timedelta(hours=2))

    assert [one.hold.state for one in made] == ["active", "active"]
    assert held_on(grant) == 75


def test_a_release_gives_all_back_and_may_be_repeated(api, grant):
    api.post("holds", CALL)

    for _ in range(2):
        released = api.post("holds/call-1/release")
        assert (released.status_code, released.json()["state"]) == (200, "released")
    assert held_on(grant) == 0


def test_an_extension_counts_once_per_idempotency_key(api, grant):
    api.post("holds", CALL)

    for _ in range(2):
        longer = api.post("holds/call-1/extend", {"amount": "25"}, once="e1")
        assert (longer.status_code, longer.json()["requested"]) == (200, "100")
    assert held_on(grant) == 100
    assert code(api.post("holds/call-1/extend", {"amount": "25"})) == (400, "invalid_input")
    assert code(api.post("holds/call-1/extend", {"amount": "401"}, once="e2"))[0] == 402


@pytest.mark.usefixtures("grant")
def test_a_hold_is_extended_in_time(api):
    with time_machine.travel(NOON, tick=False):
        api.post("holds", CALL | {"expires_in": 600})
        longer = api.post("holds/call-1/extend", {"expires_in": 7200}, once="e1")

    assert longer.json()["expires_at"] == "2025-06-15T14:00:00Z"


def test_an_expired_hold_says_so_before_any_sweep(api, grant):
    with time_machine.travel(NOON, tick=False):
        api.post("holds", CALL | {"expires_in": 600})
    with time_machine.travel(NOON + timedelta(minutes=10), tick=False):
        hold = api.get("holds/call-1").json()
        late = api.post("holds/call-1/capture", {"key": "c1", "amount": "1"})

    assert (hold["state"], hold["remaining"]) == ("expired", "0")
    assert hold["closed_at"] == hold["expires_at"] == "2025-06-15T12:10:00Z"
    assert code(late) == (409, "hold_closed")
    assert late.json()["facts"]["reason"] == "hold_expired"
    assert held_on(grant) == 75


@pytest.mark.parametrize(
    ("change", "said", "field"),
    [
        ({"amount": "0"}, 400, "amount"),
        ({"amount": "1e400"}, 422, ""),
        ({"amount": "NaN"}, 422, ""),
        ({"amount": "x"}, 400, "amount"),
        ({"amount": None}, 400, "amount"),
        ({"quantity": "1"}, 400, "amount"),
        ({"key": ""}, 400, "key"),
        ({"key": "a\0b"}, 400, "key"),
        ({"feature": "a\0b"}, 400, "feature"),
        ({"feature": "f" * 201}, 400, "feature"),
        ({"purpose": "a\0b"}, 400, "purpose"),
        ({"metadata": {"a": "\0"}}, 400, "metadata"),
        ({"expires_in": 0}, 400, "expires_in"),
        ({"expires_in": 10**18}, 400, "expires_in"),
        ({"expires_in": "PT1H"}, 400, "expires_in"),
        ({"customer": 7}, 400, "customer"),
        ({"customer": "nobody"}, 404, ""),
        ({"customer": "9" * 30}, 404, ""),
        ({"customer": "9" * 5000}, 404, ""),
        ({"amount": None, "quantity": "NaN"}, 422, ""),
        ({"amount": None, "quantity": "-1"}, 400, "quantity"),
        ({"customer": "\0"}, 404, ""),
        ({"asset": "XXX"}, 404, ""),
        ({"asset": "\0"}, 404, ""),
        ({"unknown": 1}, 400, "unknown"),
    ],
)
def test_what_cannot_be_reserved_is_refused_by_name(api, grant, change, said, field):
    answer = api.post("holds", CALL | change)

    assert code(answer)[0] == said, answer.content
    assert [error["field"] for error in answer.json()["errors"]] == ([field] if field else [])
    assert held_on(grant) == 0
    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "-1"}, "amount"),
        ({"key": ""}, "key"),
        ({"events": [{"source": "s"}]}, "id"),
        ({"events": [{"source": "s", "id": ""}]}, "events"),
        ({"events": [{"source": "s", "id": "a\0"}]}, "events"),
        ({"beyond": "always"}, "beyond"),
        ({"is_final": "yes"}, "is_final"),
    ],
)
@pytest.mark.usefixtures("grant")
def test_what_cannot_be_captured_is_refused_by_name(api, change, field):
    api.post("holds", CALL)

    answer = api.post("holds/call-1/capture", {"key": "c1", "amount": "1"} | change)

    assert code(answer)[0] == 400, answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Capture.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null"])
@pytest.mark.usefixtures("customer")
def test_what_is_no_object_is_refused(api, body):
    assert code(api.post("holds", body))[0] == 400


def test_other_media_types_are_refused(api):
    answer = api.post("holds", b"a=1", content_type="application/x-www-form-urlencoded")

    assert code(answer)[0] == 415


@pytest.mark.parametrize("path", ["holds", "holds/x/capture", "holds/x/release"])
def test_it_needs_a_key_within_the_scope(book, client, path):
    reader = Api(book, scopes=["read"])

    assert code(reader.post(path, {})) == (403, "scope_missing")
    assert code(client.post(f"/api/v1/{path}", {}, content_type="application/json"))[0] == 401


@pytest.mark.parametrize("path", ["holds/x/capture", "holds/x/release", "holds/x/extend"])
def test_other_methods_are_refused(api, path):
    assert code(api.get(path))[0] == 405
