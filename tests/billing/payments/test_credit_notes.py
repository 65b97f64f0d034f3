"""Credit notes by hand: what they give back, at which tax, and where that goes."""

from decimal import Decimal

import pytest

from billing import payments
from billing.invoicing import checks as invoice_checks
from billing.invoicing import credit_notes, issuing
from billing.invoicing.credit_notes import Amount, Full, Lines
from billing.invoicing.errors import NothingToCreditError
from billing.models import Invoice, InvoiceLine, InvoiceTax, Refund, Unapplied
from billing.payments import checks as payment_checks
from billing.payments import dispositions
from billing.payments.errors import DocumentStateError
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Outbox
from tests import factories
from tests.billing.payments.documents import drafted, issued, now, pay, standing
from tests.factories import NOON
from wallets import summary

pytestmark = pytest.mark.django_db


def credit(invoice, what=None, *, disposition="offset", key="", **terms):
    return credit_notes.credit(
        invoice=invoice, what=what or Full(), disposition=disposition, reason="It was down",
        by="ann", key=key or factories.name("note"), at=NOON, **terms,
    )  # fmt: skip


def taxed(**terms):
    return issued(nets=["70", "30.05"], percentage="19", **terms)  # 100.05 + 19.01


def two_rates(nets=("70", "30.05"), net="22.04", tax="1.54"):
    """Return an invoice over 100.05 at 19 and 22.04 at 7 per cent: 142.64 in all, unless told."""
    draft = drafted(nets=nets, percentage="19")
    net, tax = Decimal(net), Decimal(tax)
    InvoiceLine.objects.create(
        invoice=draft, position=3, kind="manual", consumer=draft.payer, product="books",
        description="Books", amount=net, due=net, taxable=net, tax=tax, category="S",
        jurisdiction="DE", percentage=7,
    )  # fmt: skip
    InvoiceTax.objects.create(
        invoice=draft, jurisdiction="DE", category="S", percentage=7, base=net, tax=tax
    )
    Invoice.objects.filter(pk=draft.pk).update(
        subtotal=draft.subtotal + net, taxable=draft.taxable + net, tax=draft.tax + tax,
        total=draft.total + net + tax, due=draft.due + net + tax,
    )  # fmt: skip
    issuing.issue(invoice_ids=[draft.pk], at=NOON, by="test")
    return now(draft)


def test_all_of_an_invoice_given_back_leaves_nothing():
    invoice = taxed()

    note = credit(invoice)

    assert (note.kind, note.corrects, note.number) == ("credit_note", invoice, "CN-2025-000001")
    assert (note.total, note.tax) == (invoice.total, invoice.tax)
    assert (now(note).state, now(invoice).state) == ("paid", "paid")
    assert now(invoice).credited == now(note).credited == invoice.total
    assert standing(invoice.book) == {
        "one_off_revenue:chat": Decimal("-100.05"),
        "credit_notes:chat": Decimal("100.05"),
    }
    told = Outbox.objects.filter(topic="event").values_list("payload__type", flat=True)
    assert "credit_note.issued" in told


def test_all_is_given_back_where_a_discount_exceeds_what_is_taxed_like_it():
    invoice = two_rates(["10", "-30"], "100", "7")  # 80 and 3.20 tax: 83.20

    with pytest.raises(NothingToCreditError):
        credit(invoice, Amount(Decimal("83.21")))
    note = credit(invoice)

    assert [line.due for line in note.lines.order_by("position")] == [10, -30, 100]
    assert (
        (note.total, note.tax)
        == (invoice.total, invoice.tax)
        == (Decimal("83.20"), Decimal("3.20"))
    )
    assert now(invoice).credited == invoice.total
    with pytest.raises(NothingToCreditError):
        credit(invoice)


def test_the_rest_is_given_back_where_a_discount_exceeds_what_is_taxed_like_it():
    invoice = two_rates(["10", "-30"], "100", "7")
    credit(invoice, Amount(Decimal("23.20")))

    note = credit(invoice)

    assert note.total == 60
    assert now(invoice).credited == invoice.total


def test_lines_are_given_back_with_their_tax():
    invoice = taxed()
    first, second = invoice.lines.order_by("position")

    note = credit(invoice, Lines({first.pk: Decimal(10), second.pk: None}))

    rows = [(line.corrects_line, line.taxable, line.tax) for line in note.lines.all()]
    assert rows == [(first, 10, Decimal("1.90")), (second, Decimal("30.05"), second.tax)]
    assert now(invoice).open == invoice.total - note.total


def test_an_amount_is_spread_over_the_lines_tax_included():
    invoice = taxed()

    note = credit(invoice, Amount(Decimal("11.90")))

    assert note.total == Decimal("11.90")
    assert [line.amount for line in note.lines.all()] == [Decimal("7.00"), Decimal("3.00")]
    assert [tax.tax for tax in note.taxes.all()] == [Decimal("1.90")]


@pytest.mark.parametrize("parts", [["77.77"], ["0.01", "33.33", "90.13"], ["142.23", "0.01"]])
def test_amounts_over_two_rates_give_back_each_at_its_own_to_the_cent(parts):
    invoice = two_rates()

    for place, part in enumerate(parts):
        note = credit(invoice, Amount(Decimal(part)), key=f"p{place}")
        assert note.total == Decimal(part)
        by_rate = {tax.percentage: tax.tax for tax in note.taxes.all()}
        for tax in note.taxes.all():
            mine = [line.tax for line in note.lines.all() if line.percentage == tax.percentage]
            assert tax.tax == sum(mine)
            exact_ = (tax.base + tax.tax) * tax.percentage / (100 + tax.percentage)
            assert abs(tax.tax - exact_) <= Decimal("0.015") * len(parts)
        assert set(by_rate) <= {Decimal(19), Decimal(7)}
    rest = credit(invoice, Full(), key="rest")

    notes = Invoice.objects.filter(corrects=invoice)
    assert rest.total == invoice.total - sum(Decimal(part) for part in parts)
    for tax in invoice.taxes.all():
        given = InvoiceTax.objects.filter(invoice__in=notes, percentage=tax.percentage)
        assert sum(one.tax for one in given) == tax.tax
        assert sum(one.base for one in given) == tax.base
    assert now(invoice).open == 0
    for check in (*payment_checks.ALL, *invoice_checks.ALL):
        assert list(check(book_id=invoice.book_id)) == []


def test_prices_with_tax_in_them_are_given_back_with_it():
    invoice = drafted(nets=["119"])
    line = invoice.lines.get()
    InvoiceLine.objects.filter(pk=line.pk).update(
        is_inclusive=True, taxable=100, tax=19, percentage=19, category="S"
    )
    invoice.taxes.create(
        jurisdiction="DE", category="S", percentage=19, is_inclusive=True, base=100, tax=19
    )
    Invoice.objects.filter(pk=invoice.pk).update(included_tax=19, taxable=100, tax=19)
    issuing.issue(invoice_ids=[invoice.pk], at=NOON, by="test")

    note = credit(now(invoice), Lines({line.pk: Decimal("11.90")}))

    assert (note.total, note.taxable, note.tax) == (Decimal("11.90"), 10, Decimal("1.90"))
    assert (note.subtotal, note.included_tax) == (Decimal("11.90"), Decimal("1.90"))
    credit(now(invoice))
    assert standing(invoice.book) == {
        "one_off_revenue:chat": -119, "credit_notes:chat": 119,
    }  # fmt: skip


def test_a_key_issues_one_note():
    invoice = taxed()

    first = credit(invoice, Amount(Decimal(5)), key="n-1")

    assert credit(invoice, Amount(Decimal(5)), key="n-1") == first
    assert Invoice.objects.filter(kind="credit_note").count() == 1
    with pytest.raises(IdempotencyConflictError):
        credit(issued(invoice.payer), Amount(Decimal(5)), key="n-1")


@pytest.mark.parametrize(
    "other",
    [
        {"what": Amount(Decimal(6))},
        {"what": Amount(Decimal(5)), "disposition": "credit_balance"},
    ],
)
def test_a_key_stands_for_one_amount_and_one_way(other):
    invoice = taxed()
    credit(invoice, Amount(Decimal(5)), key="n-1")

    with pytest.raises(IdempotencyConflictError):
        credit(invoice, key="n-1", **other)


def test_no_more_is_given_back_than_is_left():
    invoice = taxed()
    first, _ = invoice.lines.order_by("position")
    credit(invoice, Lines({first.pk: Decimal(60)}))

    with pytest.raises(NothingToCreditError):
        credit(invoice, Lines({first.pk: Decimal("10.01")}))
    with pytest.raises(NothingToCreditError):
        credit(invoice, Amount(invoice.total))
    credit(invoice)
    with pytest.raises(NothingToCreditError):
        credit(invoice)
    assert now(invoice).open == 0


@pytest.mark.parametrize(
    "what", [Amount(Decimal(0)), Amount(Decimal(-1)), Lines({0: Decimal(1)})], ids=str
)
def test_what_cannot_be_given_back_is_refused(what):
    with pytest.raises(InvalidInputError):
        credit(taxed(), what)


def test_only_issued_invoices_are_credited():
    invoice = taxed()
    note = credit(invoice, Amount(Decimal(5)))

    for wrong in (drafted(), note):
        with pytest.raises(DocumentStateError):
            credit(wrong)


def test_the_database_gives_back_no_more_than_a_line_whoever_writes():
    invoice = taxed()
    line = invoice.lines.order_by("position").first()
    credit(invoice, Lines({line.pk: Decimal(60)}))
    note = drafted(
        invoice.payer, nets=["11"], corrects=invoice,
    )  # fmt: skip
    Invoice.objects.filter(pk=note.pk).update(kind="credit_note", series_key="CN")
    note.lines.update(kind="credit", corrects_line=line)

    with pytest.raises(NothingToCreditError, match="more would be given back"):
        issuing.issue(invoice_ids=[note.pk], at=NOON, by="test")


class TestWhereItGoes:
    def test_what_was_written_off_comes_in_first_so_that_tax_is_relieved_once(self):
        invoice = taxed()
        payments.write_off(invoice=invoice, reason="Insolvent", by="a", key="w", at=NOON)

        note = credit(now(invoice), Full())

        assert (now(note).state, now(invoice).state) == ("paid", "paid")
        assert (now(invoice).written_off, now(invoice).credited) == (0, invoice.total)
        left = standing(invoice.book)
        assert set(left) == {"one_off_revenue:chat", "credit_notes:chat"}

    def test_two_notes_of_one_invoice_are_set_off_one_after_the_other(self):
        invoice = taxed()
        payment = pay(invoice.payer, invoice.total)
        for key in ("a", "b"):
            credit(invoice, Amount(Decimal(50)), key=key)
        payments.reverse(payment=payment, reason="Returned", by="a", key="r", at=NOON)

        dispositions.set_off_open(payer_id=invoice.payer_id, by="run", at=NOON)

        assert now(invoice).credited == 100
        assert now(invoice).open == invoice.total - 100

    def test_a_note_over_a_paid_invoice_is_paid_back(self):
        invoice = taxed()
        pay(invoice.payer, invoice.total, rail="psp")

        note = credit(invoice, Amount(Decimal("11.90")), disposition="refund")

        [refund] = Refund.objects.all()
        assert (refund.amount, refund.state, refund.rail) == (
            Decimal("11.90"),
            "requested",
            "manual",
        )
        assert (now(note).open, now(note).refunded) == (0, Decimal("11.90"))
        assert now(invoice).state == "paid"
        payments.settle(refund=refund, by="bank", at=NOON)
        stands = standing(invoice.book)
        assert stands["rail_clearing:manual"] == Decimal("-11.90")
        assert "refunds_payable" not in stands

    def test_it_first_lowers_what_is_open(self):
        invoice = taxed()
        pay(invoice.payer, "100", rail="psp", reference=invoice.number)  # 19.06 are open

        note = credit(invoice, Amount(Decimal(30)), disposition="credit_balance")

        assert (now(invoice).open, now(invoice).credited) == (0, Decimal("19.06"))
        assert (now(note).credited, now(note).refunded) == (Decimal("19.06"), Decimal("10.94"))
        [money] = Unapplied.objects.filter(note=note)
        assert money.amount == Decimal("10.94")
        assert standing(invoice.book)["unapplied_cash"] == Decimal("-10.94")

    def test_what_is_not_set_off_waits_for_the_next_invoice(self):
        invoice = taxed()
        pay(invoice.payer, invoice.total)
        note = credit(invoice, Amount(Decimal(30)))
        assert (now(note).state, now(note).open) == ("issued", 30)
        following = issued(invoice.payer, nets=["50"])

        done = dispositions.set_off_open(payer_id=invoice.payer_id, by="run", at=NOON)

        assert done == 1
        assert (now(note).open, now(following).open) == (0, 20)
        assert dispositions.set_off_open(payer_id=invoice.payer_id, by="run", at=NOON) == 0

    def test_a_credit_balance_pays_the_next_invoice_but_not_what_waits(self):
        payer = factories.customer()
        pay(payer, 30)
        pay(payer, 40, allocate="nothing")
        invoice = issued(payer)

        swept = dispositions.set_off_all(at=NOON)

        assert (swept.done, swept.failures) == (1, [])
        assert dispositions.set_off_all(at=NOON).done == 0

        assert now(invoice).open == 70

    def test_it_may_become_credit_of_a_wallet(self):
        invoice = taxed()
        wallet = factories.wallet(customer=invoice.payer)
        pay(invoice.payer, invoice.total, rail="psp")

        note = credit(
            invoice, Amount(Decimal("11.90")), disposition="credit_balance", wallet=wallet, key="n",
        )  # fmt: skip
        credit(
            invoice, Amount(Decimal("11.90")), disposition="credit_balance", wallet=wallet, key="n",
        )  # fmt: skip

        [grant] = wallet.grants.all()
        assert (grant.amount, grant.funding) == (Decimal("11.90"), "paid")
        assert summary.of_grants([grant.pk], at=NOON)[grant.pk].available == Decimal("11.90")
        stands = standing(invoice.book)
        assert stands[f"credit_lot:{grant.pk}"] == Decimal("-11.90")
        assert not {"unapplied_cash", "rail_clearing"} & stands.keys()
        assert now(note).open == 0

    def test_a_wallet_is_for_credit_balances_in_the_same_currency(self):
        invoice = taxed()
        euros = factories.wallet(customer=invoice.payer, asset=factories.asset(code="EUR"))
        dollars = factories.wallet(customer=invoice.payer)

        with pytest.raises(InvalidInputError):
            credit(invoice, disposition="credit_balance", wallet=euros)
        with pytest.raises(InvalidInputError):
            credit(invoice, disposition="refund", wallet=dollars)
        with pytest.raises(InvalidInputError):
            credit(invoice, disposition="gift")
