"""Money in the admin: recorded, matched, given back step by step, asked for."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.utils.timezone import now as clock

from billing import dunning
from billing.models import Dispute, Dunning, DunningSchedule, Invoice, Payment, Refund
from tests import factories
from tests.billing.invoicing.rendering.samples import text_of
from tests.billing.payments.documents import issued, money_of, now, pay
from tests.ledger.admin.browser import Browser
from wallets.models import Approval

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser():
    return Browser()


@pytest.fixture
def invoice():
    """Return an invoice over 119 dollars that has been due for forty days."""
    at = clock() - timedelta(days=40)
    return issued(factories.customer(), nets=["70", "30"], percentage="19", at=at, terms="")


class TestPayments:
    def values(self, invoice, **more):
        return {
            "payer": invoice.payer.key, "currency": invoice.asset_id, "amount": "130",
            "method": "bank", "received_at": "2025-06-15T12:00:00", "key": "p-1",
            "allocate": "reference_then_oldest", "reference": invoice.number, **more,
        }  # fmt: skip

    def test_one_is_recorded_and_says_where_it_went(self, browser, invoice):
        browser.do("billing_payment_add", values=self.values(invoice))

        payment = Payment.objects.get()
        page = browser.read("billing_payment_change", payment.pk)
        assert "11.00" in browser.read("billing_payment_changelist")
        assert invoice.number in page
        assert "What it may be for" in page
        assert now(invoice).state == "paid"
        assert browser.read("billing_invoice_change", invoice.pk).count("119.00") >= 1

    def test_what_cannot_be_is_said_at_its_field(self, browser, invoice):
        answer = browser.do(
            "billing_payment_add", values=self.values(invoice, rail="with space"), status=200
        )

        assert "use letters, digits" in answer.content.decode()

    @pytest.mark.parametrize("to", ["proposal:0", "oldest", "chosen"])
    def test_money_is_matched_as_proposed_or_chosen(self, browser, invoice, to):
        money = money_of(pay(invoice.payer, 119, at=clock(), allocate="nothing"))
        page = browser.read("billing_unapplied_match", money.pk)
        assert f"amount: {invoice.number}" in page

        values = {"to": to, f"document_{invoice.pk}": "119"}
        browser.do("billing_unapplied_match", money.pk, values=values)

        assert now(invoice).state == "paid"
        assert "Nowhere yet" not in browser.read("billing_unapplied_change", money.pk)

    def test_one_payment_is_matched_with_several_documents_as_chosen(self, browser, invoice):
        other = issued(invoice.payer, nets=["40"], at=clock())
        payment = pay(invoice.payer, 100, at=clock(), allocate="nothing")
        page = browser.get("billing_payment_match", payment.pk).content.decode()
        assert f'name="document_{invoice.pk}" value="100"' in page

        amounts = {f"document_{invoice.pk}": "70.5", f"document_{other.pk}": "29.5"}
        browser.do("billing_payment_match", payment.pk, values={"to": "chosen", **amounts})

        assert (now(invoice).open, now(other).open) == (Decimal("48.50"), Decimal("10.50"))
        browser.get("billing_payment_match", payment.pk, status=403)

    def test_unapplied_cash_is_listed_until_it_is_used_up(self, browser, invoice):
        money_of(pay(invoice.payer, 5, at=clock(), allocate="nothing", key="p-9"))

        assert "p-9" in browser.read("billing_unapplied_changelist")
        assert "p-9" in browser.read("billing_unapplied_changelist", left="waits")
        browser.do(
            "billing_unapplied_match", money_of(Payment.objects.get()).pk, values={"to": "oldest"}
        )
        assert "p-9" not in browser.read("billing_unapplied_changelist")
        assert "p-9" in browser.read("billing_unapplied_changelist", left="all")

    def test_it_is_taken_back(self, browser, invoice):
        payment = pay(invoice.payer, 119, at=clock())

        browser.do("billing_payment_reverse", payment.pk, values={"reason": "AC04"})

        assert now(invoice).state == "overdue"
        browser.get("billing_payment_reverse", payment.pk, status=403)

    def test_it_is_disputed_and_that_is_decided(self, browser, invoice):
        payment = pay(invoice.payer, 119, at=clock(), rail="psp")

        browser.do(
            "billing_payment_dispute", payment.pk,
            values={"key": "d-1", "fee": "15", "reason": "Fraud"},
        )  # fmt: skip
        dispute = Dispute.objects.get()
        assert "open" in browser.read("billing_dispute_changelist")
        browser.do(
            "billing_dispute_decide", dispute.pk,
            values={"outcome": "lost", "decision": "The network said so"},
        )  # fmt: skip

        assert now(invoice).open == 119
        assert "lost" in browser.read("billing_dispute_change", dispute.pk)

    def test_what_is_left_is_paid_back(self, browser, invoice):
        money = money_of(pay(invoice.payer, 130, at=clock()))

        browser.do(
            "billing_unapplied_refund", money.pk, values={"key": "f-1", "reason": "Too much"}
        )
        refund = Refund.objects.get()
        browser.do("billing_refund_send", refund.pk, values={"external_id": "re_1"})
        browser.do("billing_refund_settle", refund.pk)

        assert (now(refund).state, refund.amount) == ("settled", 11)
        assert "settled" in browser.read("billing_refund_changelist")
        assert "re_1" in browser.read("billing_refund_change", refund.pk)

    def test_who_may_not_is_kept_out(self, invoice):
        browser = Browser(permissions=["billing.view_payment", "billing.view_invoice"])
        payment = pay(invoice.payer, 119, at=clock())

        browser.get("billing_payment_reverse", payment.pk, status=403)
        browser.get("billing_payment_add", status=403)
        browser.get("billing_invoice_credit", invoice.pk, status=403)


class TestCreditNotes:
    def step(self, browser, invoice, values, *, status=200):
        answer = browser.do("billing_invoice_credit", invoice.pk, values=values, status=status)
        return answer.content.decode()

    def test_an_amount_is_given_back_in_three_steps(self, browser, invoice):
        first = browser.read("billing_invoice_credit", invoice.pk)
        assert "An amount, spread over the lines" in first
        assert 'value="Next"' in browser.get("billing_invoice_credit", invoice.pk).content.decode()
        assert "Where it goes" not in first
        said = {"step": "1", "key": "n-1", "what": "amount"}
        assert "How much" in self.step(browser, invoice, said)
        said |= {"step": "2", "amount": "11.90"}
        third = self.step(browser, invoice, said)
        assert "10 USD and 1.9 USD tax are given back." in third
        assert 'value="Credit note"' in third
        said |= {"step": "3", "disposition": "offset", "reason": "Outage"}
        self.step(browser, invoice, said, status=302)

        note = Invoice.objects.get(kind="credit_note")
        assert (note.total, note.corrects) == (Decimal("11.90"), invoice)
        assert now(invoice).open == Decimal("107.10")
        assert "Outage" in browser.read("billing_invoice_change", note.pk)

    def test_all_of_it_needs_two(self, browser, invoice):
        said = {"step": "1", "key": "n-1", "what": "full"}
        second = self.step(browser, invoice, said)
        assert "Where it goes" in second
        said |= {"step": "3", "disposition": "credit_balance", "reason": "Outage"}
        self.step(browser, invoice, said, status=302)

        assert now(invoice).open == 0

    def test_lines_are_chosen(self, browser, invoice):
        first, second = invoice.lines.order_by("position")
        said = {"step": "1", "key": "n-1", "what": "lines"}
        assert "At most 70.00" in self.step(browser, invoice, said)
        said |= {"step": "2", f"line_{first.pk}": "20", f"line_{second.pk}": ""}
        self.step(browser, invoice, said)
        said |= {"step": "3", "disposition": "offset", "reason": "Outage"}
        self.step(browser, invoice, said, status=302)

        note = Invoice.objects.get(kind="credit_note")
        assert [line.corrects_line for line in note.lines.all()] == [first]

    def test_too_much_is_said(self, browser, invoice):
        said = {"step": "2", "key": "n-1", "what": "amount", "amount": "119.01"}

        assert "Less of the document is left" in self.step(browser, invoice, said)

    def test_much_of_it_waits_for_a_second_person(self, browser, invoice, settings):
        settings.METERBOOK_APPROVAL_ABOVE = {"USD": Decimal(10)}
        said = {
            "step": "3", "key": "n-1", "what": "full", "disposition": "offset", "reason": "Big",
        }  # fmt: skip
        self.step(browser, invoice, said, status=302)
        approval = Approval.objects.get()
        assert (approval.operation, now(invoice).open) == ("credit_note.issue", 119)

        Browser().do("wallets_approval_approve", approval.pk)

        assert now(invoice).open == 0

    def test_something_is_charged_on_top(self, browser, invoice):
        values = {
            "key": "d-1", "reason": "Forgotten", "description": "Setup", "quantity": "2",
            "unit_price": "12.50",
        }  # fmt: skip
        browser.do("billing_invoice_debit", invoice.pk, values=values)

        note = Invoice.objects.get(kind="debit_note")
        assert (note.due, note.corrects) == (25, invoice)

    def test_what_will_not_be_paid_is_written_off(self, browser, invoice):
        values = {"key": "w-1", "reason": "Insolvent", "relieves_tax": "on"}

        browser.do("billing_invoice_write-off", invoice.pk, values=values)

        assert now(invoice).state == "uncollectible"
        browser.get("billing_invoice_write-off", invoice.pk, status=403)


class TestCollecting:
    def test_ageing_shows_who_owes_what_and_as_csv(self, browser, invoice):
        page = browser.read("billing_ageing")
        file = browser.get("billing_ageing", book=invoice.book_id, format="csv").content.decode()

        assert "31–60 days" in page
        assert "119.00" in page
        assert f"{invoice.payer.key},USD,0,0,119" in file

    def test_a_statement_is_one_click_from_ageing(self, browser, invoice):
        listed = browser.get("billing_ageing").content.decode()
        [address] = re.findall(r'href="([^"]+)">Statement<', listed)
        drawn = browser.client.get(unescape(address)).content.decode()
        [pdf] = re.findall(r'href="([^"]+)">Download as PDF', drawn)
        place = address.partition("?")[0]
        file = browser.client.get(place + unescape(pdf))

        assert invoice.number in drawn
        assert "Opening balance" in drawn
        assert file.headers["Content-Type"] == "application/pdf"
        assert invoice.number in text_of(file.content)
        assert "There is no customer" in browser.read("billing_account_statement", payer="nobody")
        assert "let it end after" in browser.read(
            "billing_account_statement", payer=invoice.payer.key, currency="USD",
            starts_at="2025-01-02T00:00:00", ends_at="2025-01-01T00:00:00",
        )  # fmt: skip

    def test_dunning_is_defined_and_arranged(self, browser, invoice):
        dunning.define(
            book=invoice.book, key="usual", steps=[{"after_days": 3, "act": "remind"}], by="ann",
            at=clock(), is_default=True,
        )  # fmt: skip
        schedule = DunningSchedule.objects.get()
        assert "remind" in browser.read("billing_dunningschedule_change", schedule.pk)
        dunning.dun(at=clock())
        assert invoice.number in browser.read("billing_dunning_changelist")
        later = (clock() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%S")

        values = {"until": later, "reason": "On the phone"}
        browser.do("billing_dunning_promise", invoice.pk, values=values)
        assert "promised" in browser.read("billing_dunning_change", invoice.pk)
        browser.do("billing_dunning_resume", invoice.pk)
        browser.do("billing_dunning_pause", invoice.pk, values=values)
        browser.do("billing_dunning_stop", invoice.pk, values={"reason": "Goodwill"})

        assert Dunning.objects.get().stopped_because == "Goodwill"
        assert "ended: Goodwill" in browser.read("billing_dunning_change", invoice.pk)
