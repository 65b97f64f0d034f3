"""What the meters read from an event (pure but for the compiled catalogue it is given)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing.metering import paths
from billing.metering.aggregations import UNIQUE_COUNT
from billing.metering.compiling import CompiledMeter
from billing.metering.facts import Fact
from billing.rating.filters import Labels
from ledger.errors import InvalidInputError
from ledger.money import ONE, ZERO


class Measure(NamedTuple):
    """One meter's reading of one event."""

    meter: CompiledMeter
    value: Decimal
    text: str | None  # what a unique count compares
    labels: Labels


class Measured(NamedTuple):
    """An event with what the meters read from it."""

    fact: Fact
    key: str
    content: int
    occurred_at: datetime
    measures: list[Measure]


def measure(data: dict[str, object], meters: Iterable[CompiledMeter]) -> list[Measure]:
    """
    Read every meter's value and dimensions from an event's data.

    Raises:
        InvalidValueError: a meter cannot read it; nothing of the event is counted then.
    """
    measures = []
    for meter in meters:
        try:
            measures.append(_read(data, meter))
        except paths.InvalidValueError as error:
            raise _named(error, meter) from None
    return measures


def _read(data: dict[str, object], meter: CompiledMeter) -> Measure:
    extract, label = paths.extract, paths.label
    labels = tuple([label(extract(data, path)) for path in meter.dimension_paths])
    if meter.value_path is None:
        return Measure(meter, ONE, None, labels)
    found = extract(data, meter.value_path)
    if meter.aggregation != UNIQUE_COUNT:
        return Measure(meter, paths.number(found, meter.scale), None, labels)
    text = label(found)
    if text is None:
        raise paths.InvalidValueError(
            reason="missing", value=None, remedy="send a value at this path"
        )
    return Measure(meter, ZERO, text, labels)


def _named(error: paths.InvalidValueError, meter: CompiledMeter) -> InvalidInputError:
    path = ".".join(meter.value_path or ())
    return InvalidInputError(
        field=f"data.{path}" if path else "data",
        value=error.value,
        remedy=f"{error.remedy} (meter {meter.key})",
        reason=error.reason,
    )
