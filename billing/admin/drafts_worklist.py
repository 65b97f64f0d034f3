"""The work list of drafts: what has to be solved first, then what is odd, then the large ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Abs
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin.draft_panels import tones
from billing.admin.invoice_life import asked_for
from billing.invoicing import bulk_actions, pending
from billing.models import Invoice
from ledger import clocks
from ledger.admin import pages
from ledger.admin.base import cause_of
from ledger.admin.dashboard import Figure
from ledger.admin.display import NOTHING, amount, amounts, badge, days, figures, instant, link
from ledger.admin.fields import BookField
from ledger.admin.tables import Table, number
from ledger.models import Asset

_MOST: Final = 200
_KINDS: Final = [("", "All"), *Invoice.Kind.choices]
_LOOKS: Final = [("", "All"), ("problems", "With problems"), ("ready", "Without problems")]
_PERMISSIONS: Final = {
    "approve": "billing.approve_invoice",
    "issue": "billing.approve_invoice",
    "discard": "billing.draft_invoice",
}
_DONE: Final = {"approve": "approved", "issue": "issued", "discard": "discarded"}
_LABELS: Final = {"approve": "Approve", "issue": "Issue now", "discard": "Discard"}


class Choices(forms.Form):
    """Which drafts."""

    book = BookField(required=False, empty_label="All")
    kind = forms.ChoiceField(choices=_KINDS, required=False)
    look = forms.ChoiceField(choices=_LOOKS, required=False, label="Problems")
    payer = forms.CharField(max_length=200, required=False, label="Payer's key begins with")


def view(request: HttpRequest) -> HttpResponse:
    """Show drafts, or do something with those that were ticked."""
    if request.method == "POST":
        return _act(request)
    choices = Choices(request.GET)
    found = list(_wanted(choices)[: _MOST + 1]) if choices.is_valid() else []
    shown = found[:_MOST]
    values = {
        "choices": choices,
        "figures": _figures(shown, has_more=len(found) > _MOST),
        "table": _table(shown),
        "deeds": [(name, label) for name, label in _LABELS.items() if _may(request, name)],
    }
    return pages.report(request, PAGE, values, "admin/billing/drafts_worklist.html")


def _wanted(choices: Choices) -> QuerySet[Invoice]:
    given = choices.cleaned_data
    rows = Invoice.objects.filter(state__in=[Invoice.State.DRAFT, Invoice.State.APPROVED])
    if given["book"]:
        rows = rows.filter(book=given["book"])
    if given["kind"]:
        rows = rows.filter(kind=given["kind"])
    if given["payer"]:
        rows = rows.filter(payer__key__startswith=given["payer"])
    if given["look"] == "problems":
        rows = rows.exclude(problems=[])
    if given["look"] == "ready":
        rows = rows.filter(is_blocked=False)
    first = Case(
        When(is_blocked=True, then=Value(0)),
        When(state=Invoice.State.APPROVED, then=Value(3)),
        When(problems=[], then=Value(2)),
        default=Value(1),
        output_field=IntegerField(),
    )
    ordered = rows.annotate(turn=first).order_by("turn", Abs(F("total")).desc(), "pk")
    return ordered.select_related("payer__clock", "asset", "book")


def _figures(rows: Sequence[Invoice], *, has_more: bool) -> list[Figure]:
    blocked = sum(row.is_blocked for row in rows)
    odd = sum(bool(row.problems) and not row.is_blocked for row in rows)
    sums: dict[Asset, Decimal] = defaultdict(Decimal)
    for row in rows:
        sign = -1 if row.kind == Invoice.Kind.CREDIT_NOTE else 1
        sums[row.asset] += sign * row.due
    return [
        Figure(
            label="Drafts",
            value=f"{len(rows):,}{'+' if has_more else ''}",
            note="the first of them" if has_more else "",
        ),
        Figure(label="To be solved", value=str(blocked), tone="bad" if blocked else "good"),
        Figure(label="To be looked at", value=str(odd), tone="warn" if odd else "good"),
        Figure(
            label="Due by all of them",
            value=amounts([(total, asset) for asset, total in sums.items()]),
        ),
    ]


def _table(rows: Sequence[Invoice]) -> Table:
    before = _previous(rows)
    return Table(
        title="",
        columns=(
            "", "Payer", "Document", "Period", number("Due"), number("The one before"),
            number(""), "Problems", "Issued by itself",
        ),
        rows=[_row(row, before) for row in rows],
        css="mb-plain",
        empty="No draft waits. Runs make them, or a customer's page.",
    )  # fmt: skip


def _previous(rows: Iterable[Invoice]) -> dict[tuple[int, int, str], Decimal]:
    standing = pending.read(payer_ids={row.payer_id for row in rows}, lock=False)
    return {place: found.total for place, found in standing.previous.items()}


def _row(row: Invoice, previous: dict[tuple[int, int, str], Decimal]) -> tuple[object, ...]:
    before = previous.get((row.payer_id, row.asset_id, row.group_key))
    is_invoice = row.kind == Invoice.Kind.INVOICE
    return (
        format_html(
            '<input type="checkbox" name="document" value="{}" aria-label="Tick document {}">',
            row.pk,
            row.pk,
        ),
        link(row.payer, row.payer.name or row.payer.key),
        _document(row),
        days(row.period_starts_at, row.period_ends_at, row.book.time_zone),
        amount(row.due if is_invoice else -row.due, row.asset),
        amount(before, row.asset, is_named=False) if before is not None and is_invoice else NOTHING,
        _difference(row.total, before) if before and is_invoice else "",
        tones(row.problems),
        badge("approved", "good") if row.state == Invoice.State.APPROVED else _itself(row),
    )


def _document(row: Invoice) -> SafeString:
    label = row.get_kind_display().capitalize()
    group = format_html(' <span class="mb-asset">{}</span>', row.group_key) if row.group_key else ""
    return format_html("{}{}", link(row, label), group)


def _difference(total: Decimal, before: Decimal) -> SafeString:
    share = ((total - before) / before * 100).quantize(Decimal(1))
    tone = "warn" if abs(share) >= 20 else ""  # noqa: PLR2004 - a fifth more or less is notable
    return badge(f"{'+' if share > 0 else ''}{figures(share)} %", tone)


def _itself(row: Invoice) -> SafeString:
    if row.is_blocked:
        return badge("waits", "bad")
    return instant(row.issue_after) if row.issue_after else badge("waits for a person", "warn")


# --- What is done with many --------------------------------------------------------------


def _may(request: HttpRequest, name: str) -> bool:
    return request.user.has_perm(_PERMISSIONS[name])


def _act(request: HttpRequest) -> HttpResponse:
    name = next((one for one in _LABELS if one in request.POST), None)
    if name is None or not _may(request, name):
        raise PermissionDenied
    ticked = [int(n) for n in request.POST.getlist("document") if n.isascii() and n.isdigit()]
    rows = list(Invoice.objects.filter(pk__in=ticked[:_MOST]).select_related("payer__clock"))
    if not rows:
        messages.warning(request, "Tick the documents first.")
    refused: dict[int, str] = {}
    for at, mine in _by_time(rows).items():
        refused |= bulk_actions.act(
            action=name, invoices=mine, by=cause_of(request), at=at, reason="from the work list",
            asks=partial(asked_for, request, at=at),
        )  # fmt: skip
    if done := len(rows) - len(refused):
        messages.success(request, f"{done:,} {_DONE[name]}.")
    for number_, why in list(refused.items())[:5]:
        messages.error(request, f"Document {number_}: {why}")
    return HttpResponseRedirect(f"{reverse(f'admin:{PAGE.url_name}')}?{request.GET.urlencode()}")


def _by_time(rows: Iterable[Invoice]) -> dict[datetime, list[Invoice]]:
    found: dict[datetime, list[Invoice]] = defaultdict(list)
    at = now()
    for row in rows:
        found[clocks.now_of(row.payer, at)].append(row)
    return found


PAGE: Final[Any] = pages.register(
    pages.Page(
        app_label="billing",
        name="invoice-drafts",
        title="Drafts to be looked at",
        permission="billing.view_invoice",
        view=view,
    )
)
