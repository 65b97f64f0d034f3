"""What became of credit, as columns and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.utils.safestring import SafeString

from ledger.admin.display import NOTHING, amount
from ledger.admin.tables import Column, number
from ledger.models import Asset
from wallets.summary import Figures

NAMES: Final = (
    *("granted", "used", "expired", "voided", "transferred"),
    *("held", "pending", "available"),
)


def columns(names: Iterable[str] = NAMES) -> list[Column]:
    """Head the columns of figures."""
    return [number(name.capitalize()) for name in names]


def cells(figures: Figures, asset: Asset, names: Iterable[str] = NAMES) -> list[SafeString]:
    """Show figures of one wallet or grant; what is zero is left blank, except what is available."""
    shown = []
    for name in names:
        value = getattr(figures, name)
        is_shown = bool(value) or name in {"granted", "available"}
        shown.append(amount(value, asset) if is_shown else NOTHING)
    return shown
