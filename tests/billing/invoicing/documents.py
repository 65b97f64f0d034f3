"""Documents over real usage: drafts with lines, and issued invoices, without composing them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.invoicing import issuing
from billing.invoicing.facts import Billed, Printed, Sums
from billing.models import Accrual, Billable, Invoice, InvoiceLine, InvoiceTax, Subject
from ledger.models import Customer
from ledger.money import round_half_away
from tests.billing.scene import NOON, Scene, event, new_scene

USED = NOON  # 15 June 2025
DRAFTED = NOON + timedelta(days=20)  # in July, when June is over
ISSUED = DRAFTED + timedelta(hours=1)


PRICE = Decimal("0.001")  # of what an event counts


def selling() -> Scene:
    """Return a book that sells what events count."""
    scene = new_scene()
    scene.meter("sum", price=PRICE)
    return scene


def used(
    scene: Scene,
    amount: Decimal | int | str,
    *,
    customer: Customer | None = None,
    at: datetime = USED,
) -> Billable:
    """Have a customer use something for an amount; return what can be billed of it."""
    customer = customer or scene.customer
    subject = "api" if customer == scene.customer else customer.key
    if not Subject.objects.filter(book=scene.book, key=subject).exists():
        scene.subject(subject, customer)
    sent = event(Decimal(amount) / PRICE, at=at, subject=subject)
    scene.send(sent, at=DRAFTED - timedelta(days=1))
    accrual = Accrual.objects.get(
        customer=customer, period_start__lte=at, period_ends_at__gt=at, rate__isnull=False
    )
    return Billable.objects.get(accrual=accrual)


def composed_draft(
    scene: Scene | None = None,
    amount: Decimal | int | str = 100,
    *,
    tax: Decimal | int | str = 0,
    customer: Customer | None = None,
    payer: Customer | None = None,
    line: Mapping[str, Any] | None = None,
    **header: Any,
) -> Invoice:
    """
    Return a draft with a line for usage that comes to an amount, and tax of so many percent.

    It is the scene's customer's, who pays for itself, unless told. What it had used before and was
    not billed for is on it as well.
    """
    scene = scene or selling()
    customer = customer or scene.customer
    billable = used(scene, amount, customer=customer)
    before = Billed.read(list(billable.billed))
    upto = _now(billable)
    change = upto.since(before)
    due = change.printed.due
    taxed = round_half_away(due * Decimal(tax) / 100, 2)
    draft = _header(scene, payer or customer, due, taxed, header)
    said: dict[str, Any] = {
        "kind": "usage",
        "billable": billable,
        "consumer": customer,
        "description": "Usage",
        "quantity": change.sums.quantity,
        "amount": due,
        "due": due,
        "exact_due": change.sums.unbilled,
        "before": before.numbers,
        "upto": upto.numbers,
        "product": "usage",
        "category": "S",
        "jurisdiction": "DE",
        "percentage": Decimal(tax),
        "taxable": due,
        "tax": taxed,
    }
    InvoiceLine.objects.create(invoice=draft, position=1, **(said | dict(line or {})))
    if Decimal(tax):
        InvoiceTax.objects.create(
            invoice=draft,
            jurisdiction="DE",
            category="S",
            percentage=Decimal(tax),
            base=due,
            tax=taxed,
        )
    return draft


def issued_invoice(
    scene: Scene | None = None,
    amount: Decimal | int | str = 100,
    *,
    at: datetime = ISSUED,
    **more: Any,
) -> Invoice:
    """Return an issued invoice over usage that comes to an amount; further terms as a draft's."""
    draft = composed_draft(scene, amount, **more)
    issuing.issue(invoice_ids=[draft.pk], at=at, by="tests")
    draft.refresh_from_db()
    assert draft.number, "it was issued"
    return draft


def _now(billable: Billable) -> Billed:
    """Return what there is to be billed of usage that stands on account."""
    accrual = billable.accrual
    assert accrual is not None
    accrual.refresh_from_db()
    amount = accrual.amount
    printed = round_half_away(amount, 2)
    return Billed(
        Sums(quantity=accrual.quantity, amount=amount, unbilled=amount),
        Printed(amount=printed, due=printed),
    )


def _header(
    scene: Scene, payer: Customer, due: Decimal, taxed: Decimal, more: Mapping[str, Any]
) -> Invoice:
    said: dict[str, Any] = {
        "kind": "invoice",
        "series_key": "INV",
        "subtotal": due,
        "taxable": due,
        "tax": taxed,
        "total": due + taxed,
        "due": due + taxed,
        "until": DRAFTED,
        "drafted_at": DRAFTED,
        "issue_after": DRAFTED,
        "payment_terms": "P30D",
    }
    return Invoice.objects.create(
        book=scene.book, payer=payer, asset=scene.dollars, **(said | dict(more))
    )
