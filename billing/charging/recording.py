"""What stays on record of charges: what they have come to, and each change with its posting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.charging.slips import Slip
from billing.metering import accruals
from billing.metering.accruals import OpenAccrual
from billing.models import Charge
from ledger import arrays
from ledger.money import text

CHARGED: Final = "charged"
CHANGED: Final = "changed"
EARNED: Final = "earned"


def number(charges: Sequence[Charge]) -> list[Charge]:
    """Give a number to each charge that is new, and return these; entries name them by it."""
    new = list({id(charge): charge for charge in charges if charge.pk is None}.values())
    if new:
        with connection.cursor() as cursor:
            cursor.execute(_NUMBERS, [len(new)])
            for charge, (pk,) in zip(new, cursor.fetchall(), strict=True):
                charge.pk = pk
    return new


def save(
    slips: Sequence[Slip],
    new: Sequence[Charge],
    posted: Sequence[Mapping[datetime, int]],
    at: datetime,
) -> None:
    """Write down what charges and series have come to, and by which transactions."""
    accruals.save(_opened(slips))
    changed = _changed(slips)
    for charge in changed.values():
        charge.updated_at = at
    _create(new)
    made = {charge.pk for charge in new}
    _update([charge for charge in changed.values() if charge.pk not in made])
    changes = [
        change
        for slip, transactions in zip(slips, posted, strict=True)
        for change in _changes(slip, transactions)
    ]
    if changes:
        columns = [arrays.texts(map(str, column)) for column in zip(*changes, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [at, *columns])


def _changed(slips: Sequence[Slip]) -> dict[int, Charge]:
    changed = {line.charge.pk: line.charge for slip in slips for line in slip.lines}
    return changed | {one.charge.pk: one.charge for slip in slips for one in slip.earnings}


def _opened(slips: Sequence[Slip]) -> Iterator[OpenAccrual]:
    for slip in slips:
        for start in slip.starts:
            assert start.accrual is not None, "it has been locked"
            yield start.accrual


def _changes(slip: Slip, posted: Mapping[datetime, int]) -> Iterator[tuple[object, ...]]:
    """Return the postings for charges: whose, how much, why, how it came to that, when, by what."""
    for line in slip.lines:
        if line.amount:
            reason = CHANGED if line.charge.posted != line.amount else CHARGED
            explanation, at = json.dumps(line.explanation), line.effective_at
            yield line.charge.pk, text(line.amount), reason, explanation, at, posted[at]
    for one in slip.earnings:
        at = one.effective_at
        yield one.charge.pk, text(one.amount), EARNED, "{}", at, posted[at]


def _create(charges: Sequence[Charge]) -> None:
    """Write new charges down as they are, in one statement."""
    if not charges:
        return
    rows = [
        json.dumps({name: _written(getattr(charge, name)) for name in _COLUMNS})
        for charge in charges
    ]
    with connection.cursor() as cursor:
        cursor.execute(_CREATE, [f"[{','.join(rows)}]"])
    for charge in charges:
        charge._state.adding = False  # noqa: SLF001 - as Django's own writing does


def _written(value: object) -> object:
    if isinstance(value, Decimal):
        return text(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _update(charges: Sequence[Charge]) -> None:
    if not charges:
        return
    columns = [
        arrays.whole(charge.pk for charge in charges),
        arrays.exact(charge.posted for charge in charges),
        arrays.exact(charge.earned for charge in charges),
        _instants(charge.earned_until for charge in charges),
        arrays.texts(charge.taken for charge in charges),
        _instants(charge.ends_at for charge in charges),
        _instants(charge.scheduled_at for charge in charges),
        _instants(charge.updated_at for charge in charges),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, columns)


def _instants(instants: Iterable[datetime | None]) -> str:
    return "{" + ",".join("NULL" if at is None else f'"{at.isoformat()}"' for at in instants) + "}"


_COLUMNS: Final = [field.attname for field in Charge._meta.concrete_fields]  # noqa: SLF001
_NUMBERS: Final = """
    SELECT nextval(pg_get_serial_sequence('billing_charge', 'id')) FROM generate_series(1, %s)
"""
_CREATE: Final = f"""
    INSERT INTO billing_charge ({", ".join(_COLUMNS)})
    SELECT {", ".join(_COLUMNS)} FROM jsonb_populate_recordset(NULL::billing_charge, %s::jsonb)
"""  # noqa: S608 - the columns of the model
_UPDATE: Final = """
    UPDATE billing_charge c
    SET posted = n.posted, earned = n.earned, earned_until = n.earned_until, taken = n.taken,
        ends_at = n.ends_at, scheduled_at = n.scheduled_at, updated_at = n.updated_at
    FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::timestamptz[], %s::text[],
                %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
         AS n (id, posted, earned, earned_until, taken, ends_at, scheduled_at, updated_at)
    WHERE c.id = n.id
"""
_NOTE: Final = """
    INSERT INTO billing_chargechange
        (recorded_at, charge_id, amount, reason, explanation, effective_at, transaction_id)
    SELECT %s, n.*
    FROM unnest(%s::bigint[], %s::numeric[], %s::text[], %s::jsonb[], %s::timestamptz[],
                %s::bigint[]) AS n
"""
