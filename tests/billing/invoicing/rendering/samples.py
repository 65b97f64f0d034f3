"""Documents as they could be issued, made by hand: for pictures, e-invoices and CSV."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pypdf
import typst

from billing.invoicing.documents.account import PrintedMove, PrintedStatement
from billing.invoicing.documents.printable import (
    Address,
    BankAccount,
    Preceding,
    Printable,
    PrintedLine,
    PrintedParty,
    PrintedTax,
    Step,
)
from billing.tax.computing import Group, Taxable, compute
from ledger.money import total

BERLIN = ZoneInfo("Europe/Berlin")
STARTS = datetime(2026, 10, 1, tzinfo=BERLIN)
ENDS = datetime(2026, 11, 1, tzinfo=BERLIN)
ISSUED_AT = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)

SELLER = PrintedParty(
    name="Northwind Inference GmbH",
    address=Address(line1="Torstraße 140", postal_code="10119", city="Berlin", country="DE"),
    tax_ids=(("eu_vat", "DE136695976"),),
    registration="Amtsgericht Charlottenburg HRB 98765 B",
    contact="Accounts receivable",
    email="billing@northwind.example",
    phone="+49 30 5550 100",
    endpoint="9930:DE136695976",
)
BUYER = PrintedParty(
    name="Contoso Robotics SAS",
    address=Address(line1="12 rue de la Paix", postal_code="75002", city="Paris", country="FR"),
    tax_ids=(("eu_vat", "FR40303265045"),),
    contact="Élodie Martin",
    email="compta@contoso.example",
    endpoint="9957:FR40303265045",
)
BRAND: dict[str, Any] = {"colour": "#0b5d57", "footer": ""}


def usage(position: int, *, amount: str = "184.20", **changes: Any) -> PrintedLine:
    """Return a line of metered usage with its tiers."""
    line = PrintedLine(
        position=position,
        kind="usage",
        consumer="contoso",
        consumer_name="Contoso Robotics SAS",
        description="Output tokens, gpt-5-large",
        starts_at=STARTS,
        ends_at=ENDS,
        quantity=Decimal(1842000),
        unit="tokens",
        steps=(
            Step(text="", kind="free_units", quantity="100000", price="0", amount="0"),
            Step(
                text="Usage, tier 1", tier=1, quantity="1000000", price="0.00012", amount="120.00"
            ),
            Step(
                text="Usage, tier 2",
                tier=2,
                quantity="742000",
                price="0.0000865229",
                amount="64.20",
            ),
        ),
        amount=Decimal(amount),
        due=Decimal(amount),
        tax_code="saas",
    )
    return replace(line, **changes)


def fee(position: int, *, amount: str = "49.00", **changes: Any) -> PrintedLine:
    """Return a line of a fee in advance."""
    line = PrintedLine(
        position=position,
        kind="fee",
        consumer="contoso",
        consumer_name="Contoso Robotics SAS",
        description="Team plan",
        starts_at=ENDS,
        ends_at=datetime(2026, 12, 1, tzinfo=BERLIN),
        quantity=Decimal(1),
        unit="month",
        unit_price=Decimal(amount),
        amount=Decimal(amount),
        due=Decimal(amount),
        tax_code="saas",
    )
    return replace(line, **changes)


def document(
    lines: Sequence[PrintedLine],
    *,
    percentage: str = "19",
    category: str = "S",
    jurisdiction: str = "DE",
    code: str = "",
    why: str = "",
    is_payment: bool = False,
    **changes: Any,
) -> Printable:
    """Return an invoice of lines with one tax, whose sums are right."""
    exponent = changes.get("exponent", 2)
    group = Group(jurisdiction, category, Decimal(percentage))
    paid = Decimal(0) if is_payment else total(line.paid for line in lines)
    bases = [
        line.amount - line.promotional - (Decimal(0) if is_payment else line.paid) for line in lines
    ]
    taxed = compute(
        [Taxable(group, base, line.is_inclusive) for base, line in zip(bases, lines, strict=True)],
        exponent,
    )
    lines = [
        replace(
            line,
            category=category,
            jurisdiction=jurisdiction,
            percentage=group.percentage,
            taxable=result.base,
            tax=result.tax,
        )
        for line, result in zip(lines, taxed, strict=True)
    ]
    base, tax = total(line.taxable for line in lines), total(line.tax for line in lines)
    prepaid = total(line.paid for line in lines) if is_payment else Decimal(0)
    found = Printable(
        kind="invoice",
        number="INV-2026-000042",
        currency="EUR",
        exponent=exponent,
        seller=SELLER,
        buyer=BUYER,
        buyer_key="contoso",
        issue_date=date(2026, 11, 2),
        due_date=date(2026, 12, 2),
        tax_date=date(2026, 10, 31),
        starts_at=STARTS,
        ends_at=ENDS,
        time_zone="Europe/Berlin",
        language="en",
        lines=tuple(lines),
        taxes=(
            PrintedTax(
                jurisdiction=jurisdiction,
                category=category,
                percentage=group.percentage,
                base=base,
                tax=tax,
                is_inclusive=bool(lines) and lines[0].is_inclusive,
                code=code,
                note=why,
            ),
        ),
        subtotal=total(line.amount for line in lines),
        credit=total(line.promotional for line in lines) + paid,
        included_tax=total(line.tax for line in lines if line.is_inclusive),
        taxable=base,
        tax=tax,
        total=base + tax,
        prepaid=prepaid,
        due=base + tax - prepaid,
        purchase_order="PO-7741",
        bank_accounts=(BankAccount(iban="DE89370400440532013000", bic="COBADEFFXXX"),),
    )
    return replace(found, **changes)


def credit_note(**changes: Any) -> Printable:
    """Return a credit note for a part of an invoice."""
    found = document(
        [fee(1, amount="5.81", description="Team plan, changed on 2 October", quantity=None)],
        kind="credit_note",
        number="CN-2026-000007",
        due_date=None,
        reason="Change of plan",
        preceding=Preceding(number="INV-2026-000042", issue_date=date(2026, 11, 2)),
    )
    return replace(found, **changes)


def long(count: int, *, seed: int = 0) -> Printable:
    """Return an invoice of many lines of two consumers; another seed, other amounts."""
    lines = [
        usage(
            position,
            amount=f"{position * 7 % 90 + 10 + seed}.{position % 100:02}",
            description=f"Requests to model {position % 7}, region eu-central-{position % 3}",
            consumer="contoso" if position % 2 else "contoso-lab",
            consumer_name="Contoso Robotics SAS" if position % 2 else "Contoso Lab",
            **({} if position % 4 == 0 else {"steps": ()}),
        )
        for position in range(1, count + 1)
    ]
    return document(lines)


def logo() -> str:
    """Return a picture as brands keep it."""
    drawn = typst.compile(
        b"#set page(width: 52mm, height: 15mm, margin: 0mm, fill: none)\n"
        b'#place(horizon, dx: 1mm, circle(radius: 6mm, fill: rgb("#0b5d57")))\n'
        b"#place(horizon, dx: 5mm, polygon(fill: white, (0mm, 3mm), (4mm, -3mm), (8mm, 3mm)))\n"
        b'#place(horizon, dx: 17mm, text(size: 17pt, fill: rgb("#0b5d57"))[*northwind*])',
        format="png",
        ppi=300,
    )
    return base64.b64encode(drawn).decode()


def text_of(content: bytes) -> str:
    """Return what can be read in a PDF, page after page."""
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    return "\n".join(pages).replace("\u200b", "")


def account(count: int, **changes: Any) -> PrintedStatement:
    """Return a statement of account of so many movements: of five, one is a payment."""
    moves, balance = [], Decimal("-12.50")
    for number in range(1, count + 1):
        is_payment = number % 5 == 0
        amount = Decimal(-400 if is_payment else 100 + number)
        balance += amount
        moves.append(
            PrintedMove(
                at=STARTS + timedelta(hours=9 * number),
                name="Payment" if is_payment else "Invoice",
                number=f"hypo 2026/{number}" if is_payment else f"INV-2026-{number:06}",
                text="SEPA, as written by the bank: RF54 INV2 0260 0004" if is_payment else "",
                amount=amount,
                balance=balance,
            )
        )
    found = PrintedStatement(
        seller=SELLER,
        buyer=BUYER,
        buyer_key="contoso",
        currency="EUR",
        exponent=2,
        starts_at=STARTS,
        ends_at=ENDS,
        time_zone="Europe/Berlin",
        opening=Decimal("-12.50"),
        closing=balance,
        moves=moves,
        aged_at=ENDS - timedelta(seconds=1),
        bounds=(0, 30, 60, 90),
        owed=[balance, Decimal(0), Decimal("30.5"), Decimal(0), Decimal(0)],
        unallocated=Decimal("30.5"),
        bank_accounts=(BankAccount(iban="DE89370400440532013000", bic="COBADEFFXXX"),),
    )
    return replace(found, **changes)
