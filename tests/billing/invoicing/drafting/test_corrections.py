"""What stands on issued documents and changes comes back, as a credit note or on the next one."""

from decimal import Decimal

import pytest

from billing.charging import adjusting
from billing.invoicing import edits, issuing
from billing.invoicing.errors import NothingToCreditError
from billing.models import Billable, Invoice, Party, Supplier, TaxCode
from billing.taxation import rates
from ledger import verification
from tests import factories
from tests.billing.charging.agreed import on
from tests.billing.invoicing.drafting.billed import billed, lines, money, rows, with_usage

pytestmark = pytest.mark.django_db


def changed_on_the_second_day(**profile):
    """Return $6 a month, paid ahead for January, changed to $10 on 2 January."""
    shop = billed()
    if profile:
        shop.profile(**profile)
    shop.agreed.fee(6)
    [january] = shop.issue("2024-01-01")
    shop.agreed.replace("base", 10, "2024-01-02")
    return shop, january


def test_a_change_of_plan_gives_581_back_and_charges_968():
    shop, january = changed_on_the_second_day()

    shop.draft("2024-01-02")

    invoice, note = shop.drafts
    assert lines(invoice) == money(("Base", "9.68"))
    assert (note.kind, note.corrects_id, note.due) == ("credit_note", january.pk, Decimal("5.81"))
    [back] = rows(note)
    assert back.corrects_line == rows(january)[0]
    assert back.description == "Correction of 1 January 2024: Base"


def test_both_are_issued_and_nothing_is_left_unbilled():
    shop, _ = changed_on_the_second_day()

    note, invoice = shop.issue("2024-01-02")

    assert (note.number, invoice.number) == ("CN-2024-000001", "INV-2024-000002")
    assert shop.agreed.scene.unbilled == 0
    receivable = shop.agreed.scene.holds("receivable")
    assert receivable == Decimal("6.00") - Decimal("5.81") + Decimal("9.68")
    assert shop.draft("2024-01-02").open == []


def test_on_request_what_comes_back_is_a_line_of_the_next_invoice():
    shop, _ = changed_on_the_second_day(corrections="next_invoice")

    shop.draft("2024-01-02")

    assert lines(shop.only) == money(
        ("Base", "9.68"), ("Correction of 1 January 2024: Base", "-5.81")
    )
    assert shop.only.due == Decimal("3.87")


def test_a_document_below_nothing_is_a_credit_note():
    shop = billed()
    shop.profile(corrections="next_invoice")
    shop.agreed.fee(6)
    shop.issue("2024-01-01")
    shop.agreed.end("2024-01-02")

    shop.draft("2024-01-02")

    note = shop.only
    assert (note.kind, note.corrects, note.due) == ("credit_note", None, Decimal("5.81"))
    shop.issue("2024-01-02")
    assert shop.agreed.scene.unbilled == 0


def test_what_its_document_has_not_left_comes_off_the_next_one():
    shop = with_usage()
    shop.issue("2024-01-01")
    shop.use(7, "2024-01-10", id="one")
    adjusting.adjust(
        customer=shop.payer,
        name="Sorry",
        asset=shop.agreed.scene.dollars,
        amount=Decimal(-15),
        reason="It was down",
        key="sorry",
        at=on("2024-01-15"),
    )
    [february] = shop.issue("2024-02-01")
    assert february.due == 2  # the fee of February, seven calls, less what was given
    shop.agreed.scene.void("one")

    [note] = shop.issue("2024-02-04")

    assert (note.kind, note.corrects, note.due) == ("credit_note", None, 7)
    assert shop.agreed.scene.unbilled == 0


def test_what_tax_brings_below_nothing_is_a_credit_note():
    shop = with_usage()
    start = on("2024-01-01")
    Supplier.objects.create(book=shop.book, address={"country": "DE"}, updated_at=start)
    Party.objects.create(customer=shop.payer, address={"country": "DE"}, updated_at=start)
    high = TaxCode.objects.create(book=shop.book, key="high", name="High", created_at=start)
    for percentage, code in (("1", None), ("50", high)):
        rates.enter(
            book=shop.book,
            jurisdiction="DE",
            percentage=Decimal(percentage),
            tax_code=code,
            valid_from=start.date(),
            at=start,
        )
    adjusting.adjust(
        customer=shop.payer,
        name="Sorry",
        asset=shop.agreed.scene.dollars,
        amount=Decimal(-18),
        tax_code="high",
        reason="It was down",
        key="sorry",
        at=on("2024-01-15"),
    )

    [note] = shop.issue("2024-02-01")

    assert (note.kind, note.subtotal, note.due) == ("credit_note", -2, Decimal("6.8"))
    assert shop.agreed.scene.holds("receivable") == Decimal("-6.8")
    assert verification.verify(book=shop.book).is_clean


def test_late_usage_is_a_line_of_its_own():
    shop = with_usage()
    shop.use(7, "2024-01-10")
    shop.issue("2024-02-01")
    shop.use(2, "2024-01-20", received="2024-02-03")

    shop.draft("2024-02-04")

    assert lines(shop.only) == money(("Late usage of January 2024: Calls", "2"))
    [late] = rows(shop.only)
    assert (late.before[0], late.upto[0]) == (7, 9)


def test_late_usage_is_priced_at_its_own_tier():
    shop = with_usage(
        {
            "type": "graduated",
            "tiers": [
                {"up_to_amount": "5", "unit_price": {"type": "unit", "amount": "1"}},
                {"unit_price": {"type": "unit", "amount": "0.5"}},
            ],
        }
    )
    shop.use(4, "2024-01-10")
    shop.issue("2024-02-01")
    shop.use(3, "2024-01-20", received="2024-02-03")

    shop.draft("2024-02-04")

    [late] = rows(shop.only)
    assert [(one["quantity"], one["amount"]) for one in late.arithmetic] == [("1", "1"), ("2", "1")]
    assert late.due == 2


def test_usage_that_is_taken_back_is_credited_against_the_invoice_that_billed_it():
    shop = with_usage()
    shop.use(7, "2024-01-10", id="one")
    *_, january = shop.issue("2024-02-01")
    shop.agreed.scene.void("one")

    [note] = shop.issue("2024-02-04")

    assert (note.kind, note.corrects_id, note.due) == ("credit_note", january.pk, 7)
    [back] = rows(note)
    assert (back.quantity, back.exact_due, back.amount) == (7, 7, 7)
    assert Billable.objects.get(accrual__isnull=False).billed == [0] * 10


def test_what_came_late_goes_first():
    shop = with_usage()
    shop.use(7, "2024-01-10", id="one")
    [january] = shop.issue("2024-02-01")
    shop.use(2, "2024-01-20", received="2024-02-03")
    [february] = shop.issue("2024-02-04")
    shop.agreed.scene.void("one")

    shop.issue("2024-02-05")

    notes = Invoice.objects.filter(kind="credit_note").order_by("-corrects_id")
    assert [(note.corrects_id, note.due) for note in notes] == [
        (february.pk, 2),
        (january.pk, 5),
    ]
    assert shop.agreed.scene.unbilled == 0


def test_what_two_invoices_billed_comes_off_the_next_one_in_a_line_for_each():
    shop = with_usage()
    shop.profile(corrections="next_invoice")
    shop.use(7, "2024-01-10", id="one")
    [january] = shop.issue("2024-02-01")
    shop.use(2, "2024-01-20", received="2024-02-03", id="two")
    [february] = shop.issue("2024-02-04")
    shop.agreed.scene.void("one")
    shop.agreed.scene.void("two")
    shop.use(30, "2024-02-05")

    [march] = shop.issue("2024-03-01")

    back = [line for line in rows(march) if line.kind == "adjustment"]
    assert [(line.corrects_line.invoice_id, line.due) for line in back] == [
        (february.pk, -2),
        (january.pk, -7),
    ]
    assert shop.agreed.scene.unbilled == 0
    assert shop.draft("2024-03-02").open == []


def test_what_another_payer_was_billed_for_is_given_back_to_that_one():
    shop = with_usage()
    shop.use(7, "2024-01-10", id="one")
    shop.issue("2024-02-01")
    parent = factories.customer(book=shop.book)
    shop.profile(shop.payer, payer=parent, corrections="next_invoice")
    shop.profile(parent, corrections="next_invoice")
    shop.agreed.scene.void("one")
    shop.use(30, "2024-02-05")

    issued = shop.issue("2024-03-01", payers=[parent])

    assert [(one.kind, one.payer, one.due) for one in issued] == [
        ("credit_note", shop.payer, 7),
        ("invoice", parent, 40),
    ]


def test_what_is_credited_by_hand_meanwhile_is_not_given_back_by_a_draft():
    shop = with_usage()
    shop.use(7, "2024-01-10", id="one")
    [january] = shop.issue("2024-02-01")
    shop.agreed.scene.void("one")
    shop.draft("2024-02-02")
    note = shop.only
    credited_by_hand(shop, january, rows(january)[-1], 5)

    with pytest.raises(NothingToCreditError):
        issuing.issue(invoice_ids=[note.pk], at=on("2024-02-03"), by="tests")
    [note] = shop.issue("2024-02-04")

    assert note.due == 2


def test_what_was_credited_by_hand_is_not_credited_again():
    shop = with_usage()
    shop.use(7, "2024-01-10", id="one")
    [january] = shop.issue("2024-02-01")
    *_, usage = rows(january)
    credited_by_hand(shop, january, usage, 5)
    shop.agreed.scene.void("one")

    [note] = shop.issue("2024-02-04")

    assert note.due == 2
    assert lines(note) == money(
        ("Correction of January 2024: Calls", "7"),
        ("Discounted or given back before: Calls", "-5"),
    )
    assert shop.agreed.scene.unbilled == 0
    assert shop.agreed.scene.holds("credit_notes", "calls") == 0
    assert verification.verify(book=shop.book).is_clean


def test_what_was_given_back_in_full_by_hand_leaves_a_note_over_nothing():
    shop = with_usage()
    shop.use(7, "2024-01-10", id="one")
    [january] = shop.issue("2024-02-01")
    credited_by_hand(shop, january, rows(january)[-1], 7)
    shop.agreed.scene.void("one")

    [note] = shop.issue("2024-02-04")

    assert (note.due, note.state) == (0, "paid")
    assert shop.agreed.scene.unbilled == 0
    assert shop.draft("2024-02-05").open == []


def test_of_a_discounted_invoice_what_was_paid_is_given_back():
    shop = with_usage()
    shop.use(80, "2024-01-10", id="one")
    shop.draft("2024-02-01")
    edits.edit(
        invoice=shop.only,
        operation="discount",
        content={"percentage": "25"},
        reason="Agreed",
        by="Ada",
        key="d",
        at=on("2024-02-01"),
    )
    [january] = shop.issue("2024-02-01")
    assert january.due == 75  # of 100
    shop.agreed.scene.void("one")
    shop.use(5, "2024-02-05")

    note, following = shop.issue("2024-03-01")

    assert (note.corrects, note.due) == (january, 60)
    assert following.due == 15
    assert shop.agreed.scene.unbilled == 0
    assert verification.verify(book=shop.book).is_clean


def test_a_coupon_goes_back_with_what_it_was_for():
    shop = with_usage()
    shop.agreed.coupon(redeemed="2024-01-01", percentage=Decimal(50))
    shop.use(80, "2024-01-10", id="one")
    [january] = shop.issue("2024-02-01")
    shop.agreed.scene.void("one")

    [note] = shop.issue("2024-02-04")

    assert (note.corrects, note.due) == (january, 40)
    assert shop.agreed.scene.unbilled == 0


def credited_by_hand(shop, invoice, line, amount):
    """Issue a credit note over part of a line, as a person would."""
    amounts = dict.fromkeys(("subtotal", "taxable", "total", "due"), amount)
    note = Invoice.objects.create(
        book=shop.book,
        kind="credit_note",
        payer=shop.payer,
        asset=invoice.asset,
        corrects=invoice,
        key="goodwill",
        series_key="CN",
        drafted_at=on("2024-02-02"),
        **amounts,
    )
    note.lines.create(
        position=1,
        kind="credit",
        consumer=shop.payer,
        description="Goodwill",
        amount=amount,
        due=amount,
        taxable=amount,
        category="O",
        product="calls",
        corrects_line=line,
    )
    issuing.issue(invoice_ids=[note.pk], at=on("2024-02-02"), by="tests")
