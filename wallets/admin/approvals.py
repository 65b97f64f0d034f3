"""What waits for a second person, and what somebody has decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin.base import BookFilter, Listing, cause_of
from ledger.admin.dashboard import Figure
from ledger.admin.display import NOTHING, amount, badge, instant, link
from ledger.admin.fields import ReasonField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.admin.tables import Table
from wallets import approvals
from wallets.admin import changes
from wallets.models import Approval, CreditGrant, TopUp, Wallet

State = Approval.State
_DECIDE: Final = "wallets.decide_approval"
_TONES: Final = {State.WAITING: "warn", State.APPROVED: "good", State.REFUSED: "bad"}
_WORDS: Final = {
    "grant": "issue a grant",
    "schedule": "schedule credit",
    "adjust": "adjust a grant",
    "void": "void a grant",
    "transfer": "transfer credit",
    "top_up": "give credit before it is paid",
    "confirm": "confirm a payment",
    "fail": "fail a top-up",
    "refund": "refund a top-up",
}
# Which rows arguments name, and how the wallet that it is about is come by.
_NAMED: Final[Mapping[str, tuple[Any, Callable[[Any], Wallet]]]] = {
    "wallet": (Wallet.objects.select_related("customer"), lambda row: row),
    "source": (Wallet.objects.select_related("customer"), lambda row: row),
    "target": (Wallet.objects.select_related("customer"), lambda row: row),
    "grant": (CreditGrant.objects.select_related("wallet__customer"), lambda row: row.wallet),
    "top_up": (TopUp.objects.select_related("wallet__customer"), lambda row: row.wallet),
}


class RefuseForm(OperationForm):
    reason = ReasonField()


def _approve(request: HttpRequest, row: Approval, given: dict[str, Any]) -> Done:
    by: Any = request.user
    done = approvals.approve(approval=row, by=by, at=now())
    return Done(message=f"Approved and done: {done.outcome}.", row=done)


def _refuse(request: HttpRequest, row: Approval, given: dict[str, Any]) -> Done:
    by: Any = request.user
    refused = approvals.refuse(approval=row, by=by, reason=given["reason"], at=now())
    return Done(message="Refused: it will not be done.", row=refused)


def _is_waiting(row: Approval) -> bool:
    return row.state == State.WAITING


def _is_somebody_else(request: HttpRequest, row: Approval) -> bool:
    return row.asker != cause_of(request) and row.asked_by_id != request.user.pk


APPROVE: Final = Operation(
    name="approve",
    label="Approve",
    explanation="Does what was asked for, now and once. If it cannot be done any more, that is"
    " said, and it still waits.",
    permission=_DECIDE,
    run=_approve,
    applies=_is_waiting,
    lets=_is_somebody_else,
)
REFUSE: Final = Operation(
    name="refuse",
    label="Refuse",
    explanation="It will not be done; whoever asked sees why.",
    permission=_DECIDE,
    form=RefuseForm,
    run=_refuse,
    applies=_is_waiting,
    lets=_is_somebody_else,
    is_grave=True,
)


@admin.register(Approval)
class ApprovalAdmin(Listing):
    fields = (
        ("what", "amount_shown", "state_shown"),
        ("wallet_link", "reason"),
        ("asked_by_whom", "asked"),
        ("decided_by_whom", "decided"),
        "result",
    )
    readonly_fields = (
        "what", "amount_shown", "state_shown", "wallet_link", "reason", "asked_by_whom", "asked",
        "decided_by_whom", "decided", "result",
    )  # fmt: skip
    keyset = ("-state", "-pk")  # waiting is the last word: people decide few, so no index
    list_display = (
        "what",
        "amount_shown",
        "wallet_link",
        "reason",
        "asked_by_whom",
        "asked",
        "state_shown",
    )
    list_filter = (BookFilter, "state", "operation")
    operations = (APPROVE, REFUSE)
    search_fields = ("asker__icontains", "reason__icontains")
    search_help_text = "Who asked, or a part of the reason"

    def get_queryset(self, request: HttpRequest) -> Any:
        return Approval.objects.select_related("asset", "book")

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.enrich([row])
        return row

    def enrich(self, rows: list[Any]) -> None:
        named = _named(rows)
        for row in rows:
            row.named = named[row.pk]

    def panels(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        rows = [
            (name.replace("_", " "), link(obj.named[name]) if name in obj.named else _words(value))
            for name, value in obj.arguments.items()
        ]
        table = Table(title="What was asked for", columns=("Term", "Value"), rows=rows)
        return {"tables": [table], "figures": list(_figures(request, obj))}

    @admin.display(description="what")
    def what(self, row: Approval) -> str:
        return _WORDS.get(row.operation, row.operation)

    @admin.display(description="amount")
    def amount_shown(self, row: Approval) -> SafeString:
        return amount(row.amount, row.asset)

    @admin.display(description="state")
    def state_shown(self, row: Approval) -> SafeString:
        return badge(row.state, _TONES[State(row.state)])

    @admin.display(description="wallet")
    def wallet_link(self, row: Any) -> SafeString:
        return link(_wallet_of(row.named))

    @admin.display(description="asked by")
    def asked_by_whom(self, row: Approval) -> str:
        return row.asker

    @admin.display(description="decided by")
    def decided_by_whom(self, row: Approval) -> SafeString | str:
        return row.decider or NOTHING

    @admin.display(description="asked")
    def asked(self, row: Approval) -> SafeString:
        return instant(row.asked_at)

    @admin.display(description="decided")
    def decided(self, row: Approval) -> SafeString:
        return instant(row.decided_at)

    @admin.display(description="result")
    def result(self, row: Approval) -> SafeString | str:
        made = changes.rows_of(row.outcome) if row.state == State.APPROVED else []
        if made:
            return format_html_join(", ", "{}", ((link(one),) for one in made))
        return row.outcome or NOTHING


def _figures(request: HttpRequest, approval: Approval) -> Iterator[Figure]:
    if _is_waiting(approval) and not _is_somebody_else(request, approval):
        yield Figure(label="You asked for it", value="somebody else decides", tone="warn")


def _named(rows: Iterable[Approval]) -> dict[int, dict[str, Any]]:
    """Return the rows that approvals name, in a query for each kind of them."""
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    rows = list(rows)
    for row in rows:
        for name in _NAMED.keys() & row.arguments.keys():
            wanted[name].add(int(row.arguments[name]))
    read = {name: _NAMED[name][0].in_bulk(numbers) for name, numbers in wanted.items()}
    return {
        row.pk: {
            name: found[number]
            for name, found in read.items()
            if (number := int(row.arguments.get(name, 0))) in found
        }
        for row in rows
    }


def _wallet_of(named: Mapping[str, Any]) -> Wallet | None:
    for name, (_, wallet_of) in _NAMED.items():
        if name in named:
            return wallet_of(named[name])
    return None


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
