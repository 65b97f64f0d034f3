"""What a change of plan would change, item by item, before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from billing.admin.forms import words
from billing.models import PlanVersion, Subscription
from billing.subscriptions import changes, changing, choosing
from billing.subscriptions.changes import Timing
from billing.subscriptions.changing import Migration
from billing.subscriptions.history import Event, Kind
from ledger.admin.display import instant, url
from ledger.admin.operations import Operation
from ledger.admin.tables import Table


def of_change(
    request: HttpRequest,
    operation: Operation,
    row: Subscription,
    *,
    plan: PlanVersion,
    timing: Timing,
    at: Any,
) -> TemplateResponse:
    """Show what another plan would sell instead; errors as ``changing.change``."""
    desk = changes.read(row)
    effective_at = desk.instant(timing, at)
    choosing.check_plan(plan, customer=row.customer, at=at, from_=effective_at)
    choosing.check_asset("plan", plan, row.asset)
    event = Event(
        sequence=len(desk.history) + 1,
        kind=Kind.CHANGED,
        effective_at=effective_at,
        content={"plan_version": plan.pk, "overrides": [], "starting_phase": ""},
    )
    after = desk.comes_to([*desk.history, event])
    found = Migration(
        effective_at=effective_at,
        before=row.plan_version,
        after=plan,
        differences=tuple(changing.differences(desk.timeline, after, effective_at)),
        dropped=(),
    )
    return page(request, operation, row, found)


def page(
    request: HttpRequest, operation: Operation, row: Subscription, found: Migration
) -> TemplateResponse:
    """Show the items that differ, and ask whether to go on."""
    rows = [
        (each.key, each.phase, _said(each.before), _said(each.after)) for each in found.differences
    ]
    columns = ("Item", "Phase", str(found.before), str(found.after))
    kept = {
        name: value
        for name, value in request.POST.items()
        if name not in ("dry_run", "csrfmiddlewaretoken")
    }
    context = {
        **admin.site.each_context(request),
        "title": f"{operation.label}: what would change",
        "opts": row._meta,  # noqa: SLF001  (Django's own public way to a model's names)
        "row": row,
        "back": url(row, "change", row.pk),
        "operation": operation,
        "since": instant(found.effective_at),
        "table": Table(title="Items", columns=columns, rows=rows, empty="Nothing differs."),
        "dropped": found.dropped,
        "kept": kept,
    }
    return TemplateResponse(request, "admin/billing/dry_run.html", context)


def _said(terms: Mapping[str, Any] | None) -> str:
    if terms is None:
        return "not sold"
    parts = [words.price(terms), *words.around(terms)]
    if terms["billing_cadence"]:
        parts.append(f"every {terms['billing_cadence']}, {terms['payment_term'].replace('_', ' ')}")
    if terms["quantity"] != 1:
        parts.append(f"{terms['quantity']} times")
    if right := words.entitlement(terms):
        parts.append(right)
    return "; ".join(parts)
