"""How amounts, instants and links look; every page of the admin uses these."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from ledger.models import Asset, Period
from ledger.money import text

NOTHING: Final = mark_safe('<span class="mb-none">–</span>')
_MONEY_PLACES: Final = 2


def figures(value: Decimal, asset: Asset | None = None) -> str:
    """
    Write an amount for people: every digit kept, thousands apart, money with its cents.

    >>> figures(Decimal("1234567.5000"))
    '1,234,567.5'
    >>> figures(Decimal("-1234.5"), Asset(code="USD", kind="currency"))
    '-1,234.50'
    """
    sign = "-" if value < 0 else ""
    whole, _, places = text(value).lstrip("-").partition(".")
    if asset is not None and asset.kind == Asset.Kind.CURRENCY:
        places = places.ljust(_MONEY_PLACES, "0")
    return f"{sign}{int(whole):,}{'.' if places else ''}{places}"


def amount(
    value: Decimal | None, asset: Asset | None = None, *, is_named: bool = True
) -> SafeString:
    """Show an amount, to be set flush right, with its asset unless a heading names it."""
    if value is None:
        return NOTHING
    return format_html(
        '<span class="mb-amount{}">{}{}</span>',
        " mb-negative" if value < 0 else "",
        figures(value, asset),
        format_html(' <span class="mb-asset">{}</span>', asset.code) if asset and is_named else "",
    )


def amounts(values: list[tuple[Decimal, Asset]]) -> SafeString:
    """Show one amount below the other, each in its asset."""
    if not values:
        return NOTHING
    return mark_safe("<br>".join(amount(value, asset) for value, asset in values))  # noqa: S308


def days(starts_at: datetime | None, ends_at: datetime | None, zone: str) -> SafeString:
    """
    Show a period by its first and last day where its book is, as documents do.

    >>> from datetime import UTC
    >>> starts, ends = datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)
    >>> [day in days(starts, ends, "Europe/Berlin") for day in ("2026-10-01", "2026-10-31")]
    [True, True]
    """
    if starts_at is None or ends_at is None:
        return NOTHING
    place = ZoneInfo(zone)
    last = max(starts_at, ends_at - timedelta(microseconds=1))
    return format_html(
        '<span class="mb-time">{}</span> – <span class="mb-time">{}</span>',
        f"{starts_at.astimezone(place):%Y-%m-%d}",
        f"{last.astimezone(place):%Y-%m-%d}",
    )


def instant(value: datetime | None, zone: tzinfo | None = None) -> SafeString:
    """Show a point in time with its zone."""
    if value is None:
        return NOTHING
    local = localtime(value, zone)
    return format_html(
        '<time datetime="{}"><span class="mb-time">{}</span> <span class="mb-time">{}'
        ' <span class="mb-zone">{}</span></span></time>',
        value.isoformat(),
        f"{local:%Y-%m-%d}",
        f"{local:%H:%M:%S}",
        f"{local:%Z}",
    )


def period_name(period: Period) -> str:
    """Name a period by its days in its book's own time zone."""
    zone = ZoneInfo(period.book.time_zone)
    first, end = (localtime(at, zone) for at in (period.starts_at, period.ends_at))
    return f"{first:%Y-%m-%d} to {end:%Y-%m-%d} ({period.get_state_display()})"


def url(model: type[Model] | Model, view: str, *arguments: object) -> str:
    """Return the address of a model's page: ``changelist``, ``add``, ``change``, …"""
    options = model._meta  # noqa: SLF001  (Django's own public way to a model's names)
    return reverse(f"admin:{options.app_label}_{options.model_name}_{view}", args=arguments)


def link(target: Model | None, label: object = None) -> SafeString:
    """Show a link to the page of a row."""
    if target is None:
        return NOTHING
    address = url(target, "change", target.pk)
    return format_html('<a href="{}">{}</a>', address, target if label is None else label)


def anchor(address: str, label: object) -> SafeString:
    """Show a link to any address."""
    return format_html('<a href="{}">{}</a>', address, label)


def badge(label: object, tone: str = "") -> SafeString:
    """Show a state as a coloured word; tones are good, warn, bad or none."""
    return format_html('<span class="mb-badge mb-{}">{}</span>', tone or "plain", label)


def digest(value: bytes | memoryview | None) -> SafeString:
    """Show a hash."""
    if not value:
        return NOTHING
    return format_html('<code class="mb-digest">{}</code>', bytes(value).hex())
