"""What a document's page shows beside its fields: problems, lines next to the period before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.draft_operations import said
from billing.invoicing import comparing
from billing.invoicing.comparing import Comparison, Pair
from billing.models import Invoice, InvoiceEdit, InvoiceLine
from ledger.admin.dashboard import Figure
from ledger.admin.display import NOTHING, amount, anchor, badge, days, figures, instant, link
from ledger.admin.tables import Table, number
from ledger.models import Asset

_NOTABLE: Final = Decimal(20)  # per cent


def panels(request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
    """Return the figures and tables of a document's page; lines lead to their explanation."""
    found = comparing.compare(invoice=invoice)
    tables = [problems(invoice)] if invoice.problems else []
    tables.append(lines(invoice))
    if found.previous is not None:
        tables.append(beside(found))
    if edited := edits(invoice):
        tables.append(edited)
    return {"figures": list(sums(invoice, found)), "tables": tables}


def sums(invoice: Invoice, found: Comparison) -> Iterator[Figure]:
    """Yield what a document comes to, and how far that is from the one before."""
    asset = invoice.asset
    is_credit = invoice.kind == Invoice.Kind.CREDIT_NOTE
    label = "To be given back" if is_credit else "Due"
    yield Figure(label=label, value=amount(invoice.due, asset))
    if invoice.number and not is_credit:
        yield Figure(
            label="Open",
            value=amount(invoice.open, asset),
            tone="good" if not invoice.open else "warn" if invoice.open < invoice.due else "",
        )
    yield Figure(label="Before tax", value=amount(invoice.taxable, asset))
    yield Figure(label="Tax", value=amount(invoice.tax, asset))
    if invoice.credit or invoice.prepaid:
        paid = amount(invoice.credit + invoice.prepaid, asset)
        yield Figure(label="Paid by credit", value=paid)
    if found.previous is not None:
        yield Figure(
            label="The one before",
            value=amount(found.previous.total, asset),
            note=found.previous.number,
        )
    elif not is_credit:
        yield Figure(label="The one before", value=NOTHING, note="none of its kind")


def problems(invoice: Invoice) -> Table:
    """Show what is wrong or odd, the worst first."""
    ordered = sorted(invoice.problems, key=lambda one: not one.get("is_critical"))
    rows = [
        (
            badge("has to be solved", "bad") if one.get("is_critical") else badge("look", "warn"),
            _named(str(one.get("code", ""))),
            one.get("path") or NOTHING,
            one.get("remedy", ""),
        )
        for one in ordered
    ]
    return Table(title="Problems", columns=("", "What", "Where", "What to do"), rows=rows)


def _named(code: str) -> object:
    """Name a problem, with a link to where it is solved."""
    name = code.replace("_", " ")
    if code != "usage_waits":
        return name
    letters = f"{reverse('admin:billing_deadletter_changelist')}?status__exact=open"
    unposted = f"{reverse('admin:billing_unattributedevent_changelist')}?state=waiting"
    return format_html(
        "{}: {}, {}",
        name,
        anchor(letters, "dead letters"),
        anchor(unposted, "unattributed usage"),
    )


def lines(invoice: Invoice) -> Table:
    """Show lines; each leads to how it came about."""
    rows = InvoiceLine.objects.filter(invoice=invoice).select_related("consumer")
    return Table(
        title="Lines",
        hint="Why? leads to price, tiers, credit, charges and usage events.",
        columns=(
            "", "What", "For", "Period", number("Quantity"), number("Price"), number("Amount"),
            number("By credit"), number("Due"), "",
        ),
        rows=[_line(row, invoice) for row in rows.order_by("position")],
        css="mb-plain",
        empty="No line.",
    )  # fmt: skip


def _line(row: InvoiceLine, invoice: Invoice) -> tuple[object, ...]:
    asset = invoice.asset
    by_credit = row.promotional + row.paid
    return (
        row.position,
        row.description,
        link(row.consumer, row.consumer.name or row.consumer.key),
        days(row.period_starts_at, row.period_ends_at, invoice.book.time_zone),
        _quantity(row),
        figures(row.unit_price, asset) if row.unit_price is not None else NOTHING,
        amount(row.amount, asset, is_named=False),
        amount(by_credit, asset, is_named=False) if by_credit else NOTHING,
        amount(row.due, asset, is_named=False),
        link(row, "Why?"),
    )


def _quantity(row: InvoiceLine) -> SafeString:
    if row.quantity is None:
        return NOTHING
    return format_html(
        '<span class="mb-amount">{}</span> <span class="mb-asset">{}</span>',
        figures(row.quantity),
        row.unit,
    )


def beside(found: Comparison) -> Table:
    """Show a document next to the one before, thing by thing."""
    assert found.previous is not None, "there is one before"
    asset = found.invoice.asset
    now, before = found.invoice.total, found.previous.total
    return Table(
        title=f"Beside {found.previous.number}",
        columns=(
            "What", "For", number("Quantity then"), number("now"), number("Amount then"),
            number("now"), number("Difference"), "",
        ),
        rows=[_pair(pair, asset) for pair in found.pairs],
        footer=(
            "With tax", "", "", "", amount(before, asset, is_named=False),
            amount(now, asset, is_named=False), _signed(now - before, asset), "",
        ),
        css="mb-plain",
    )  # fmt: skip


def _pair(pair: Pair, asset: Asset) -> tuple[object, ...]:
    return (
        pair.description,
        pair.consumer,
        figures(pair.before.quantity) if pair.before.lines else NOTHING,
        figures(pair.now.quantity) if pair.now.lines else NOTHING,
        amount(pair.before.amount, asset, is_named=False) if pair.before.lines else NOTHING,
        amount(pair.now.amount, asset, is_named=False) if pair.now.lines else NOTHING,
        _signed(pair.difference, asset),
        _remark(pair),
    )


def _signed(value: Decimal, asset: Asset) -> str:
    return f"+{figures(value, asset)}" if value > 0 else figures(value, asset)


def _remark(pair: Pair) -> SafeString | str:
    if pair.is_new:
        return badge("new", "good")
    if pair.is_gone:
        return badge("gone", "warn")
    share = pair.percentage
    if share is None or not share:
        return ""
    tone = "warn" if abs(share) >= _NOTABLE else ""
    return badge(f"{'+' if share > 0 else ''}{figures(share)} %", tone)


def edits(invoice: Invoice) -> Table | None:
    """Show what people changed; none: nobody did."""
    rows = InvoiceEdit.objects.filter(invoice=invoice).select_related("withdrawal").order_by("pk")
    shown = [
        (
            said(edit).capitalize(),
            edit.reason,
            edit.cause,
            instant(edit.edited_at),
            badge("taken back") if _is_withdrawn(edit) else "",
        )
        for edit in rows
    ]
    if not shown:
        return None
    columns = ("What was changed", "Why", "By", "When", "")
    return Table(title="Changes by people", columns=columns, rows=shown)


def _is_withdrawn(edit: InvoiceEdit) -> bool:
    return hasattr(edit, "withdrawal")


def tones(problems_: list[Mapping[str, Any]]) -> SafeString:
    """Show problems of a document in a row of a list."""
    ordered = sorted(problems_, key=lambda one: not one.get("is_critical"))
    badges = [
        badge(str(one["code"]).replace("_", " "), "bad" if one["is_critical"] else "warn")
        for one in ordered
    ]
    return format_html_join(" ", "{}", [(one,) for one in badges]) if badges else NOTHING
