"""What customers owe and which limits they have; what waits for somebody on the first page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final
from urllib.parse import urlencode

from django.db.models import F, Sum
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import now

from billing.admin import standings
from billing.admin.gauges import Level
from billing.models import Budget, DeadLetter, Entitlement, Invoice, Unapplied, UnattributedEvent
from ledger.admin import customers, dashboard
from ledger.admin.dashboard import Figure
from ledger.admin.display import amount, amounts, badge, link, url
from ledger.models import Asset, Balance, Customer

_OWED: Final = {"unbilled": "Unbilled", "receivable": "Receivable", "overdraft": "Overdraft"}
_MOST_LIMITS: Final = 5  # of a customer's


def _owed(purpose: str) -> Callable[[Collection[int]], Mapping[int, SafeString]]:
    def read(customer_ids: Collection[int]) -> Mapping[int, SafeString]:
        held = Balance.objects.filter(account__customer__in=customer_ids, account__purpose=purpose)
        shown: defaultdict[int, list[tuple[Decimal, Asset]]] = defaultdict(list)
        for balance in held.exclude(debits=F("credits")).select_related("account__asset"):
            assert balance.account.customer_id is not None
            owed = balance.debits - balance.credits
            shown[balance.account.customer_id].append((owed, balance.account.asset))
        return {owner: amounts(values) for owner, values in shown.items()}

    return read


def _limits(customer_ids: Collection[int]) -> Mapping[int, SafeString]:
    """Show how far customers' own budgets and allowances have come."""
    at = now()
    shown: defaultdict[int, list[SafeString]] = defaultdict(list)
    budgets = list(
        Budget.objects.filter(customer__in=customer_ids, ended_at=None)
        .select_related("customer__clock")
        .order_by("key")
    )
    standing = standings.of_budgets(budgets, at)
    for budget in budgets:
        level = standing[budget.pk].level
        shown[budget.customer_id].append(_share(link(budget), level))
    rights = list(
        Entitlement.objects.filter(customer__in=customer_ids, wallet__isnull=False)
        .select_related("customer__clock", "feature")
        .order_by("feature__key", "pk")
    )
    given = standings.of_allowances(rights, at)
    for right in rights:
        if (found := given.get(right.pk)) is not None:
            level = Level(label="", used=found.used, held=found.held, limit=found.granted)
            shown[right.customer_id].append(_share(link(right, right.feature.key), level))
    return {owner: _lines(lines) for owner, lines in shown.items()}


def _share(name: SafeString, level: Level) -> SafeString:
    shown = badge(level.percent, level.tone)
    return format_html('<span class="mb-amount">{} {}</span>', name, shown)


def _lines(lines: Sequence[SafeString]) -> SafeString:
    more = f"and {len(lines) - _MOST_LIMITS:,} more" if len(lines) > _MOST_LIMITS else ""
    listed = [*lines[:_MOST_LIMITS], *([more] if more else [])]
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in listed))


def _debts() -> Iterator[Figure]:
    held = (
        Balance.objects.filter(account__purpose__in=_OWED)
        .exclude(debits=F("credits"))
        .values("account__purpose", "account__asset")
        .annotate(owed=Sum(F("debits") - F("credits")))
        .order_by("account__purpose", "account__asset")
    )
    totals = {(row["account__purpose"], row["account__asset"]): row["owed"] for row in held}
    assets = Asset.objects.in_bulk([asset_id for _, asset_id in totals])
    for (purpose, asset_id), owed in totals.items():
        yield Figure(
            label=f"{_OWED[purpose]} in {assets[asset_id].code}",
            value=amount(owed, assets[asset_id]),
            url=f"{reverse('admin:ledger_account_changelist')}?purpose={purpose}",
            tone="warn" if purpose == "overdraft" else "",
        )


def _waiting() -> Iterator[Figure]:
    letters = dashboard.about(DeadLetter.objects.filter(status=DeadLetter.Status.OPEN))
    yield Figure(
        label="Open dead letters",
        value=letters,
        tone="good" if letters == "0" else "warn",
        url=f"{url(DeadLetter, 'changelist')}?status__exact=open",
    )
    events = dashboard.about(UnattributedEvent.objects.filter(posted_at=None))
    yield Figure(
        label="Events of unknown subjects",
        value=events,
        tone="good" if events == "0" else "warn",
        url=f"{url(UnattributedEvent, 'changelist')}?state=waiting",
    )


def _invoices() -> Iterator[Figure]:
    drafts = dashboard.about(Invoice.objects.filter(state="draft", is_blocked=True))
    yield Figure(
        label="Drafts to be solved",
        value=drafts,
        tone="good" if drafts == "0" else "bad",
        url=f"{reverse('admin:billing_invoice_drafts')}?look=problems",
    )
    late = dashboard.about(Invoice.objects.filter(state="overdue", open__gt=0))
    yield Figure(
        label="Overdue documents",
        value=late,
        tone="good" if late == "0" else "warn",
        url=f"{url(Invoice, 'changelist')}?state__exact=overdue",
    )


def _money() -> Iterator[Figure]:
    waiting = dashboard.about(Unapplied.objects.filter(amount__gt=F("applied") + F("returned")))
    yield Figure(
        label="Payments not given to documents",
        value=waiting,
        tone="good" if waiting == "0" else "warn",
        url=url(Unapplied, "changelist"),
    )


def _address(page: str, parameter: str, customer: Customer) -> str:
    value = customer.pk if parameter.endswith("exact") else f"{customer.book.key}:{customer.key}"
    return f"{reverse(f'admin:billing_{page}')}?{urlencode({parameter: value})}"


customers.register_glance("Limits", _limits)
for _purpose, _label in _OWED.items():
    customers.register_glance(_label, _owed(_purpose))
for _label, _page, _parameter in (
    ("Subjects", "subject_changelist", "customer__id__exact"),
    ("Events", "usageevent_changelist", "customer__id__exact"),
    ("Usage", "usage", "customer"),
):
    customers.register_link(_label, partial(_address, _page, _parameter))
dashboard.register(permission="ledger.view_balance", figures=_debts)
dashboard.register(permission="billing.view_invoice", figures=_invoices)
dashboard.register(permission="billing.view_unapplied", figures=_money)
dashboard.register(permission="billing.view_deadletter", figures=_waiting)
