"""
One customer's whole year on a test clock, each month closed: from a trial to a rebate.

What it comes to is compared with ``fixtures/golden/a_customer_year.txt``, which is written anew
with ``MB_GOLDEN=write``, to be looked at.
"""

import io
import os
from decimal import Decimal
from pathlib import Path

import pypdf
import pytest

from billing import dunning
from billing.invoicing import credit_notes, creditable
from billing.invoicing.documents import validating
from billing.models import ClosingCheck, DunningAct, Invoice, Refund
from billing.payments import refunds
from ledger import verification
from ledger.models import Period
from tests.billing.charging.agreed import on
from tests.billing.invoicing.rendering.samples import text_of
from tests.journeys.customer_year import Year, months

pytestmark = pytest.mark.django_db(transaction=True)

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden" / "a_customer_year.txt"


def test_a_year_from_the_trial_to_the_rebate():
    year = Year()
    _tries_and_subscribes(year)
    _changes_plan_on_the_second_of_january(year)
    _pays_in_part_and_then_the_rest(year)
    _buys_credit_and_uses_late(year)
    _spends_beyond_a_threshold(year)
    _is_given_something_back(year)
    _keeps_its_documents(year)
    _buys_something_once(year)
    _takes_a_payment_back(year)
    _has_a_price_corrected(year)
    _ends_the_year_of_the_contract(year)
    _pays_all_but_a_rest(year)

    report = verification.verify()
    assert report.disagreements == []
    assert _agrees("\n".join(year.told()) + "\n")
    assert _ties(year) == []
    closed = Period.objects.filter(book=year.book, state="closed")
    assert closed.count() == 13
    assert ClosingCheck.objects.filter(key="verified").exclude(state="ok").count() == 0


def _tries_and_subscribes(year):
    """Two weeks are free; a promise over the year is made beside."""
    year.post(
        "subscriptions", customer={"key": "acme"}, plan={"key": "small"}, key="s",
        proration="always", billing_anchor="2025-01-01T00:00:00Z",
    )  # fmt: skip
    year.post(
        "contracts", customer="acme", key="c", currency="EUR", starts_at="2025-01-01T00:00:00Z",
        ramp="P6M", amounts=["200", "300"], shortfall="roll_over",
        rebates={"basis": "volume", "tiers": [{"above": "100", "percentage": "10"}]},
    )  # fmt: skip
    year.use(500, "2024-12-18")
    year.to("2025-01-01T12:00")
    year.pay("7.14")

    assert year.shown("INV-1") == {"INV-1": ("7.14", "0", "paid")}


def _changes_plan_on_the_second_of_january(year):
    """5.81 of the old fee come back and 9.68 of the new one are charged, with tax."""
    year.to("2025-01-02")
    year.post("subscriptions/s/change", plan={"key": "large"})
    year.to("2025-01-03")

    billed = {(line.invoice.kind, line.amount) for line in year.invoice("INV-2").lines.all()}
    billed |= {(line.invoice.kind, line.amount) for line in year.invoice("CN-1").lines.all()}
    assert billed == {("invoice", Decimal("9.68")), ("credit_note", Decimal("5.81"))}
    assert year.invoice("CN-1").corrects == year.invoice("INV-1")
    assert year.shown("INV-2", "CN-1") == {
        "INV-2": ("11.52", "4.61", "partially_paid"),
        "CN-1": ("6.91", "0", "paid"),
    }


def _pays_in_part_and_then_the_rest(year):
    year.pay("2")
    year.use(1000, "2025-01-03")
    year.to("2025-01-05")
    year.close("2024-12")
    assert year.shown("INV-2") == {"INV-2": ("11.52", "2.61", "partially_paid")}

    year.to("2025-02-03")
    assert year.shown("INV-2", "INV-3") == {
        "INV-2": ("11.52", "2.61", "overdue"),
        "INV-3": ("23.8", "23.8", "issued"),
    }
    late = year.invoice("INV-2")
    dunning.promise(invoice=late, until=on("2025-02-05"), reason="by phone", by="anna", at=year.now)
    assert [act.act for act in DunningAct.objects.order_by("pk")] == ["remind", "promise"]
    year.pay("26.41")
    assert year.shown("INV-2", "INV-3") == {
        "INV-2": ("11.52", "0", "paid"),
        "INV-3": ("23.8", "0", "paid"),
    }
    year.close("2025-01")


def _buys_credit_and_uses_late(year):
    """Credit pays first; what comes when its month is invoiced counts in the next one."""
    wallet = year.post("wallets", customer="acme", asset="EUR", key="main")["id"]
    year.post(f"wallets/{wallet}/grants", key="first", amount="50", once="g1")
    year.use(2000, "2025-02-03")
    year.to("2025-03-03")
    assert year.get(f"wallets/{wallet}/balance")["available"] == "20"

    year.use(500, "2025-02-27")
    year.close("2025-02")
    year.to("2025-04-05")
    assert year.get(f"wallets/{wallet}/balance")["available"] == "5"
    [moved] = year.invoice("INV-5").lines.filter(kind="usage")
    assert (moved.period_starts_at, moved.amount, moved.paid) == (on("2025-03-01"), 5, 5)
    year.close("2025-03")


def _spends_beyond_a_threshold(year):
    year.put("customers/acme/collection-profile", threshold="50")
    year.use(12000, "2025-04-05")
    year.to("2025-04-06")
    early = year.invoice("INV-6")
    assert early.is_progressive
    assert (early.subtotal, early.credit, early.due) == (120, 5, Decimal("136.85"))

    year.use(1000, "2025-04-06")
    year.to("2025-05-05")
    assert year.shown("INV-7") == {"INV-7": ("23.8", "23.8", "issued")}
    year.close("2025-04")


def _is_given_something_back(year):
    """20 and their tax are given back of what was paid, and paid out."""
    year.pay("160.65")
    note = credit_notes.credit(
        invoice=year.invoice("INV-6"), what=creditable.Amount(Decimal("23.80")),
        disposition="refund", reason="an outage in April", by="anna", key="outage",
        at=on("2025-05-05"),
    )  # fmt: skip
    refund = Refund.objects.get()
    assert (note.due, refund.amount, refund.state) == (
        Decimal("23.8"),
        Decimal("23.8"),
        "requested",
    )
    refunds.send(refund=refund, external_id="out-1", by="anna", at=on("2025-05-05"))
    refunds.settle(refund=refund, by="anna", at=on("2025-05-05"))
    assert refunds.Refund.objects.get().state == "settled"


def _keeps_its_documents(year):
    """The progressive invoice as PDF and Factur-X, the credit note as UBL: all say the same."""
    number = year.invoice("INV-6").number
    said = text_of(year.download("INV-6", "pdf"))
    for words in (
        number, "Meter GmbH", "ACME AG", "VAT 19% on 115.00", "€136.85", "DE89 3704 0044 0532",
    ):  # fmt: skip
        assert words in said

    hybrid = year.download("INV-6", "facturx")
    assert number in text_of(hybrid)
    assert validating.validate(content=hybrid, format="facturx").schema == "passed"
    [attached] = pypdf.PdfReader(io.BytesIO(hybrid)).attachments["factur-x.xml"]
    assert b"<ram:DuePayableAmount>136.85</ram:DuePayableAmount>" in attached

    note = year.download("CN-2", "ubl")
    assert validating.validate(content=note, format="ubl").schema == "passed"
    assert f"<cbc:ID>{number}</cbc:ID>".encode() in note
    assert b'<cbc:PayableAmount currencyID="EUR">23.80</cbc:PayableAmount>' in note


def _buys_something_once(year):
    year.post(
        "one-off-charges", customer="acme", key="on", name="Onboarding", currency="EUR",
        unit_price="125", quantity="2", due_at="2025-06-15T00:00:00Z", product="services",
    )  # fmt: skip
    for month, after in months(5, 6):
        year.to(after)
        year.close(month)
    [line] = year.invoice("INV-9").lines.all()
    assert (line.description, line.quantity, line.unit_price) == ("Onboarding", 2, 125)
    year.pay("321.3")
    assert not Invoice.objects.filter(book=year.book, open__gt=0).exists()


def _takes_a_payment_back(year):
    """July is paid by card, disputed, and lost with a fee of 15; then it comes by transfer."""
    year.use(3000, "2025-07-05")
    year.to("2025-08-05")
    paid = year.pay("47.6", method="card", rail="psp", external_id="ch_1")
    year.close("2025-07")
    dispute = year.post(
        "disputes", once="dp_1", payment=paid["id"], key="dp_1", reason="not recognised", fee="15"
    )
    assert year.shown("INV-11") == {"INV-11": ("47.6", "0", "paid")}

    year.to("2025-08-20")
    ended = {"outcome": "lost", "decision": "the network believes the card holder"}
    assert year.post(f"disputes/{dispute['id']}/decide", once="l", **ended)["state"] == "lost"
    assert year.shown("INV-11") == {"INV-11": ("47.6", "47.6", "issued")}
    year.pay("47.6", reference=year.invoice("INV-11").number)
    assert year.shown("INV-11") == {"INV-11": ("47.6", "0", "paid")}


def _has_a_price_corrected(year):
    """July's tokens should have cost a fifth less; their price is put right in November."""
    for month, after in months(8, 10):
        year.to(after)
        year.pay("11.9")
        year.close(month)
    year.post(
        "price-corrections", customer="acme", meter="tokens", at="2025-07-05T00:00:00Z",
        key="july", terms={"price": {"type": "unit", "amount": "0.008"}}, reason="as agreed",
    )  # fmt: skip
    year.to("2025-11-06")
    corrected = Invoice.objects.filter(book=year.book, number__startswith="CN").latest("pk")
    assert corrected.due == Decimal("7.14")


def _ends_the_year_of_the_contract(year):
    """195 of 500 were spent: the rest is charged, and a tenth of what was spent comes back."""
    for month, after in months(11, 12):
        year.to(after)
        year.close(month)
    last = Invoice.objects.filter(book=year.book, kind="invoice").latest("pk")
    assert ("true_up", Decimal(305)) in {(line.kind, line.amount) for line in last.lines.all()}
    rebate = Invoice.objects.filter(book=year.book, kind="credit_note").latest("pk")
    assert [(line.kind, line.amount) for line in rebate.lines.all()] == [
        ("rebate", Decimal("19.5"))
    ]


def _pays_all_but_a_rest(year):
    """350 of the last 356.40 come; the rest is not worth asking for, and its tax not owed."""
    year.pay("350")
    number = Invoice.objects.filter(book=year.book, kind="invoice").latest("pk").number
    row = year.post("write-offs", once="w", invoice=number, key="w", reason="not worth asking for")

    assert (row["amount"], row["tax"]) == ("6.4", "1.02")
    assert year.get(f"invoices/{number}")["state"] == "uncollectible"


def _ties(year):
    """Ask for the reports of the year; return what does not come to the trial balance."""
    span = {"from": "2024-12-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    paths = ("revenue", "deferred-revenue", "contract-balances")
    found = [tie for path in paths for tie in year.get(f"reports/{path}", **span)["ties"]]
    assert {tie["report"] for tie in found} == {
        "revenue", "deferred revenue", "contract balances",
    }  # fmt: skip
    return [tie for tie in found if tie["difference"] != "0"]


def _agrees(told: str) -> bool:
    if os.environ.get("MB_GOLDEN") == "write":
        GOLDEN.write_text(told)
    return GOLDEN.read_text() == told
