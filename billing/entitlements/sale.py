"""
What a book sells: features and their meters, remembered until the catalogue's version moves.

A meter may be asked about, too, by its key or by the name that its lots go by: usage can be
limited before anybody has made a feature of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection

from billing.metering.compiling import CompiledMeter, compiled
from billing.models import Feature, Meter
from ledger.models import Asset


class Counted(NamedTuple):
    """An asset by its code, and how many places it is kept to."""

    code: str
    scale: int


class Sold(NamedTuple):
    """A feature, or a meter's usage under a name."""

    key: str
    id: int | None  # none: a meter that nobody has made a feature of
    meter_id: int | None
    constants: Mapping[str, str]  # dimension → value, where its filters leave no choice
    is_gated: bool = False  # only who has a right to it, or buys it, may use it


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What a book sells, at one version of the catalogue."""

    version: int
    features: Mapping[str, Sold]
    meters: Mapping[int, CompiledMeter]
    assets: Mapping[int, Counted]


_known: dict[int, Sale] = {}


def at_version(book_id: int, version: int) -> Sale:
    """Return what a book sells at the version that was just read; four queries if it moved."""
    found = _known.get(book_id)
    if found is None or found.version != version:
        # Loaded after the version was read: at least as new as it, never older.
        found = _load(book_id, version)
        if not connection.in_atomic_block:  # what is not committed must not be remembered
            _known[book_id] = found
    return found


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _known.clear()


def _load(book_id: int, version: int) -> Sale:
    meters = list(Meter.objects.filter(book=book_id).select_related("unit"))
    sold: dict[str, Sold] = {}
    for meter in meters:
        for key in (meter.feature_key, meter.key):
            sold.setdefault(key, Sold(key, None, meter.pk, {}))
    gated = _gated(book_id)
    for feature in Feature.objects.filter(book=book_id):
        constants = {
            name: condition["eq"]
            for name, condition in feature.filters.items()
            if "eq" in condition
        }
        is_gated = feature.pk in gated
        sold[feature.key] = Sold(feature.key, feature.pk, feature.meter_id, constants, is_gated)
    return Sale(
        version=version,
        features=sold,
        meters={meter.pk: compiled(meter) for meter in meters},
        assets={
            number: Counted(code, scale)
            for number, code, scale in Asset.objects.order_by().values_list("pk", "code", "scale")
        },
    )


def _gated(book_id: int) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(_GATED, [book_id, book_id, book_id])
        return {row[0] for row in cursor.fetchall()}


# Published offers that come with a right to a feature, and rights given by hand to what is either
# there or not. A limit given by hand is a limit for whom it is given to, and for nobody else.
_GATED: Final = """
    SELECT c.feature_id FROM billing_planratecard c
    JOIN billing_planphase p ON p.id = c.phase_id
    JOIN billing_planversion v ON v.id = p.plan_version_id AND v.effective_from IS NOT NULL
    JOIN billing_plan o ON o.id = v.plan_id AND o.book_id = %s
    WHERE c.entitlement IS NOT NULL AND c.feature_id IS NOT NULL
    UNION
    SELECT c.feature_id FROM billing_planratecard c
    JOIN billing_addonversion v ON v.id = c.addon_version_id AND v.effective_from IS NOT NULL
    JOIN billing_addon o ON o.id = v.addon_id AND o.book_id = %s
    WHERE c.entitlement IS NOT NULL AND c.feature_id IS NOT NULL
    UNION
    SELECT feature_id FROM billing_entitlement
    WHERE book_id = %s AND item_id IS NULL AND kind <> 'metered'
"""
