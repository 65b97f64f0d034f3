"""What is unbilled and overdrawn beside customers; what waits for somebody on the first page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Final
from urllib.parse import urlencode

from django.db.models import F, Sum
from django.urls import reverse
from django.utils.safestring import SafeString

from billing.models import DeadLetter, UnattributedEvent
from ledger.admin import customers, dashboard
from ledger.admin.dashboard import Figure
from ledger.admin.display import amount, amounts, url
from ledger.models import Asset, Balance, Customer

_OWED: Final = {"unbilled": "Unbilled", "overdraft": "Overdraft"}


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


def _address(page: str, parameter: str, customer: Customer) -> str:
    value = customer.pk if parameter.endswith("exact") else f"{customer.book.key}:{customer.key}"
    return f"{reverse(f'admin:billing_{page}')}?{urlencode({parameter: value})}"


for _purpose, _label in _OWED.items():
    customers.register_glance(_label, _owed(_purpose))
for _label, _page, _parameter in (
    ("Subjects", "subject_changelist", "customer__id__exact"),
    ("Events", "usageevent_changelist", "customer__id__exact"),
    ("Usage", "usage", "customer"),
):
    customers.register_link(_label, partial(_address, _page, _parameter))
dashboard.register(permission="ledger.view_balance", figures=_debts)
dashboard.register(permission="billing.view_deadletter", figures=_waiting)
