"""Money comes: it is recorded once, and given to what it is for."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from billing import payments
from billing.models import Allocation, Invoice, Payment, Unapplied
from ledger.errors import IdempotencyConflictError, InvalidInputError, PrecisionError
from ledger.models import Outbox, Transaction
from tests import factories
from tests.billing.payments.documents import DAY, drafted, issued, money_of, now, pay, standing
from tests.factories import NOON

pytestmark = pytest.mark.django_db


def states(*invoices):
    return [now(invoice).state for invoice in invoices]


def test_a_payment_that_names_its_invoice_pays_it():
    invoice = issued()

    payment = pay(invoice.payer, 100, reference=f"Thanks for {invoice.number}", rail="hypo", fee=1)

    assert (now(invoice).state, now(invoice).open, now(invoice).paid) == ("paid", 0, 100)
    assert now(money_of(payment)).applied == 100
    assert standing(invoice.book) == {
        "rail_clearing:hypo": 99,
        "payment_fees": 1,
        "one_off_revenue:chat": -100,
    }
    told = Outbox.objects.filter(topic="event").values_list("payload__type", flat=True)
    assert {"payment.recorded", "invoice.paid"} <= set(told)
    assert "payment.unapplied" not in told


def test_the_same_payment_is_recorded_once_by_key_and_by_the_rails_name_of_it():
    payer = factories.customer()
    first = pay(payer, 10, key="p-1", rail="hypo", external_id="E1")

    assert pay(payer, 10, key="p-1", rail="hypo", external_id="E1") == first
    assert pay(payer, 10, key="p-2", rail="hypo", external_id="E1") == first
    assert Payment.objects.count() == Unapplied.objects.count() == 1
    assert Transaction.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [{"amount": 11}, {"external_id": "E2"}, {"rail": "other"}, {"method": "cash"}],
    ids=str,
)
def test_a_key_stands_for_one_payment(other):
    payer = factories.customer()
    said = {"amount": 10, "key": "p-1", "rail": "hypo", "external_id": "E1", "method": "bank"}
    pay(payer, **said)

    with pytest.raises(IdempotencyConflictError):
        pay(payer, **said | other)


def test_what_a_key_and_a_rails_name_stand_for_together_must_be_one_payment():
    payer = factories.customer()
    pay(payer, 10, key="p-1", rail="hypo", external_id="E1")
    pay(payer, 10, key="p-2", rail="hypo", external_id="E2")

    with pytest.raises(IdempotencyConflictError):
        pay(payer, 10, key="p-1", rail="hypo", external_id="E2")


def test_a_key_of_another_payer_is_taken():
    book = factories.book()
    pay(factories.customer(book=book), 10, key="p-1")

    with pytest.raises(IdempotencyConflictError):
        pay(factories.customer(book=book), 10, key="p-1")


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("amount", {"amount": 0}),
        ("amount", {"amount": -5}),
        ("fee", {"amount": 5, "fee": -1}),
        ("fee", {"amount": 5, "fee": 6}),
        ("method", {"amount": 5, "method": "barter"}),
        ("allocate", {"amount": 5, "allocate": "newest"}),
        ("rail", {"amount": 5, "rail": "with space"}),
        ("external_id", {"amount": 5, "external_id": "line\nbreak"}),
    ],
    ids=str,
)
def test_a_payment_that_cannot_be_is_refused(field, terms):
    with pytest.raises(InvalidInputError) as refused:
        pay(factories.customer(), **terms)

    assert refused.value.field == field


def test_money_has_the_places_of_its_currency():
    with pytest.raises(PrecisionError):
        pay(factories.customer(), "0.001")
    with pytest.raises(PrecisionError):
        pay(factories.customer(), "0.5", asset=factories.asset(code="JPY"))


@pytest.mark.parametrize("came", [NOON + DAY, NOON.replace(year=9999), NOON.replace(year=1970)])
def test_money_comes_neither_from_the_future_nor_from_long_ago(came):
    payer = factories.customer()

    with pytest.raises(InvalidInputError, match="received_at"):
        payments.record(
            payer=payer, asset=factories.asset(), amount=Decimal(1), method="cash", key="k",
            received_at=came, at=NOON,
        )  # fmt: skip


def test_money_that_names_nothing_pays_what_has_been_due_for_longest():
    payer = factories.customer()
    later, sooner = issued(payer, terms="P30D"), issued(payer, terms="P10D")

    pay(payer, 130)

    assert states(sooner, later) == ["paid", "partially_paid"]
    assert now(later).open == 70


def test_an_amount_that_only_one_invoice_has_open_is_for_that():
    payer = factories.customer()
    older, exact = issued(payer, nets=["80"]), issued(payer, nets=["25.50"])

    pay(payer, "25.50")

    assert states(older, exact) == ["issued", "paid"]


def test_a_reference_goes_before_age():
    payer = factories.customer()
    older, named = issued(payer), issued(payer)

    pay(payer, 150, reference=named.number)

    assert states(older, named) == ["partially_paid", "paid"]
    policies = Allocation.objects.values_list("policy", flat=True)
    assert set(policies) == {"reference"}


def test_too_much_stays_unapplied():
    invoice = issued()

    payment = pay(invoice.payer, "120.10")

    assert payments.left_of(money_of(payment)) == Decimal("20.10")
    assert standing(invoice.book)["unapplied_cash"] == Decimal("-20.10")
    event = Outbox.objects.get(payload__type="payment.unapplied")
    assert event.payload["data"]["unapplied"] == "20.1"


def test_money_may_wait_for_somebody_to_say_what_it_is_for():
    invoice = issued()

    payment = pay(invoice.payer, 100, allocate="nothing", reference=invoice.number)

    assert now(invoice).open == 100
    assert money_of(payment).waits


def test_money_may_go_to_what_is_named_only():
    invoice = issued()

    pay(invoice.payer, 100, allocate="reference", reference="no idea")
    assert now(invoice).open == 100
    pay(invoice.payer, 100, allocate="reference", reference=invoice.number)
    assert now(invoice).open == 0


def test_money_may_go_to_the_oldest_whatever_it_names():
    payer = factories.customer()
    older, named = issued(payer), issued(payer)

    pay(payer, 100, allocate="oldest", reference=named.number)

    assert states(older, named) == ["paid", "issued"]


def test_money_of_one_currency_does_not_pay_another():
    payer = factories.customer()
    invoice = issued(payer, asset=factories.asset(code="EUR"))

    pay(payer, 100, reference=invoice.number)

    assert now(invoice).open == 100


def test_drafts_are_not_paid():
    draft = drafted()

    pay(draft.payer, 100)

    assert now(draft).paid == 0


class TestTolerance:
    @pytest.fixture(autouse=True)
    def _bounds(self, settings):
        settings.METERBOOK_PAYMENT_TOLERANCE = {"USD": Decimal("0.05")}

    def test_a_few_cents_too_little_pay_an_invoice(self):
        invoice = issued()

        pay(invoice.payer, "99.95")

        assert now(invoice).state == "paid"
        assert standing(invoice.book)["rounding"] == Decimal("0.05")

    def test_a_cent_more_than_that_stays_open(self):
        invoice = issued()

        pay(invoice.payer, "99.94")

        assert now(invoice).open == Decimal("0.06")

    def test_a_few_cents_too_much_are_not_asked_about(self):
        invoice = issued()

        payment = pay(invoice.payer, "100.03")

        assert payments.left_of(money_of(payment)) == 0
        assert standing(invoice.book)["rounding"] == Decimal("-0.03")

    def test_money_for_nothing_is_never_rounding(self):
        payer = factories.customer()

        assert payments.left_of(money_of(pay(payer, "0.03"))) == Decimal("0.03")

    def test_a_small_part_that_is_lost_is_not_taken_for_rounding(self):
        invoice = issued()
        payment = pay(invoice.payer, 100)
        dispute = payments.open_dispute(
            payment=payment, amount=Decimal("0.03"), reason="Fraud", by="psp", key="d", at=NOON
        )

        payments.decide(dispute=dispute, outcome="lost", decision="Shown", by="psp", at=NOON)

        assert now(invoice).open == Decimal("0.03")

    @pytest.mark.parametrize("amount", ["99.95", "100.03"])
    def test_it_comes_back_with_the_payment(self, amount):
        invoice = issued()
        payment = pay(invoice.payer, amount)

        payments.reverse(payment=payment, reason="Bounced", by="test", key="r", at=NOON)

        assert now(invoice).open == 100
        assert standing(invoice.book) == {"receivable": 100, "one_off_revenue:chat": -100}


class TestTheDatabase:
    """Its promises, whoever writes."""

    def row(self, invoice, money, **terms):
        return Allocation(
            **{
                "book": invoice.book, "kind": "payment", "source": money, "invoice": invoice,
                "amount": Decimal(1), "at": NOON, **terms,
            }
        )  # fmt: skip

    def refused(self, *rows):
        with pytest.raises(DatabaseError) as error, transaction.atomic():
            Allocation.objects.bulk_create(rows)
        return error.value.__cause__.diag.constraint_name

    def test_gives_no_more_than_there_is(self):
        payer = factories.customer()
        invoice, money = issued(payer), money_of(pay(payer, 10, allocate="nothing"))

        rows = [self.row(invoice, money, amount=Decimal(6)) for _ in range(2)]
        assert self.refused(*rows) == "billing_unapplied_not_more"

    def test_settles_no_more_than_is_open(self):
        payer = factories.customer()
        invoice, money = issued(payer), money_of(pay(payer, 200, allocate="nothing"))

        row = self.row(invoice, money, amount=Decimal("100.01"))
        assert self.refused(row) == "billing_invoice_open"

    def test_joins_money_and_documents_of_one_payer_only(self):
        invoice = issued()
        money = money_of(pay(factories.customer(book=invoice.book), 200))

        assert self.refused(self.row(invoice, money)) == "billing_allocation_belongs"

    def test_undoes_only_what_was_done_and_only_once(self):
        invoice = issued()
        payment = pay(invoice.payer, 100)
        [done] = Allocation.objects.all()
        money = money_of(payment)

        part = self.row(invoice, money, amount=Decimal(-40), reverses=done)
        assert self.refused(part) == "billing_allocation_belongs"
        payments.unallocate(allocation=done, reason="Wrong", by="ann", at=NOON)
        again = self.row(invoice, money, amount=Decimal(-100), reverses=done)
        assert self.refused(again) == "billing_allocation_reverses_id_key"

    @pytest.mark.parametrize("column", ["paid", "credited", "written_off", "refunded", "open"])
    def test_keeps_how_far_a_document_is_settled(self, column):
        invoice = issued()

        with pytest.raises(DatabaseError, match="settled by allocations"), transaction.atomic():
            Invoice.objects.filter(pk=invoice.pk).update(**{column: 1})

    @pytest.mark.parametrize("table", ["billing_payment", "billing_allocation"])
    def test_keeps_what_was_recorded(self, table):
        pay(issued().payer, 100)

        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET amount = amount + 1")

    def test_starts_money_with_what_came(self):
        payment = pay(factories.customer(), 10)

        with pytest.raises(DatabaseError), transaction.atomic():
            Unapplied.objects.create(
                book=payment.book, payer=payment.payer, asset=payment.asset, payment=payment,
                amount=Decimal(11), made_at=NOON,
            )  # fmt: skip
