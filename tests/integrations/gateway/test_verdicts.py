"""What a decision is over HTTP: statuses, headers and problems."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.entitlements.answers import Answer, Ask, Reason, Remaining
from integrations.gateway.verdicts import Verdict, verdict
from tests.factories import NOON

LATER = NOON + timedelta(minutes=2, milliseconds=1)
ALLOWANCE = Remaining(
    kind="entitlement",
    key="chat",
    asset="token",
    amount=Decimal("12.7"),
    is_money=False,
    limit=Decimal(1000),
    resets_at=LATER,
)
WALLET = Remaining(kind="wallet", key="", asset="USD", amount=Decimal("3.50"), is_money=True)
SPENT = Remaining(kind="budget", key="team", asset="USD", amount=Decimal(0), is_money=True)


def of(
    reason: Reason = Reason.ALLOWED,
    *remaining: Remaining,
    quantity: int | None = None,
    shows_amounts: bool = False,
    **more: Any,
) -> Verdict:
    answer = Answer(
        is_allowed=reason is Reason.ALLOWED,
        reason=reason,
        feature_key="chat",
        remaining=remaining,
        **more,
    )
    ask = Ask(feature_key="chat", quantity=None if quantity is None else Decimal(quantity))
    return verdict(ask, answer, at=NOON, shows_amounts=shows_amounts)


def test_every_reason_has_a_status() -> None:
    assert {reason.value: of(reason).status for reason in Reason} == {
        "allowed": 200,
        "credit_exhausted": 402,
        "usage_limit_reached": 429,
        "budget_reached": 429,
        "approval_needed": 403,
        "customer_unknown": 403,
        "customer_suspended": 403,
        "feature_unknown": 403,
        "feature_unavailable": 403,
        "hold_denied": 402,
        "hold_closed": 409,
    }


def test_a_denial_is_a_problem_that_names_the_feature() -> None:
    assert of(Reason.CREDIT_EXHAUSTED, WALLET).problem == {
        "type": "urn:meterbook:problem:credit_exhausted",
        "title": "Credit exhausted",
        "status": 402,
        "code": "credit_exhausted",
        "detail": "There is not enough credit.",
        "feature": "chat",
    }


def test_a_limit_says_when_to_come_back() -> None:
    denied = of(Reason.USAGE_LIMIT_REACHED, ALLOWANCE, quantity=20, retry_at=LATER)

    assert denied.problem is not None
    assert denied.down["Retry-After"] == "121"
    assert denied.problem["retry_at"] == "2025-06-15T12:02:00.001000Z"
    assert denied.problem["violated-policies"] == ["entitlement:chat"]


def test_no_policy_is_said_to_be_violated_that_covers_the_call() -> None:
    denied = of(Reason.BUDGET_REACHED, ALLOWANCE, SPENT, WALLET, quantity=5, retry_at=LATER)

    assert denied.problem is not None
    assert denied.problem["violated-policies"] == ["budget:team"]


def test_credit_does_not_come_back_by_waiting() -> None:
    assert "Retry-After" not in of(Reason.CREDIT_EXHAUSTED, retry_at=LATER).down


def test_what_is_left_of_units_is_told_in_whole_ones() -> None:
    assert of(Reason.ALLOWED, ALLOWANCE).down == {
        "RateLimit": '"entitlement:chat";r=12;t=121',
        "RateLimit-Policy": '"entitlement:chat";q=1000',
    }


def test_money_is_not_shown_but_that_it_is_gone() -> None:
    allowed, denied = of(Reason.ALLOWED, WALLET), of(Reason.BUDGET_REACHED, WALLET, SPENT)

    assert allowed.down == {}
    assert denied.down == {"RateLimit": '"budget:team";r=0'}
    assert "3.5" not in str(denied.problem)


def test_money_is_shown_to_whom_it_may_be() -> None:
    denied = of(Reason.CREDIT_EXHAUSTED, WALLET, shows_amounts=True)

    assert denied.down == {"RateLimit": '"wallet";r=3'}
    assert denied.problem is not None
    assert denied.problem["remaining"] == [
        {"kind": "wallet", "key": "", "asset": "USD", "amount": "3.5", "resets_at": None}
    ]


@pytest.mark.parametrize(
    ("amount", "written"), [("-4", 0), ("0.9", 0), ("1E+20", 999_999_999_999_999)]
)
def test_a_rest_fits_a_structured_field(amount: str, written: int) -> None:
    left = Remaining(kind="budget", key="b", asset="t", amount=Decimal(amount), is_money=False)

    assert of(Reason.ALLOWED, left).down["RateLimit"] == f'"budget:b";r={written}'


def test_a_name_fits_a_structured_field() -> None:
    left = Remaining(kind="budget", key='é "x"\\', asset="t", amount=Decimal(1), is_money=False)

    assert of(Reason.ALLOWED, left).down["RateLimit"] == '"budget:? \\"x\\"\\\\";r=1'


def test_the_service_behind_is_told_the_customer() -> None:
    assert of(Reason.ALLOWED, customer_key="acme").up == {"Meterbook-Customer": "acme"}
    assert of(Reason.ALLOWED, customer_key="Ærø").up == {"Meterbook-Customer": "%C3%86r%C3%B8"}
    assert of(Reason.CREDIT_EXHAUSTED, customer_key="acme").up == {}
