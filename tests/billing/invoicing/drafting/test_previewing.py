"""The next invoice at any time: running usage, what is expected, and nothing written."""

from decimal import Decimal

import pytest

from billing.invoicing import previewing
from billing.models import Charge, Invoice
from ledger.errors import InvalidInputError
from ledger.models import Transaction
from tests import factories
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import billed, with_usage

pytestmark = pytest.mark.django_db


def preview(shop, until, *, at="", customer=None):
    return previewing.preview(customer=customer or shop.payer, until=on(until), at=on(at or until))


def shown(found):
    [draft] = found.drafts
    return [(line.description, line.due, line.is_expected) for line in draft.lines]


def test_running_usage_is_on_the_preview():
    shop = with_usage()
    shop.issue("2024-01-01")
    shop.use(7, "2024-01-10")

    assert shown(preview(shop, "2024-01-15")) == [("Calls", 7, False)]


def test_what_will_be_charged_by_then_is_expected():
    shop = with_usage({"type": "unit", "amount": "1"})
    shop.issue("2024-01-01")
    shop.use(7, "2024-01-10")

    assert shown(preview(shop, "2024-02-01", at="2024-01-15")) == [
        ("Base", 10, True),
        ("Calls", 7, False),
    ]


def test_minimums_and_coupons_are_expected_too():
    shop = billed()
    meter = shop.agreed.scene.meter("sum", key="calls", price=None)
    shop.agreed.usage(
        meter,
        {"type": "unit", "amount": "1"},
        key="calls",
        commitments={"minimum_amount": "20"},
    )
    shop.agreed.coupon(redeemed="2024-01-01", percentage=Decimal(10))
    shop.use(7, "2024-01-10")

    assert shown(preview(shop, "2024-02-01", at="2024-01-15")) == [
        ("Calls", 7, False),
        ("Calls: minimum for the period", 13, True),
        ("Coupon", -2, True),
    ]


def test_nothing_is_written():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.agreed.run("2024-01-15")
    before = [Charge.objects.count(), Transaction.objects.count(), Invoice.objects.count()]

    preview(shop, "2024-06-01", at="2024-01-15")

    assert [Charge.objects.count(), Transaction.objects.count(), Invoice.objects.count()] == before
    shop.agreed.subscription.refresh_from_db()
    assert shop.agreed.subscription.due_at == on("2024-02-01")


def test_what_is_approved_is_not_shown_again():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.draft("2024-02-01")
    Invoice.objects.update(state="approved")
    shop.use(2, "2024-02-05")

    assert shown(preview(shop, "2024-02-10")) == [("Calls", 2, False)]


def test_a_child_is_shown_what_its_payer_will_be_invoiced():
    shop = with_usage()
    child = factories.customer(parent=shop.payer)
    shop.profile(child, payer=shop.payer)

    found = preview(shop, "2024-01-02", customer=child)

    assert found.payer == shop.payer
    assert shown(found) == [("Base", 10, True)]


def test_a_preview_does_not_reach_for_ever():
    shop = with_usage()
    with pytest.raises(InvalidInputError):
        preview(shop, "2026-01-01", at="2024-01-15")
