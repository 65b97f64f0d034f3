"""Credit on documents: what paid for what, what is never invoiced, what lies beyond."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing import contracts
from billing.charging import oneoffs
from billing.invoicing import advancing, making, on_demand
from billing.models import Billable, Invoice
from tests import factories
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import billed, lines, money, rows, used, with_usage
from tests.billing.scene import event
from wallets import overdraft

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_credit_pays_before_what_is_due_and_its_order_is_recorded():
    shop = used(10, promotional=2, paid=3)

    shop.draft("2024-02-01")

    [line] = rows(shop.only)
    assert (line.amount, line.promotional, line.paid, line.due) == (10, 2, 3, 5)
    assert [(one["funding"], one["amount"]) for one in line.sources] == [
        ("promotional", "2"),
        ("paid", "3"),
    ]
    assert (shop.only.subtotal, shop.only.credit, shop.only.due) == (10, 5, 5)


def test_bought_credit_may_count_as_a_payment():
    shop = used(10, promotional=2, paid=3)
    shop.profile(paid_credit="as_payment")

    shop.draft("2024-02-01")

    invoice = shop.only
    assert (invoice.subtotal, invoice.credit, invoice.total) == (10, 2, 8)
    assert (invoice.prepaid, invoice.due) == (3, 5)


def test_what_credit_paid_in_full_is_a_document_without_a_posting():
    shop = used(10, paid=20)

    [invoice] = shop.issue("2024-02-01")

    assert (invoice.state, invoice.subtotal, invoice.due) == ("paid", 10, 0)
    assert invoice.transaction_id is None


def test_usage_settled_by_credit_only_is_never_invoiced():
    shop = used(10, settlement="credit_only", paid=4)

    drafted = shop.draft("2024-02-01")

    assert drafted.open == []
    assert not Billable.objects.filter(settled_at=None).exists()
    assert shop.agreed.scene.overdraft == 6


def test_what_lies_beyond_the_credit_limit_is_due():
    shop = used(0)
    shop.agreed.scene.limit(4)
    shop.use(10, "2024-01-11")
    assert shop.agreed.scene.overdraft == 6

    [invoice] = shop.issue("2024-02-01")

    assert invoice.due == 10
    [line] = rows(invoice)
    assert (line.exact_due, line.exact_overdraft) == (4, 6)
    assert shop.agreed.scene.overdraft == 0
    assert shop.agreed.scene.holds("receivable") == 10


def test_credit_that_came_later_has_paid_for_what_lay_beyond():
    shop = used(0)
    shop.agreed.scene.limit(4)
    shop.use(10, "2024-01-11")
    shop.agreed.scene.grant(5, funding="paid", at=on("2024-01-12"))
    overdraft.settle(at=on("2024-01-12"), customer_ids=[shop.payer.pk])
    assert shop.agreed.scene.overdraft == 1

    [invoice] = shop.issue("2024-02-01")

    [line] = rows(invoice)
    assert (line.paid, line.due, line.exact_overdraft) == (5, 5, 1)
    assert shop.agreed.scene.overdraft == 0
    assert shop.draft("2024-02-02").open == []


def test_what_a_later_credit_covered_of_running_usage_is_not_taken_from_the_month_before():
    shop = used(0)
    shop.agreed.scene.limit(0)
    shop.use(10, "2024-01-11")
    shop.use(3, "2024-02-02")
    shop.agreed.scene.grant(4, funding="paid", at=on("2024-02-03"))
    overdraft.settle(at=on("2024-02-03"), customer_ids=[shop.payer.pk])

    shop.draft("2024-02-01", at="2024-02-04")

    [line] = rows(shop.only)
    assert (line.paid, line.due) == (4, 6)


def test_usage_that_is_taken_back_gives_credit_back_and_says_so_on_the_next_document():
    shop = used(0, paid=20)
    shop.use(10, "2024-01-11", id="one")
    shop.issue("2024-02-01")
    shop.agreed.scene.void("one")
    shop.use(1, "2024-02-05")

    shop.draft("2024-03-01")

    assert [(line.amount, line.paid, line.due) for line in rows(shop.only)] == [
        (1, 1, 0),
        (-10, -10, 0),
    ]


def test_nothing_is_no_document_unless_asked_for():
    shop = with_usage({"type": "unit", "amount": "0"})
    shop.issue("2024-01-01")
    shop.agreed.end("2024-02-01")
    shop.use(7, "2024-01-10")

    assert shop.draft("2024-02-01").open == []
    assert not Billable.objects.filter(settled_at=None).exists()


def test_nothing_is_a_document_where_it_is_asked_for():
    shop = with_usage({"type": "unit", "amount": "0"})
    shop.profile(zero_invoices="issue")
    shop.issue("2024-01-01")
    shop.agreed.end("2024-02-01")
    shop.use(7, "2024-01-10")

    [invoice] = shop.issue("2024-02-01")

    assert lines(invoice) == money(("Calls", "0"))


def test_little_is_carried_forward_for_so_long():
    shop = used(3)
    shop.profile(minimum=10, most_carried_months=2)

    shop.draft("2024-02-01")
    assert shop.only.is_blocked
    assert "below_minimum" in [one["code"] for one in shop.only.problems]

    shop.use(4, "2024-02-10")
    shop.draft("2024-03-01")
    assert shop.only.is_blocked
    assert shop.only.due == 7

    shop.draft("2024-04-01")
    assert not shop.only.is_blocked


def test_what_came_to_enough_is_not_carried():
    shop = used(30)
    shop.profile(minimum=10)

    shop.draft("2024-02-01")

    assert not shop.only.is_blocked


def test_what_is_no_currency_is_not_issued():
    shop = billed()
    tokens = factories.asset(code="TOKENS", kind="credit")
    shop.agreed.subscription.asset = tokens
    shop.agreed.subscription.save(update_fields=["asset"])
    shop.agreed.fee(10)

    shop.draft("2024-01-01")

    assert shop.only.is_blocked
    assert shop.only.problems[0]["code"] == "asset_is_no_currency"


def test_a_document_waits_for_fees_that_are_due():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.agreed.run("2024-01-15")

    shop.draft("2024-02-01", is_run=False)

    assert shop.only.is_blocked
    assert shop.only.problems[0]["code"] == "due_work_outstanding"

    on_demand.again(invoice=shop.only, at=on("2024-02-01") + 2 * HOUR, by="user:ann")

    assert not shop.only.is_blocked
    assert "due_work_outstanding" not in [one["code"] for one in shop.only.problems]


def test_what_is_so_much_that_two_must_look_is_not_issued_by_itself(settings):
    settings.METERBOOK_APPROVAL_ABOVE = {"": Decimal(6)}
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.agreed.run("2024-02-01")
    made = making.make(
        book=shop.book, payer_ids=[shop.payer.pk], until=on("2024-02-01"),
        at=on("2024-02-01") + 2 * HOUR, by="schedule",
    )  # fmt: skip
    first = shop.only

    assert (made.issued, first.issue_after, first.is_blocked) == (0, None, False)
    assert "second_person_needed" in [one["code"] for one in first.problems]

    settings.METERBOOK_APPROVAL_ABOVE = {"": Decimal(600)}
    shop.draft("2024-02-01")
    assert shop.only.issue_after is not None


def test_nor_if_it_became_so_much_after_it_was_drafted(settings):
    shop = with_usage()
    shop.draft("2024-02-01")
    later = {"at": on("2024-02-20"), "by": "schedule", "payer_ids": [shop.payer.pk]}

    settings.METERBOOK_APPROVAL_ABOVE = {shop.only.asset.code: Decimal(6), "": Decimal(600)}
    advancing.advance(**later)
    assert shop.only.number == ""
    settings.METERBOOK_APPROVAL_ABOVE = {"": Decimal(600)}
    advancing.advance(**later)
    assert shop.drafts == []


def test_what_is_three_times_the_last_is_pointed_out():
    shop = with_usage()
    shop.issue("2024-01-01")
    shop.use(70, "2024-01-10")

    shop.draft("2024-02-01")

    assert "unusual" in [one["code"] for one in shop.only.problems]
    assert not shop.only.is_blocked


def test_a_coupon_is_a_line_below_zero():
    shop = with_usage()
    shop.agreed.coupon(redeemed="2024-01-01", percentage=Decimal(50))
    shop.issue("2024-01-01")
    shop.use(7, "2024-01-10")

    shop.draft("2024-02-01")

    assert lines(shop.only) == money(("Base", "10"), ("Calls", "7"), ("Coupon", "-8.5"))


def test_prices_of_a_list_are_invoiced_by_the_month():
    shop = billed()
    shop.agreed.scene.meter("sum", key="list")
    shop.agreed.scene.send(event(3, at=on("2025-01-10")), at=on("2025-01-10") + timedelta(hours=1))

    shop.draft("2025-02-01")

    [line] = rows(shop.only)
    assert (line.description, line.due, line.item_id) == ("list", 3, None)
    assert line.period_ends_at == on("2025-02-01")


def test_only_what_is_over_is_settled():
    shop = used(3)
    shop.profile(threshold=1)

    shop.issue("2024-01-15")

    assert Billable.objects.filter(settled_at=None).count() == 1
    assert Invoice.objects.get().is_progressive


def test_what_a_contract_lacks_is_a_line():
    shop = with_usage()
    shop.agreed.scene.limit(None)
    contracts.create(
        customer=shop.payer,
        key="contract",
        asset=shop.agreed.scene.dollars,
        starts_at=on("2024-01-01"),
        ramp="P1M",
        amounts=[Decimal(100)],
        at=on("2024-01-01"),
    )
    shop.use(30, "2024-01-10")

    shop.draft("2024-02-01")

    line = next(line for line in rows(shop.only) if line.kind == "true_up")
    assert (line.due, line.contract.key) == (70, "contract")
    assert line.details == {"committed": "100", "drawn": "30"}


def test_something_charged_once_is_a_line():
    shop = billed()
    oneoffs.charge_once(
        customer=shop.payer,
        key="onboarding",
        name="Onboarding",
        asset=shop.agreed.scene.dollars,
        quantity=Decimal(2),
        unit_price=Decimal(250),
        product="services",
        at=on("2024-01-10"),
        by="tests",
    )

    shop.draft("2024-01-11")

    [line] = rows(shop.only)
    assert (line.kind, line.description, line.product) == ("one_off", "Onboarding", "services")
    assert (line.quantity, line.unit_price, line.due) == (2, 250, 500)
