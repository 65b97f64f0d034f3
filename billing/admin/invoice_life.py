"""The life of a document in the admin: what may be done, where it leads, what happened so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from billing import approving
from billing.invoicing import bulk_actions, lifecycle, states
from billing.models import Invoice, InvoiceEdit
from ledger import clocks
from ledger.admin.base import Listing, cause_of
from ledger.admin.display import NOTHING, amount, badge, figures, instant
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, NoQuestions, Operation, OperationForm
from ledger.admin.tables import Table, number
from wallets.admin import changes
from wallets.models import Approval

TONES: Final = {
    "draft": "",
    "approved": "warn",
    "issued": "",
    "partially_paid": "warn",
    "paid": "good",
    "overdue": "bad",
    "uncollectible": "bad",
}
_HISTORY: Final = 200  # rows that are shown
_LINES: Final = 500


class MayBeReasonForm(OperationForm):
    reason = forms.CharField(max_length=500, required=False)


class VoidForm(OperationForm):
    reason = ReasonField()

    def prepare(self) -> None:
        edits = InvoiceEdit.objects.filter(invoice=self.row, withdrawal=None)
        if count := edits.exclude(operation=InvoiceEdit.Operation.WITHDRAW).count():
            self.fields["reason"].help_text = (
                f"People changed {count} things about its draft (lines, discounts, words): make"
                " them again on the next draft, to which they are not taken over."
            )


class IssueForm(OperationForm):
    issue_date = forms.DateField(required=False, help_text="Today, unless it is dated back.")


class SendForm(OperationForm):
    to = forms.CharField(max_length=500, required=False, help_text="As ap@example.com.")


_DO: Final[dict[str, Callable[..., Invoice]]] = {
    "approve": lifecycle.approve,
    "unapprove": lifecycle.unapprove,
    "issue": lifecycle.issue,
    "discard": lifecycle.discard,
    "send": lifecycle.send,
    "void": lifecycle.void,
}
_EXPLAINED: Final = {
    "approve": "Nothing of it changes any more; it is issued by itself when its delay is over.",
    "unapprove": "It may be drafted again and edited.",
    "issue": "It gets the next number and is posted; from now on nothing of it changes.",
    "discard": "What it is about will be on the next draft.",
    "send": "Notes when it was sent first, and to whom.",
    "void": "What it posted is reversed, what it is about can be billed again; its number stays.",
}
_FORMS: Final[dict[str, type[OperationForm]]] = {
    "unapprove": MayBeReasonForm,
    "discard": MayBeReasonForm,
    "issue": IssueForm,
    "send": SendForm,
    "void": VoidForm,
}


def time_of(invoice: Invoice) -> datetime:
    """Return what time it is for a document's payer."""
    return clocks.now_of(invoice.payer, now())


def _operation(action: states.Action) -> Operation:
    """Return the button of an action, which says where it leads."""

    def run(request: HttpRequest, row: Invoice, given: dict[str, Any]) -> Done:
        if action.name == "issue" and (waits := _asked(request, row, given)):
            return waits
        done = _DO[action.name](invoice=row, by=cause_of(request), at=time_of(row), **given)
        return Done(message=f"{done} is {done.get_state_display().lower()}.", row=done)

    def applies(row: Invoice) -> bool:
        return not states.why_not(action.name, lifecycle.facts_of(row, time_of(row)))

    results = f" Leads to: {_results(action.results)}." if action.results else ""
    return Operation(
        name=action.name,
        label=action.label,
        explanation=f"{_EXPLAINED[action.name]}{results}",
        permission=f"billing.{action.needs}",
        form=_FORMS.get(action.name, NoQuestions),
        run=run,
        applies=applies,
        is_grave=action.name == "void",
    )


def _asked(request: HttpRequest, row: Invoice, given: Mapping[str, Any]) -> Done | None:
    """Ask for a second person if a draft is so large, and nobody else has approved it."""
    approval = asked_for(request, row, time_of(row), given.get("issue_date"))
    return None if approval is None else changes.waits(request, approval)


def asked_for(
    request: HttpRequest, row: Invoice, at: datetime, issue_date: date | None = None
) -> Approval | None:
    """Ask for a second person if whoever asks may not issue a draft alone."""
    by: Any = request.user  # signed in: the admin lets nobody else here
    return approving.ask_to_issue(
        invoice=row, by=by, name=cause_of(request), at=at, issue_date=issue_date
    )


def _results(results: tuple[str, ...]) -> str:
    return " or ".join(result.replace("_", " ") for result in results)


OPERATIONS: Final = tuple(_operation(action) for action in states.ACTIONS if action.name in _DO)


def tables(invoice: Invoice) -> list[Table]:
    """Return what may be done with a document, its taxes, and what happened to it."""
    return [_offered(invoice), _taxes(invoice), _history(invoice)]


class BulkActions(Listing):
    """What may be done with many documents of a list at once."""

    actions = ("approve_selected", "issue_selected")

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.approve_invoice")

    @admin.action(description="Approve", permissions=["approve"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        self._act(request, "approve", queryset)

    @admin.action(description="Issue", permissions=["approve"])
    def issue_selected(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        self._act(request, "issue", queryset)

    def _act(self, request: HttpRequest, action: str, queryset: QuerySet[Invoice]) -> None:
        """Take an action for the chosen documents, each at its payer's time."""
        chosen = list(queryset.order_by("pk"))
        by_time: dict[datetime | None, list[Invoice]] = {}
        for one in chosen:
            clock = one.payer.clock
            by_time.setdefault(clock.now_at if clock else None, []).append(one)
        refused: dict[int, str] = {}
        for at, mine in by_time.items():
            time = at or now()
            refused |= bulk_actions.act(
                action=action, invoices=mine, by=cause_of(request), at=time,
                asks=partial(asked_for, request, at=time),
            )  # fmt: skip
        if done := len(chosen) - len(refused):
            messages.success(request, f"{action.title()}d: {done:,}.")
        for why, count in Counter(refused.values()).most_common(5):
            messages.warning(request, f"Refused {count:,}: {why}")


def _offered(invoice: Invoice) -> Table:
    """Show what may be done now, and where that leads."""
    offered = lifecycle.available(invoice=invoice, at=time_of(invoice))
    return Table(
        title="What may be done",
        columns=("Action", "Leads to"),
        rows=[(one.label, _results(one.results) or NOTHING) for one in offered],
        empty="Nothing any more.",
    )


def _taxes(invoice: Invoice) -> Table:
    rows = [
        (
            one.jurisdiction or NOTHING,
            one.category,
            f"{figures(one.percentage)} %",
            amount(one.base, invoice.asset, is_named=False),
            amount(one.tax, invoice.asset, is_named=False),
            one.note or one.code or NOTHING,
        )
        for one in invoice.taxes.all()
    ]
    columns = ("Jurisdiction", "Category", "Rate", number("Base"), number("Tax"), "Note")
    return Table(title="Taxes", columns=columns, rows=rows, empty="None.")


def _history(invoice: Invoice) -> Table:
    rows = [
        (
            instant(one.at),
            one.action.replace("_", " "),
            badge(one.state_after.replace("_", " "), TONES.get(one.state_after, "")),
            one.cause or NOTHING,
            one.reason or NOTHING,
        )
        for one in invoice.history.order_by("-pk")[:_HISTORY]
    ]
    columns = ("When", "What", "State after", "By", "Why")
    return Table(title="Life", columns=columns, rows=rows, empty="Nothing yet.")
