"""What people change about drafts survives drafting again, and can be withdrawn."""

from decimal import Decimal

import pytest

from billing.invoicing import edits
from billing.invoicing.errors import InvoiceStateError
from billing.models import InvoiceEdit
from ledger.errors import IdempotencyConflictError, InvalidInputError
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import lines, money, rows, with_usage

pytestmark = pytest.mark.django_db

LATER = on("2024-02-02")


@pytest.fixture
def shop():
    made = with_usage()
    made.issue("2024-01-01")
    made.use(7, "2024-01-10")
    made.draft("2024-02-01")
    return made


def edit(shop, operation, *, key="edit", line=None, withdraws=None, **content):
    return edits.edit(
        invoice=shop.only,
        operation=operation,
        key=key,
        by="ada",
        reason="agreed on the phone",
        at=LATER,
        source_id=line.billable_id if line else None,
        withdraws=withdraws,
        content=content,
    )


def usage(shop):
    return rows(shop.only)[1]


def test_a_line_is_added(shop):
    edit(shop, "add", description="Set-up", unit_price="25", quantity="2")

    assert lines(shop.only) == money(("Base", "10"), ("Calls", "7"), ("Set-up", "50"))
    shop.draft("2024-02-01")
    assert shop.only.due == 67
    [invoice] = shop.issue("2024-02-01")
    assert shop.agreed.holds("one_off_revenue") == 50
    assert invoice.due == 67


def test_what_is_removed_comes_back_on_the_next_document(shop):
    edit(shop, "remove", line=usage(shop))
    assert lines(shop.only) == money(("Base", "10"))

    shop.issue("2024-02-01")
    shop.draft("2024-02-02")

    assert lines(shop.only) == money(("Calls", "7"))


def test_a_line_is_described(shop):
    edit(shop, "describe", line=usage(shop), description="Calls of the pilot")
    shop.use(1, "2024-01-11", received="2024-02-01T02:00")
    shop.draft("2024-02-01")

    assert lines(shop.only) == money(("Base", "10"), ("Calls of the pilot", "8"))


def test_a_line_is_discounted_and_the_discount_follows_it(shop):
    edit(shop, "discount", line=usage(shop), percentage="50")
    assert lines(shop.only)[-1] == ("Discount of 50 %", Decimal("-3.5"))

    shop.use(1, "2024-01-11", received="2024-02-01T02:00")
    shop.draft("2024-02-01")

    assert lines(shop.only)[-1] == ("Discount of 50 %", Decimal(-4))
    shop.issue("2024-02-01")
    assert shop.agreed.scene.holds("discounts") == 4


def test_all_is_discounted_by_an_amount(shop):
    edit(shop, "discount", amount="3", description="Sorry")

    assert lines(shop.only)[-1] == ("Sorry", Decimal(-3))
    assert shop.only.due == 14


def test_the_header_is_changed(shop):
    edit(shop, "header", note="Thank you", purchase_order="PO-7")
    shop.draft("2024-02-01")

    assert (shop.only.note, shop.only.purchase_order) == ("Thank you", "PO-7")


def test_an_edit_is_withdrawn(shop):
    made = edit(shop, "add", description="Set-up", unit_price="25")

    edit(shop, "withdraw", key="withdrawn", withdraws=made)

    assert lines(shop.only) == money(("Base", "10"), ("Calls", "7"))


def test_the_same_edit_again_changes_nothing(shop):
    first = edit(shop, "discount", amount="3")

    assert edit(shop, "discount", amount="3") == first
    with pytest.raises(IdempotencyConflictError):
        edit(shop, "discount", amount="4")
    assert InvoiceEdit.objects.count() == 1


def test_an_edit_that_finds_nothing_to_change_is_pointed_out(shop):
    edit(shop, "describe", line=usage(shop), description="Calls of the pilot")
    edit(shop, "remove", key="second", line=usage(shop))

    assert "edit_without_target" in [one["code"] for one in shop.only.problems]


def test_a_draft_that_only_edits_are_left_of_stays_but_is_not_issued(shop):
    for place, line in enumerate(rows(shop.only)):
        edit(shop, "remove", key=str(place), line=line)

    assert lines(shop.only) == []
    assert shop.only.is_blocked


def test_what_was_issued_is_not_edited(shop):
    [invoice] = shop.issue("2024-02-01")

    with pytest.raises(InvoiceStateError):
        edits.edit(
            invoice=invoice, operation="header", key="k", by="ada", reason="r", at=LATER,
            content={"note": "late"},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "content", "field"),
    [
        ("add", {"description": "x"}, "unit_price"),
        ("add", {"unit_price": "1"}, "description"),
        ("add", {"description": "x", "unit_price": "1", "tax_code": "none"}, "tax_code"),
        ("add", {"description": "x", "unit_price": "1", "colour": "red"}, "colour"),
        ("discount", {}, "discount"),
        ("discount", {"percentage": "101"}, "percentage"),
        ("discount", {"amount": "-1"}, "amount"),
        ("header", {}, "header"),
        ("describe", {"description": "x"}, "source_id"),
        ("remove", {}, "source_id"),
        ("withdraw", {}, "withdraws"),
        ("paint", {}, "operation"),
    ],
)
def test_what_cannot_be_is_refused(shop, operation, content, field):
    with pytest.raises(InvalidInputError) as refused:
        edit(shop, operation, **content)
    assert refused.value.facts["field"] == field


def test_a_discount_is_rounded_to_the_currency():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.draft("2024-02-01")

    edits.edit(
        invoice=shop.only,
        operation="discount",
        content={"amount": "1.005"},
        reason="Agreed",
        by="Ada",
        key="d",
        at=on("2024-02-01"),
    )

    assert [line.due for line in rows(shop.only)][-1] == Decimal("-1.01")
