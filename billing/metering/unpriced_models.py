"""The models that usage named and no price is known of, listed with how much of them was used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.metering.attribution import Item
from billing.rating.match import Unpriced
from ledger import arrays
from ledger.money import ZERO, add

_LONGEST: Final = (200, 400, 100)  # of provider, model and kind of token, as kept


@dataclass(slots=True)
class _Seen:
    first_at: datetime
    last_at: datetime
    events: int = 0
    units: Decimal = ZERO


def note(*, book_id: int, items: Iterable[Item]) -> None:
    """
    List what has no price, in one statement.

    Called last: another batch that names the same models waits for this one's commit.
    """
    seen: dict[tuple[str, str, str], _Seen] = {}
    for item in items:
        if type(item.cost) is Unpriced:
            provider, model, kind = (
                name[:longest] for name, longest in zip(item.cost, _LONGEST, strict=True)
            )
            found = seen.setdefault((provider, model, kind), _Seen(item.at, item.at))
            found.first_at, found.last_at = (
                min(found.first_at, item.at),
                max(found.last_at, item.at),
            )
            found.events += 1
            found.units = add(found.units, item.measure.value)
    if not seen:
        return
    rows = sorted(seen.items())
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            [
                book_id,
                *[arrays.texts([named[part] for named, _ in rows]) for part in range(3)],
                arrays.whole([found.events for _, found in rows]),
                arrays.exact([found.units for _, found in rows]),
                arrays.texts([found.first_at.isoformat() for _, found in rows]),
                arrays.texts([found.last_at.isoformat() for _, found in rows]),
            ],
        )


_NOTE: Final = """
    INSERT INTO billing_unknownmodel AS m
        (book_id, provider, model, token_type, events, units, first_seen_at, last_seen_at)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::numeric[],
                             %s::timestamptz[], %s::timestamptz[])
    ON CONFLICT (book_id, provider, model, token_type) DO UPDATE
    SET events = m.events + excluded.events, units = m.units + excluded.units,
        first_seen_at = least(m.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(m.last_seen_at, excluded.last_seen_at)
"""
