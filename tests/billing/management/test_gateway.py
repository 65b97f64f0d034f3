"""The demo's gateway: decided before each call, paid once, and verified."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.management import demo, gateway
from ledger import registry, verification

NOON = datetime(2025, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def steps(db):
    book = demo.prepare(at=NOON)
    told = list(gateway.tell(book=book, asset=registry.currency(code="USD"), at=NOON))
    assert verification.verify(book=book).is_clean
    return told


def test_calls_flow_until_a_budget_or_the_wallet_says_no(steps):
    assert [step.outcome for step in steps if step.what.endswith("?")] == [
        "yes, 0.200 set aside",
        "no: budget_reached, until 01 July",
        "yes, 0.400 set aside",
        "no: credit_exhausted",
        "yes, 0.160 set aside",
    ]


def test_an_event_that_was_captured_for_is_not_paid_twice(steps):
    taken, arrived = steps[1], steps[2]

    assert taken.available == Decimal("0.456")
    assert arrived.available == taken.available


def test_a_recharge_is_requested_once_and_counts_when_finance_has_the_money(steps):
    requested, _, confirmed, _ = steps[-4:]

    assert requested.outcome == "0.50 requested, awaiting payment"
    assert requested.available == Decimal("0.056")
    assert confirmed.available == Decimal("0.556")
