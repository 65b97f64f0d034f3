"""Taxes of drafts: filled in for many at once, decided from what is known of their payers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import taxcodes
from billing.invoicing.facts import Draft, DraftLine, Problem
from billing.models import Invoice, InvoiceLine, InvoiceTax, Party, Supplier, TaxId
from billing.tax.facts import Category, Decision
from billing.taxation import applying, exemptions, ids, rates
from billing.taxation.providers import ProviderUnavailableError, TaxDocument
from ledger.periods import month_after, month_of
from tests import factories

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def book():
    """Return a book of a German seller with the German rate."""
    book = factories.book(base_currency="EUR", time_zone="Europe/Berlin")
    Supplier.objects.create(book=book, address={"country": "DE"}, updated_at=AT)
    rates.enter(
        book=book, jurisdiction="DE", percentage=Decimal(19), valid_from=date(2021, 1, 1), at=AT
    )
    return book


@pytest.fixture
def payer(book):
    """Return a function that makes a customer with a party somewhere."""

    def make(country: str, *, is_business: bool = True, **more: Any):
        customer = factories.customer(book=book)
        Party.objects.create(
            customer=customer,
            address={"country": country},
            is_business=is_business,
            updated_at=AT,
            **more,
        )
        return customer

    return make


def line(amount: str, **more: Any) -> DraftLine:
    parts = {name: Decimal(more.pop(name, "0")) for name in ("promotional", "paid")}
    due = Decimal(amount) - parts["promotional"] - parts["paid"]
    return DraftLine(
        kind="usage",
        consumer_id=1,
        description="Usage",
        amount=Decimal(amount),
        due=due,
        **parts,
        **more,
    )


def draft(payer: Any, *lines: DraftLine, **more: Any) -> Draft:
    return Draft(
        kind=more.pop("kind", "invoice"),
        payer_id=payer.pk,
        asset_id=factories.asset(code="EUR").pk,
        exponent=2,
        lines=list(lines),
        **more,
    )


def taxed(book: Any, made: Draft) -> Draft:
    (found,) = applying.tax(drafts=[made], book=book, at=AT)
    return found


def sums(made: Draft) -> tuple[str, ...]:
    totals = made.totals
    values = (totals.subtotal, totals.credit, totals.taxable, totals.tax, totals.total, totals.due)
    return tuple(f"{value.quantize(Decimal('0.01'))}" for value in values)


def test_a_draft_gets_the_tax_of_its_payer_on_top(book, payer):
    made = taxed(book, draft(payer("DE"), line("49.00"), line("184.20")))
    assert sums(made) == ("233.20", "0.00", "233.20", "44.31", "277.51", "277.51")
    assert [str(each.tax) for each in made.lines] == ["9.31", "35.00"]
    (tax,) = made.taxes
    assert (tax.jurisdiction, tax.category, tax.percentage) == ("DE", "S", 19)


def test_a_price_with_its_tax_in_it_stays_what_it_is(book, payer):
    made = taxed(book, draft(payer("DE"), line("119.00", is_inclusive=True)))
    assert sums(made) == ("119.00", "0.00", "100.00", "19.00", "119.00", "119.00")
    assert made.totals.included_tax == 19


def test_both_kinds_of_prices_stand_in_one_document(book, payer):
    made = taxed(book, draft(payer("DE"), line("119.00", is_inclusive=True), line("100.00")))
    assert sums(made) == ("219.00", "0.00", "200.00", "38.00", "238.00", "238.00")
    assert [tax.is_inclusive for tax in made.taxes] == [True, False]


def test_credit_that_was_taxed_when_it_was_sold_lowers_what_is_taxed(book, payer):
    made = taxed(book, draft(payer("DE"), line("100.00", promotional="10.00", paid="40.00")))
    assert sums(made) == ("100.00", "50.00", "50.00", "9.50", "59.50", "59.50")


def test_credit_that_counts_as_a_payment_is_taxed_now(book, payer):
    usage = line("100.00", promotional="10.00", paid="40.00")
    made = taxed(book, draft(payer("DE"), usage, paid_credit="as_payment"))
    assert sums(made) == ("100.00", "10.00", "90.00", "17.10", "107.10", "67.10")
    assert made.totals.prepaid == 40


def test_the_id_of_an_address_makes_a_reverse_charge_with_a_warning(book, payer):
    made = taxed(book, draft(payer("FR", tax_ids={"eu_vat": "FR40303265045"}), line("10.00")))
    assert (made.lines[0].category, made.totals.tax) == ("AE", 0)
    assert (made.taxes[0].code, made.taxes[0].note) == ("VATEX-EU-AE", "Reverse charge")
    assert [(p.code, p.is_critical) for p in made.problems] == [("tax_id_unverified", False)]


def test_an_id_that_an_authority_called_invalid_is_taxed(book, payer):
    french = payer("FR", is_business=True)
    entered = ids.enter(customer=french, kind="eu_vat", number="FR40303265045", at=AT)
    TaxId.objects.filter(pk=entered.pk).update(status="invalid")
    made = taxed(book, draft(french, line("10.00")))
    assert made.lines[0].category == "S"
    assert made.problems[0].code == "tax_id_invalid"


def test_a_certificate_frees_until_it_is_revoked(book, payer):
    school = payer("DE")
    freed = exemptions.grant(
        customer=school, jurisdiction="DE", certificate="A-1", valid_from=date(2026, 1, 1), at=AT
    )
    assert taxed(book, draft(school, line("10.00"))).lines[0].category == "E"
    exemptions.revoke(exemption=freed, at=AT)
    assert taxed(book, draft(school, line("10.00"))).lines[0].category == "S"


def test_codes_bear_their_own_rates_and_the_books_usual_code_stands_in(book, payer):
    code = taxcodes.create(book=book, key="books", name="Books", at=AT)
    rates.enter(
        book=book,
        jurisdiction="DE",
        percentage=Decimal(7),
        tax_code=code,
        valid_from=date(2021, 1, 1),
        at=AT,
    )
    made = taxed(book, draft(payer("DE"), line("100.00", tax_code="books"), line("100.00")))
    assert [str(each.tax) for each in made.lines] == ["7.00", "19.00"]
    Supplier.objects.filter(book=book).update(default_tax_code="books")
    made = taxed(book, draft(payer("DE"), line("100.00")))
    assert (made.lines[0].tax_code, str(made.totals.tax)) == ("books", "7.00")


def test_the_rate_of_the_tax_date_applies(book, payer):
    rates.enter(
        book=book, jurisdiction="DE", percentage=Decimal(20), valid_from=date(2026, 11, 1), at=AT
    )
    before = draft(payer("DE"), line("100.00"), tax_date=date(2026, 10, 31))
    assert taxed(book, before).totals.tax == 19
    assert taxed(book, draft(payer("DE"), line("100.00"))).totals.tax == 20


def test_a_book_without_taxes_still_drafts_with_a_warning():
    book = factories.book()
    customer = factories.customer(book=book)
    made = taxed(book, draft(customer, line("10.00")))
    assert sums(made) == ("10.00", "0.00", "10.00", "0.00", "10.00", "10.00")
    assert made.lines[0].category == "O"
    assert [(p.code, p.is_critical) for p in made.problems] == [("no_tax_set_up", False)]


def test_a_payer_without_a_country_blocks(book):
    made = taxed(book, draft(factories.customer(book=book), line("10.00")))
    assert [(p.code, p.is_critical) for p in made.problems] == [("no_address", True)]


def test_what_was_decided_is_written_down_with_its_facts(book, payer):
    made = taxed(book, draft(payer("FR", tax_ids={"eu_vat": "FR40303265045"}), line("10.00")))
    assert made.tax_decision["seller"]["country"] == "DE"
    assert made.tax_decision["buyer"]["tax_id"]["number"] == "FR40303265045"
    (decision,) = made.tax_decision["decisions"]
    assert decision["category"] == "AE"
    assert decision["why"]


def test_what_is_over_bears_the_tax_of_its_last_day_whenever_it_is_drafted(book, payer):
    rates.enter(
        book=book, jurisdiction="DE", percentage=Decimal(20), valid_from=date(2026, 11, 1), at=AT
    )
    october = month_of(datetime(2026, 10, 5, tzinfo=UTC), ZoneInfo(book.time_zone))
    november = month_after(october, ZoneInfo(book.time_zone))
    over = taxed(book, draft(payer("DE"), line("100.00", period=october)))
    assert (over.tax_date, over.totals.tax) == (date(2026, 10, 31), 19)
    assert over.tax_decision["date"] == "2026-10-31"
    running = taxed(
        book, draft(payer("DE"), line("100.00", period=october), line("1.00", period=november))
    )
    assert (running.tax_date, running.tax_decision["date"]) == (None, None)
    assert running.totals.tax == Decimal("20.20")


def test_taxing_again_changes_nothing_and_keeps_others_problems(book, payer):
    other = Problem(code="unusual", component="usage", remedy="look")
    made = draft(payer("FR", tax_ids={"eu_vat": "FR40303265045"}), line("10.00"), problems=[other])
    once = taxed(book, made)
    first = (list(once.problems), list(once.taxes), once.totals, once.tax_decision)
    again = taxed(book, once)
    assert (list(again.problems), list(again.taxes), again.totals, again.tax_decision) == first
    assert again.problems[0] == other


def test_two_hundred_drafts_take_as_many_statements_as_one(book, payer):
    one = [draft(payer("DE"), line("10.00"))]
    many = [draft(payer("DE"), line("10.00"), line("3.33")) for _ in range(30)]
    with CaptureQueriesContext(connection) as alone:
        applying.tax(drafts=one, book=book, at=AT)
    with CaptureQueriesContext(connection) as together:
        applying.tax(drafts=many, book=book, at=AT)
    assert len(together) == len(alone) <= 6


# --- Corrections -----------------------------------------------------------------------------


def issued(book: Any, payer: Any, made: Draft) -> Invoice:
    """Write a taxed draft down as an invoice that was issued."""
    totals = made.totals
    invoice = Invoice.objects.create(
        book=book,
        kind="invoice",
        payer=payer,
        asset_id=made.asset_id,
        series_key="INV",
        drafted_at=AT,
        subtotal=totals.subtotal,
        included_tax=totals.included_tax,
        taxable=totals.taxable,
        tax=totals.tax,
        total=totals.total,
        due=totals.due,
    )
    for position, each in enumerate(made.lines):
        InvoiceLine.objects.create(
            invoice=invoice,
            position=position,
            kind="usage",
            consumer=payer,
            description="Usage",
            amount=each.amount,
            due=each.due,
            tax_code=each.tax_code,
            is_inclusive=each.is_inclusive,
            category=each.category,
            jurisdiction=each.jurisdiction,
            percentage=each.percentage,
            taxable=each.taxable,
            tax=each.tax,
        )
    for tax in made.taxes:
        InvoiceTax.objects.create(
            invoice=invoice,
            jurisdiction=tax.jurisdiction,
            category=tax.category,
            percentage=tax.percentage,
            is_inclusive=tax.is_inclusive,
            base=tax.base,
            tax=tax.tax,
            code=tax.code,
            note=tax.note,
        )
    return invoice


@pytest.mark.parametrize("is_inclusive", [False, True])
def test_what_is_given_back_bears_the_old_rate_to_the_cent(book, payer, is_inclusive):
    german = payer("DE")
    lines = (line("0.33", is_inclusive=is_inclusive), line("0.35", is_inclusive=is_inclusive))
    invoice = issued(book, german, taxed(book, draft(german, *lines)))
    rates.enter(
        book=book, jurisdiction="DE", percentage=Decimal(25), valid_from=date(2026, 11, 1), at=AT
    )
    old = list(invoice.lines.order_by("position"))
    notes = [
        line("0.20", corrects_line_id=old[0].pk),
        line("0.13", corrects_line_id=old[0].pk),
        line("0.35", corrects_line_id=old[1].pk),
    ]
    note = taxed(book, draft(german, *notes, kind="credit_note"))
    assert (note.totals.tax, note.totals.due) == (invoice.tax, invoice.due)
    assert {each.percentage for each in note.lines} == {Decimal(19)}
    assert note.tax_decision["decisions"] == []


def test_a_line_below_zero_on_the_next_invoice_gives_back_at_the_old_rate(book, payer):
    german = payer("DE")
    invoice = issued(book, german, taxed(book, draft(german, line("6.00"))))
    rates.enter(
        book=book, jurisdiction="DE", percentage=Decimal(25), valid_from=date(2026, 11, 1), at=AT
    )
    back = line("-5.81", corrects_line_id=invoice.lines.get().pk)
    made = taxed(book, draft(german, back, line("9.68")))
    assert [str(each.tax) for each in made.lines] == ["-1.10", "2.42"]
    assert len(made.taxes) == 2


# --- Other engines ---------------------------------------------------------------------------


class Engine:
    """An engine that takes 5 % of everything, or does not answer."""

    key = "five"
    asked: list[TaxDocument] = []
    is_down = False

    def quote(self, documents):
        if self.is_down:
            raise ProviderUnavailableError
        Engine.asked = list(documents)
        five = Decision(
            category=Category.STANDARD,
            jurisdiction="XX",
            percentage=Decimal(5),
            why=("five",),
        )
        return [[five for _ in document.supplies] for document in documents]


class SilentEngine(Engine):
    is_down = True


def test_another_engine_decides_and_amounts_are_rounded_here(book, payer, settings):
    settings.TAX_PROVIDER = f"{__name__}.Engine"
    german = payer("DE")
    taxcodes.create(book=book, key="saas", name="SaaS", provider_codes={"five": "P01"}, at=AT)
    lines = (line("0.50", tax_code="saas"), line("0.50", tax_code="saas"))
    made = taxed(book, draft(german, *lines))
    assert (made.taxes[0].jurisdiction, str(made.totals.tax)) == ("XX", "0.05")
    (document,) = Engine.asked
    assert (document.payer_key, document.currency) == (german.key, "EUR")
    assert (document.supplies[0].amount, document.supplies[0].code) == (1, "P01")


def test_an_engine_that_does_not_answer_blocks_until_it_does(book, payer, settings):
    settings.TAX_PROVIDER = f"{__name__}.SilentEngine"
    made = taxed(book, draft(payer("DE"), line("1.00")))
    assert [(p.code, p.is_critical) for p in made.problems] == [("tax_provider_unavailable", True)]
    settings.TAX_PROVIDER = ""
    assert taxed(book, made).problems == []
