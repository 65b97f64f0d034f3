"""
Taking the published prices into the price book, as often as one likes.

Prices are dated and never rewritten: what changes from one release to the next without a date of
its own holds from the refresh on, and what is announced for a date from that date on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection, transaction

from billing.costs import published, tokens
from billing.costs.published import Model, Price
from billing.models import CostPrice

_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """How many models a refresh met, by what became of their prices."""

    release: str
    added: int
    changed: int
    unchanged: int


class _Step(NamedTuple):
    """A price in a model's timeline, with the row that holds it, if there is one."""

    starts_at: datetime
    price: Price | None
    row: CostPrice | None


@dataclass(slots=True)
class _Changes:
    made: list[CostPrice] = field(default_factory=list)
    ended: list[CostPrice] = field(default_factory=list)  # or going on for longer
    withdrawn: list[CostPrice] = field(default_factory=list)


def refresh(
    *,
    at: datetime,
    models: Iterable[Model] | None = None,
    release: str = "",
    advance: Callable[[int], None] = lambda _models: None,
) -> Refreshed:
    """
    Bring the price book to the installed price list; again changes nothing.

    A model that is new is taken with its whole past. Of one that is known, the prices that
    have held stay as they were: a change holds from its own date, or from ``at``. A model that has
    left the list keeps its prices. ``advance`` is told how many models have been compared.
    """
    release = release or published.release()
    counts = {"added": 0, "changed": 0, "unchanged": 0}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('billing_costs'), 0)")
        stored, changes = _stored(), _Changes()
        for model in published.models() if models is None else models:
            known = stored.get((model.provider, model.model), [])
            steps = _timeline(known, model.prices, at)
            did_change = _compare(steps, known, changes, model, release, at)
            counts["unchanged" if not did_change else "changed" if known else "added"] += 1
            advance(1)
        _write(changes, at)
    return Refreshed(release=release, **counts)


def _stored() -> dict[tuple[str, str], list[CostPrice]]:
    rows = CostPrice.objects.filter(book=None, removed_at=None).order_by("effective_from")
    found: dict[tuple[str, str], list[CostPrice]] = {}
    for row in rows:
        found.setdefault((row.provider, row.model), []).append(row)
    return found


def _timeline(known: Sequence[CostPrice], listed: Sequence[Price], at: datetime) -> list[_Step]:
    """Return the prices that a model is to have: its past, what holds at ``at``, its future."""
    past = [_Step(row.effective_from, None, row) for row in known if row.effective_from <= at]
    last = past[-1].starts_at if past else None
    past += [
        _Step(price.starts_at, price, None)
        for price in listed
        if price.starts_at <= at and (last is None or price.starts_at > last)
    ]
    now = [price for price in listed if price.starts_at <= at][-1:]
    if now and past and not _says(past[-1], now[0]):
        past = [step for step in past if step.starts_at < at]
        past.append(_Step(at, now[0], None))
    ahead = {row.effective_from: row for row in known if row.effective_from > at}
    future = [
        _Step(price.starts_at, price, row if row and _same(row, price) else None)
        for price in listed
        if price.starts_at > at
        for row in [ahead.get(price.starts_at)]
    ]
    return past + future


def _says(step: _Step, price: Price) -> bool:
    return step.price is price or (step.row is not None and _same(step.row, price))


def _same(row: CostPrice, price: Price) -> bool:
    return all(kept == price.prices.get(kind) for kind, kept in tokens.of_row(row))


def _compare(
    steps: Sequence[_Step],
    known: Sequence[CostPrice],
    changes: _Changes,
    model: Model,
    release: str,
    at: datetime,
) -> bool:
    """Note what makes the rows of a model its timeline; return whether anything does."""
    kept = {step.row.pk for step in steps if step.row is not None}
    withdrawn = [row for row in known if row.pk not in kept]
    changes.withdrawn += withdrawn
    did_change = bool(withdrawn)
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        ends_at = following.starts_at if following else None
        if step.row is None:
            assert step.price is not None, "a step without a row has a price"
            changes.made.append(_row(model, step.price, step.starts_at, ends_at, release, at))
        elif step.row.effective_to != ends_at:
            step.row.effective_to = ends_at
            changes.ended.append(step.row)
        else:
            continue
        did_change = True
    return did_change


def _row(
    model: Model,
    price: Price,
    starts_at: datetime,
    ends_at: datetime | None,
    release: str,
    at: datetime,
) -> CostPrice:
    row = CostPrice(
        provider=model.provider,
        provider_name=model.provider_name,
        model=model.model,
        model_name=model.model_name,
        currency=published.CURRENCY,
        source=CostPrice.Source.SYSTEM,
        release=release,
        note=price.note,
        effective_from=starts_at,
        effective_to=ends_at,
        created_at=at,
    )
    for kind, column in tokens.COLUMNS.items():
        setattr(row, column, price.prices.get(kind))
    return row


def _write(changes: _Changes, at: datetime) -> None:
    """Withdraw first: of one date there is one price."""
    if changes.withdrawn:
        withdrawn = [row.pk for row in changes.withdrawn]
        CostPrice.objects.filter(pk__in=withdrawn).update(removed_at=at)
    if changes.ended:
        CostPrice.objects.bulk_update(changes.ended, ["effective_to"], batch_size=_AT_A_TIME)
    if changes.made:
        CostPrice.objects.bulk_create(changes.made, batch_size=_AT_A_TIME)
