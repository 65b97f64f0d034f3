"""Drafting end to end: what is due becomes one document, once."""

from decimal import Decimal

import pytest

from billing.models import Billable, Invoice, InvoiceLine
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import billed, lines, money, rows, with_usage

pytestmark = pytest.mark.django_db


def test_fees_ahead_and_usage_behind_come_in_one_document():
    shop = with_usage()
    shop.issue("2024-01-01")
    shop.use(7, "2024-01-10")

    drafted = shop.draft("2024-02-01")

    assert len(drafted.new) == 1
    invoice = shop.only
    assert lines(invoice) == money(("Base", "10"), ("Calls", "7"))
    assert (invoice.subtotal, invoice.total, invoice.due) == (17, 17, 17)
    assert invoice.period_starts_at == on("2024-01-01")
    assert invoice.period_ends_at == on("2024-03-01")


def test_drafting_again_changes_nothing():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    first = shop.draft("2024-02-01")
    kept = list(InvoiceLine.objects.values_list("pk", flat=True))

    again = shop.draft("2024-02-01")

    assert (again.new, again.changed, again.same) == ([], [], first.new)
    assert list(InvoiceLine.objects.values_list("pk", flat=True)) == kept
    assert Invoice.objects.get().version == 1


def test_a_draft_grows_by_what_comes_later():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    first = shop.draft("2024-02-01")
    shop.use(2, "2024-01-11", received="2024-02-01T03:00")

    again = shop.draft("2024-02-01")

    assert again.changed == first.new
    assert lines(shop.only) == money(("Base", "10"), ("Base", "10"), ("Calls", "9"))


def test_what_was_issued_is_not_drafted_again():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.issue("2024-02-01")

    drafted = shop.draft("2024-02-01")

    assert drafted.open == []
    assert not Billable.objects.filter(settled_at=None, due_at__lte=on("2024-02-01")).exists()


def test_a_draft_that_nothing_is_left_of_is_discarded():
    shop = billed()
    meter = shop.agreed.scene.meter("sum", key="calls", price=None)
    shop.agreed.usage(meter, {"type": "unit", "amount": "1"}, key="calls")
    shop.use(7, "2024-01-10", id="one")
    [number] = shop.draft("2024-02-01").new
    shop.agreed.scene.void("one")

    drafted = shop.draft("2024-02-01")

    assert drafted.discarded == [number]
    assert Invoice.objects.get().state == "discarded"


def test_a_line_says_what_it_is_for_and_how_it_came_about():
    shop = with_usage(
        {
            "type": "graduated",
            "tiers": [
                {"up_to_amount": "5", "unit_price": {"type": "unit", "amount": "1"}},
                {"unit_price": {"type": "unit", "amount": "0.5"}},
            ],
        }
    )
    shop.use(7, "2024-01-10")
    shop.draft("2024-02-01")

    *_, usage = rows(shop.only)
    assert (usage.quantity, usage.unit, usage.kind) == (7, "thing", "usage")
    assert (usage.period_starts_at, usage.period_ends_at) == (on("2024-01-01"), on("2024-02-01"))
    assert [(one["tier"], one["quantity"], one["amount"]) for one in usage.arithmetic] == [
        (1, "5", "5"),
        (2, "2", "1"),
    ]
    assert usage.amount == Decimal(6)
    assert usage.cut_to


def test_part_of_a_fee_says_which_part():
    shop = billed(since="2024-01-21T21:55:18", anchor="2024-01-01")
    shop.agreed.fee(20)
    shop.draft("2024-01-22")

    [fee] = rows(shop.only)
    assert (fee.quantity, fee.unit_price, fee.amount) == (1, 20, Decimal("6.51"))
    assert fee.details["share"]
