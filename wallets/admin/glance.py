"""Credit beside the customers it belongs to, and in all on the first page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import F, Sum
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.timezone import now

from ledger.admin import customers, dashboard
from ledger.admin.dashboard import Figure
from ledger.admin.display import amount, amounts, url
from ledger.models import Asset, Balance
from ledger.money import ZERO, add
from wallets import summary
from wallets.models import Approval, RechargeRule, TopUp, Wallet


def _available(customer_ids: Collection[int]) -> Mapping[int, SafeString]:
    wallets = list(Wallet.objects.filter(customer__in=customer_ids).select_related("asset"))
    found = summary.of_wallets([wallet.pk for wallet in wallets], at=now())
    sums: defaultdict[int, dict[Asset, Decimal]] = defaultdict(dict)
    for wallet in wallets:
        held = sums[wallet.customer_id]
        held[wallet.asset] = add(held.get(wallet.asset, ZERO), found[wallet.pk].available)
    return {
        owner: amounts([(value, a) for a, value in held.items()]) for owner, held in sums.items()
    }


def _figures() -> Iterator[Figure]:
    held = (
        Balance.objects.filter(account__purpose="credit_lot")
        .exclude(debits=F("credits"))
        .values("account__asset")
        .annotate(left=Sum(F("credits") - F("debits") - F("held")))
    )
    totals = {row["account__asset"]: row["left"] for row in held}
    for asset in Asset.objects.filter(pk__in=totals):
        yield Figure(
            label=f"Unspent credit in {asset.code}",
            value=amount(totals[asset.pk], asset),
            url=reverse("admin:wallets_wallet_changelist"),
        )


def _to_decide() -> Iterator[Figure]:
    waiting = Approval.objects.filter(state=Approval.State.WAITING)
    yield _counted("Waiting for a second person", waiting, "warn", state=Approval.State.WAITING)


def _to_confirm() -> Iterator[Figure]:
    awaiting = TopUp.objects.filter(state=TopUp.State.AWAITING_PAYMENT)
    state = TopUp.State.AWAITING_PAYMENT
    yield _counted("Top-ups awaiting payment", awaiting, "warn", state=state)


def _stopped() -> Iterator[Figure]:
    rules = RechargeRule.objects.filter(state=RechargeRule.State.STOPPED)
    yield _counted("Recharge rules stopped", rules, "bad", state=RechargeRule.State.STOPPED)


def _counted(label: str, rows: Any, tone: str, *, state: str) -> Figure:
    found = dashboard.about(rows)
    address = f"{url(rows.model, 'changelist')}?state__exact={state}"
    return Figure(label=label, value=found, url=address, tone="" if found == "0" else tone)


customers.register_glance("Credit available", _available)
customers.register_link(
    "Wallets", lambda row: f"{url(Wallet, 'changelist')}?customer__id__exact={row.pk}"
)
dashboard.register(permission="wallets.view_wallet", figures=_figures)
dashboard.register(permission="wallets.view_approval", figures=_to_decide)
dashboard.register(permission="wallets.view_topup", figures=_to_confirm)
dashboard.register(permission="wallets.view_rechargerule", figures=_stopped)
