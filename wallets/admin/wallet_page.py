"""The page of a wallet: what is in it, in which order it burns, what feeds it, when it is empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import F, Q, Sum
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledger.admin.dashboard import Figure
from ledger.admin.display import NOTHING, amount, badge, instant, link, url
from ledger.admin.tables import Table, number
from ledger.models import Asset
from ledger.money import ZERO
from wallets import days as by_day
from wallets import forecast, funds, shares, summary
from wallets.admin import changes, figures, picture, states
from wallets.burn_order import in_order
from wallets.forecast import Forecast
from wallets.lots import lot_of
from wallets.models import (
    Alert,
    CreditGrant,
    GrantSchedule,
    Hold,
    HoldPart,
    RechargeRule,
    TopUp,
    Wallet,
)
from wallets.summary import Figures

SPANS: Final = (30, 90)  # days that may be looked at
SOON: Final = timedelta(days=14)
_LOTS: Final = 100
_SHOWN: Final = 20  # of what is listed in full elsewhere


def panels(request: HttpRequest, wallet: Wallet) -> dict[str, Any]:
    """Return all that the page shows beside the fields."""
    at, span = states.time_of(wallet.customer), _span(request)
    told = forecast.of_wallets([wallet.pk], at=at, days=span)[wallet.pk]
    history = by_day.history(wallet_id=wallet.pk, at=at, days=span)
    story = picture.Story(days=history, forecast=told, at=at, asset=wallet.asset)
    whole = summary.of_wallets([wallet.pk], at=at)[wallet.pk]
    return {
        "figures": list(_figures(wallet, whole, told, at)),
        "drawing": picture.draw(story, name=str(wallet)),
        "drawing_title": "What was left, and will be",
        "drawing_note": _note(story, span),
        "links": [
            (_list(model, wallet), label)
            for model, label in (
                (TopUp, "Top-ups"), (RechargeRule, "Recharge rules"), (Alert, "Alerts"),
            )
        ],
        "tables": [
            _lots(wallet, at),
            *_holds(wallet, at),
            *_schedules(wallet),
            *_shares(wallet, at),
            _grants(wallet, whole, at),
        ],
    }  # fmt: skip


def _span(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return next((span for span in SPANS if asked == str(span)), SPANS[0])


def _figures(wallet: Wallet, whole: Figures, told: Forecast, at: datetime) -> Iterator[Figure]:
    asset, owed = wallet.asset, funds.overdraft_of(wallet)
    yield Figure(label="Available", value=amount(whole.available, asset))
    yield Figure(label="Held", value=amount(whole.held, asset))
    yield Figure(label="Not effective yet", value=amount(whole.pending, asset))
    note = "available, held or not effective yet"
    yield Figure(label="Settled", value=amount(whole.settled, asset), note=note)
    yield Figure(
        label="Overdraft",
        value=amount(owed, asset) if owed else NOTHING,
        tone="bad" if owed > ZERO else "",
        note="of the customer in this asset",
    )
    yield _lasting(told, asset, at)
    number_ = str(wallet.pk)
    about = Q(arguments__wallet=number_) | Q(arguments__source=number_)
    yield from changes.waiting(wallet.customer.book, about | Q(arguments__target=number_))


def _lasting(told: Forecast, asset: Asset, at: datetime) -> Figure:
    label, ends_at = "Runs out", told.runs_out_at
    if ends_at is None:
        return Figure(label=label, value="not at this pace", tone="good")
    if ends_at <= at:
        return Figure(label=label, value="nothing left to use", tone="bad")
    left, pace = (ends_at - at) / timedelta(days=1), amount(picture.pace(told), asset)
    return Figure(
        label=label,
        value=f"{ends_at:%Y-%m-%d}",
        tone="warn" if ends_at - at < SOON else "",
        note=format_html("in {} days at {} per day", f"{left:.1f}", pace),
    )


def _note(story: picture.Story, span: int) -> SafeString:
    """Say what the forecast rests on, and offer to look further back."""
    told = story.forecast
    rests_on = format_html(
        "The pace is the average of {} days, {} in all. What expires before it is used, what is"
        " held and grants still to come are not counted on. Days are those of UTC.",
        f"{float(told.days):.1f}".removesuffix(".0"),
        amount(by_day.total(day.used for day in story.days), story.asset),
    )
    spans = format_html_join(
        " · ",
        "{}",
        (
            (format_html("<strong>{} days</strong>", days),)
            if days == span
            else (format_html('<a href="?days={}">{} days</a>', days, days),)
            for days in SPANS
        ),
    )
    said = " ".join(picture.sentences(story))
    return format_html("{} {} <span>{}</span>", said, rests_on, spans)


def _list(model: Any, wallet: Wallet) -> str:
    return f"{url(model, 'changelist')}?wallet__id__exact={wallet.pk}"


def _lots(wallet: Wallet, at: datetime) -> Table:
    """Show the lots that something is left of, in the order they burn."""
    alive = wallet.grants.filter(Q(expires_at=None) | Q(expires_at__gt=at), voided_at=None)
    balance = "account__balance__"
    filled = alive.filter(**{f"{balance}credits__gt": F(f"{balance}debits")})
    grants = {grant.pk: grant for grant in filled}
    ordered = [grants[lot.grant_id] for lot in in_order(map(lot_of, grants.values()))]
    found = summary.of_grants([grant.pk for grant in ordered[:_LOTS]], at=at)
    more = len(ordered) - _LOTS
    return Table(
        title="Lots, in the order they burn",
        columns=(
            "Lot", "State", number("Left"), number("Held"), "Expires", number("Priority"),
            "Pays for", "Funding", number("Cost per unit"),
        ),
        rows=[_lot(lot, found[lot.pk], wallet.asset, at) for lot in ordered[:_LOTS]],
        hint=f"{more} more burn after these." if more > 0 else "",
        empty="Nothing is left in any lot.",
    )  # fmt: skip


def _lot(lot: CreditGrant, found: Figures, asset: Asset, at: datetime) -> tuple[Any, ...]:
    return (
        link(lot, lot.key),
        states.badge_of(lot, at),
        amount(found.settled, asset),
        amount(found.held, asset) if found.held else NOTHING,
        instant(lot.expires_at),
        lot.priority,
        ", ".join(lot.feature_keys) or "everything",
        lot.get_funding_display().lower(),
        amount(lot.cost_basis),
    )


def _holds(wallet: Wallet, at: datetime) -> Iterator[Table]:
    """Show what is set aside in it, by whom, until when."""
    parts = HoldPart.objects.filter(
        account__grant__wallet=wallet,
        amount__gt=0,
        hold__state=Hold.State.ACTIVE,
        hold__expires_at__gt=at,
    )
    sums: dict[int, Decimal] = dict(
        parts.order_by("-hold").values_list("hold").annotate(held=Sum("amount"))[: _SHOWN + 1]
    )
    holds = Hold.objects.filter(pk__in=list(sums)[:_SHOWN]).select_related("customer")
    rows = [
        (
            link(hold),
            link(hold.customer),
            hold.purpose or hold.feature_key,
            amount(sums[hold.pk], wallet.asset),
            instant(hold.created_at),
            instant(hold.expires_at),
        )
        for hold in holds
    ]
    if rows:
        yield Table(
            title="Holds on it, the newest first",
            columns=("Hold", "Customer", "For", number("Held here"), "Made", "Expires"),
            rows=rows,
            hint=f"Only the newest {_SHOWN} are shown." if len(sums) > _SHOWN else "",
        )


def _schedules(wallet: Wallet) -> Iterator[Table]:
    found = list(wallet.schedules.order_by(F("due_at").asc(nulls_last=True), "-pk")[:_SHOWN])
    if found:
        yield Table(
            title="What feeds it again and again",
            columns=("Schedule", number("Amount"), "Every", "Next due", number("Issued"), "Ends"),
            rows=[_schedule(schedule, wallet.asset) for schedule in found],
        )


def _schedule(schedule: GrantSchedule, asset: Asset) -> tuple[Any, ...]:
    return (
        link(schedule, schedule.key),
        amount(schedule.amount, asset),
        schedule.cadence,
        instant(schedule.due_at) if schedule.due_at else badge("ended"),
        schedule.issued,
        instant(schedule.ends_at),
    )


def _shares(wallet: Wallet, at: datetime) -> Iterator[Table]:
    if not wallet.is_shared:
        return
    given = list(wallet.shares.filter(ended_at=None).select_related("customer")[:_LOTS])
    standing = shares.standing(given, at=at)
    rows = []
    for share in given:
        stands = standing[share.pk]
        rows.append(
            (
                link(share, share.customer),
                amount(share.amount, wallet.asset),
                share.cadence,
                amount(stands.used, wallet.asset),
                amount(stands.held, wallet.asset),
                amount(stands.remaining, wallet.asset),
                instant(stands.period.ends_at),
            )
        )
    yield Table(
        title="Shares",
        columns=(
            "Customer", number("Per period"), "Period", number("Used"), number("Held"),
            number("Remaining"), "Until",
        ),
        rows=rows,
        empty="All below the customer may use all of it.",
    )  # fmt: skip


def _grants(wallet: Wallet, whole: Figures, at: datetime) -> Table:
    newest = list(wallet.grants.order_by("-pk")[: _SHOWN + 1])
    found = summary.of_grants([grant.pk for grant in newest[:_SHOWN]], at=at)
    rows = [
        (
            link(grant, grant.key),
            states.badge_of(grant, at),
            *figures.cells(found[grant.pk], wallet.asset),
        )
        for grant in newest[:_SHOWN]
    ]
    has_more = len(newest) > _SHOWN
    return Table(
        title="What became of its credit",
        columns=("Grant", "State", *figures.columns()),
        rows=rows,
        footer=("All grants", "", *figures.cells(whole, wallet.asset)),
        hint=_all_of(wallet) if has_more else "",
        empty="No credit has been granted.",
    )


def _all_of(wallet: Wallet) -> SafeString:
    address = _list(CreditGrant, wallet)
    return format_html(
        'Only the newest {} are shown: <a href="{}">all of them</a>.', _SHOWN, address
    )
