"""
What a meter reads from stored events, as SQL.

``billing.metering.measuring`` reads an event as it arrives; this says the same to the database.
Values and labels have been checked by then: an event that a meter cannot read was refused. Which
meters counted an event is known from the accruals that it moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from billing.metering import paths
from billing.models import Meter

QUARTER_MINUTES: Final = 15
UNIQUE: Final = Meter.Aggregation.UNIQUE_COUNT
LATEST: Final = Meter.Aggregation.LATEST


class Reading(NamedTuple):
    """A SELECT of what a meter reads from events, and its parameters."""

    sql: str  # to be formatted with ``events``, a relation or a subquery that has their columns
    parameters: dict[str, Any]


def of(meter: Meter, dimensions: Sequence[str]) -> Reading:
    """
    Select the readings of a meter: id, customer_id, subject, occurred_at, key, value, counted.

    The labels of ``dimensions`` are the columns d0, d1, …; events that the meter does not count,
    and those that were voided or amended, are left out.
    """
    parameters: dict[str, Any] = {
        "book": meter.book_id,
        "type": meter.event_type,
        "meter": meter.pk,
    }
    labels = "".join(
        f", {label} AS d{place}"
        for place, label in enumerate(labels_of(meter, dimensions, parameters))
    )
    value, counted = "1::numeric", "''"
    if meter.aggregation == UNIQUE:
        counted = f"billing_label({_at(meter.value_path, 'v', parameters)})"
    elif meter.value_path:
        value = f"billing_number({_at(meter.value_path, 'v', parameters)})"
    return Reading(
        _SELECT.replace("LABELS", labels).replace("VALUE", value).replace("COUNTED", counted),
        parameters,
    )


def labels_of(meter: Meter, dimensions: Sequence[str], parameters: dict[str, Any]) -> list[str]:
    """Return what reads each of these dimensions from an event ``e``, and add its parameters."""
    return [
        f"billing_label({_at(meter.dimensions[name], f'd{place}_', parameters)})"
        for place, name in enumerate(dimensions)
    ]


def _at(path: str, prefix: str, parameters: dict[str, Any]) -> str:
    """Step from member to member: ``#>`` would also step into lists."""
    steps = "e.data"
    for place, name in enumerate(paths.parse(path)):
        parameters[f"{prefix}{place}"] = name
        steps += f" -> %({prefix}{place})s::text"
    return f"({steps})"


# OFFSET 0 keeps the planner from joining what it takes to be few: per event it is one look-up.
_SELECT: Final = """
    SELECT * FROM (
        SELECT e.id, e.customer_id, e.subject, e.occurred_at,
               e.source || E'\\n' || e.external_id AS key,
               VALUE AS value, COUNTED AS counted LABELS
        FROM {events} e
        WHERE e.book_id = %(book)s AND e.type = %(type)s
          AND EXISTS (SELECT FROM billing_accrual a
                      WHERE a.id = ANY(e.accrual_ids) AND a.meter_id = %(meter)s OFFSET 0)
          AND NOT EXISTS (SELECT FROM billing_correction c WHERE c.event_id = e.id OFFSET 0)
        OFFSET 0) reading
    WHERE abs(value) < 1e26 AND counted IS NOT NULL
"""
