"""
Features: what is sold, as a meter counts it where filters fit, and what a unit of it costs us.

What a feature is about never changes, for prices and entitlements were agreed on it: make another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from billing.models import Feature, Meter
from billing.plans.reading import LONGEST_NAME, exact
from billing.rating import filters as conditions
from billing.rating.problems import Problem
from billing.rating.reading import Object, Reader
from ledger import inputs
from ledger.errors import InvalidInputError
from ledger.integrity import taken
from ledger.metadata import canonical
from ledger.models import Book

_LONGEST_TEXT: Final = 1024
_LONGEST: Final = 200
_LOOKED_UP: Final = ("provider", "model", "token_type")
TOKEN_TYPES: Final = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "request",
    "response",
)
_LLM: Final = frozenset({"type", *_LOOKED_UP, *(f"{name}_property" for name in _LOOKED_UP)})


class InvalidFeatureError(InvalidInputError):
    """
    A feature's filters or cost break a rule.

    ``problems`` has all of them; the error itself names the first.
    """

    code = "invalid_feature"

    def __init__(self, *, problems: Sequence[Problem], **_facts: object) -> None:
        first = problems[0]
        value = first.attributes.get("value", "")
        super().__init__(
            field=first.field, value=value, remedy=first.message, problems=tuple(problems)
        )
        self.problems = tuple(problems)


def create(
    *,
    book: Book,
    key: str,
    name: str,
    at: datetime,
    meter: Meter | None = None,
    filters: Mapping[str, Any] | None = None,
    unit_cost: Mapping[str, Any] | None = None,
    description: str = "",
    metadata: Mapping[str, object] | None = None,
) -> Feature:
    """
    Define something to sell.

    ``filters`` says which of the meter's usage it is about. ``unit_cost`` is manual, an amount in
    the book's base currency, or llm: looked up by provider, model and token type, each a constant
    or a dimension of the meter.

    Raises:
        InvalidInputError: a malformed key or name, another book's or an archived meter.
        InvalidFeatureError: filters or a cost that cannot be, with all that is wrong.
        AlreadyExistsError: the book has a feature with that key.
    """
    _check_meter(book, meter, filters)
    found = [] if not filters or meter is None else _filter_problems(filters, meter)
    cost = _plain(unit_cost)
    found += _cost_problems(cost, meter)
    if found:
        raise InvalidFeatureError(problems=found)
    feature = Feature(
        book=book,
        key=inputs.slug("key", key),
        name=inputs.name("name", name, longest=LONGEST_NAME),
        description=_text("description", description),
        meter=meter,
        filters=dict(filters or {}),
        unit_cost=cost,
        metadata=_json(metadata or {}),
        created_at=at,
    )
    with transaction.atomic(), taken(feature=key):
        feature.save(force_insert=True)
    return feature


def update(
    *,
    feature: Feature,
    name: str | None = None,
    description: str | None = None,
    unit_cost: Mapping[str, Any] | None = None,
    metadata: Mapping[str, object] | None = None,
    removes_cost: bool = False,
) -> Feature:
    """
    Change what may change: the names for people, metadata, and the cost from now on.

    What is None stays; ``removes_cost`` takes the cost away.

    Raises:
        InvalidInputError, InvalidFeatureError: as ``create``.
    """
    if name is not None:
        feature.name = inputs.name("name", name, longest=LONGEST_NAME)
    if description is not None:
        feature.description = _text("description", description)
    if metadata is not None:
        feature.metadata = _json(metadata)
    if unit_cost is not None or removes_cost:
        cost = None if removes_cost else _plain(unit_cost)
        if found := _cost_problems(cost, feature.meter):
            raise InvalidFeatureError(problems=found)
        feature.unit_cost = cost
    feature.save(update_fields=["name", "description", "metadata", "unit_cost"])
    return feature


def archive(*, feature: Feature, at: datetime) -> Feature:
    """
    Stop offering a feature: no plan with it can be published from now on.

    Subscriptions to it go on. Again changes nothing.
    """
    Feature.objects.filter(pk=feature.pk, archived_at=None).update(archived_at=at)
    feature.refresh_from_db()
    return feature


def _check_meter(book: Book, meter: Meter | None, filters: object) -> None:
    if meter is None:
        if filters:
            remedy = "name the meter whose usage they filter"
            raise InvalidInputError(field="filters", value=filters, remedy=remedy)
        return
    if meter.book_id != book.pk:
        remedy = "name a meter of the feature's book"
        raise InvalidInputError(field="meter", value=meter.key, remedy=remedy)
    if meter.archived_at is not None:
        remedy = "it is archived and counts nothing: name another"
        raise InvalidInputError(field="meter", value=meter.key, remedy=remedy)


def _filter_problems(filters: Mapping[str, Any], meter: Meter) -> list[Problem]:
    return conditions.problems(_json(filters, "filters"), dimensions=meter.dimensions)


def _cost_problems(cost: Any, meter: Meter | None) -> list[Problem]:
    if cost is None:
        return []
    reader = Reader()
    if not isinstance(cost, Mapping):
        reader.fields(cost, "unit_cost", frozenset())
        return reader.problems
    kind = reader.choice(cost, "type", "unit_cost", ["manual", "llm"])
    if meter is None:
        message = "Only what a meter counts has a cost per unit: name a meter, or no cost."
        reader.refuse("meter_required", "unit_cost", message)
    elif kind == "manual":
        reader.fields(cost, "unit_cost", frozenset({"type", "amount"}))
        reader.number(cost, "amount", "unit_cost")
    elif kind == "llm":
        reader.fields(cost, "unit_cost", _LLM)
        for name in _LOOKED_UP:
            _check_looked_up(reader, cost, name, meter.dimensions)
    return reader.problems


def _check_looked_up(
    reader: Reader, cost: Object, name: str, dimensions: Mapping[str, str]
) -> None:
    constant, property_ = cost.get(name), cost.get(f"{name}_property")
    if (constant is None) == (property_ is None):
        message = f"Name either a constant ({name}) or a dimension of the meter ({name}_property)."
        reader.refuse("one_of_two", f"unit_cost.{name}", message)
    elif property_ is not None and property_ not in list(dimensions):
        shown = ", ".join(dimensions) or "none"
        message = f"The meter has no such dimension; it has {shown}."
        path = f"unit_cost.{name}_property"
        reader.refuse("unknown_dimension", path, message, value=property_)
    elif constant is not None and name == "token_type":
        reader.choice(cost, name, "unit_cost", TOKEN_TYPES)
    elif constant is not None and not reader.text(cost, name, "unit_cost", _LONGEST):
        reader.refuse("required", f"unit_cost.{name}", "Give it some text.")


def _plain(unit_cost: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if unit_cost is None else _json(exact(unit_cost), "unit_cost")


def _json(given: Any, field: str = "metadata") -> dict[str, Any]:
    """Return JSON as the database will give it back."""
    try:
        return json.loads(canonical({"": given}))[""]  # type: ignore[no-any-return]
    except InvalidInputError as error:
        raise InvalidInputError(field=field, value=error.value, remedy=error.remedy) from None


def _text(field: str, given: str) -> str:
    return inputs.name(field, given, longest=_LONGEST_TEXT, may_be_empty=True)
