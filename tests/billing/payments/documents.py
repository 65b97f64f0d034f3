"""Issued documents to be paid, and what stands on accounts."""

from datetime import timedelta
from decimal import Decimal

from billing import payments
from billing.invoicing import issuing
from billing.models import Invoice, InvoiceLine, InvoiceTax, Unapplied
from ledger import balances
from ledger.models import Account
from ledger.money import round_half_away
from tests import factories
from tests.factories import NOON

DAY = timedelta(days=1)


def drafted(payer=None, *, nets=("100",), percentage="0", asset=None, terms="P30D", **others):
    """Return a draft with a line for each net amount, taxed alike in Germany."""
    payer = payer or factories.customer()
    asset = asset or factories.asset()
    nets = [Decimal(net) for net in nets]
    rate = Decimal(percentage)
    taxes = [round_half_away(net * rate / 100, 2) for net in nets]
    net, tax = sum(nets), sum(taxes)
    draft = Invoice.objects.create(
        book=payer.book, kind=Invoice.Kind.INVOICE, payer=payer, asset=asset,
        key=factories.name("draft"), series_key="INV", subtotal=net, taxable=net, tax=tax,
        total=net + tax, due=net + tax, payment_terms=terms, drafted_at=NOON, until=NOON, **others,
    )  # fmt: skip
    for place, (amount, share) in enumerate(zip(nets, taxes, strict=True), 1):
        InvoiceLine.objects.create(
            invoice=draft, position=place, kind="manual", consumer=payer, product="chat",
            description=f"Item {place}", amount=amount, due=amount, taxable=amount, tax=share,
            category="S" if rate else "O", jurisdiction="DE", percentage=rate,
        )  # fmt: skip
    if rate:
        InvoiceTax.objects.create(
            invoice=draft, jurisdiction="DE", category="S", percentage=rate, base=net, tax=tax
        )
    return draft


def issued(payer=None, *, at=NOON, **terms):
    """Return an issued invoice: 100 dollars without tax, due in 30 days, unless told."""
    draft = drafted(payer, **terms)
    issuing.issue(invoice_ids=[draft.pk], at=at, by="test")
    draft.refresh_from_db()
    return draft


def pay(payer, amount, *, at=NOON, key="", **terms):
    """Return a payment by bank transfer, recorded at noon unless told."""
    return payments.record(
        payer=payer, asset=terms.pop("asset", None) or factories.asset(), amount=Decimal(amount),
        method=terms.pop("method", "bank"), received_at=at, at=at,
        key=key or factories.name("payment"), by="test", **terms,
    )  # fmt: skip


def money_of(payment):
    return Unapplied.objects.get(payment=payment)


def now(row):
    """Return a row as it is now."""
    return type(row).objects.get(pk=row.pk)


def standing(book):
    """Return what stands on a book's accounts, by purpose and label: debits less credits."""
    accounts = {account.pk: account for account in Account.objects.filter(book=book)}
    found = {}
    for number, at in balances.now(accounts).items():
        name = f"{accounts[number].purpose}:{accounts[number].discriminator}".rstrip(":")
        found[name] = found.get(name, 0) + at.debits - at.credits
    return {name: amount for name, amount in found.items() if amount}
