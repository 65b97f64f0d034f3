"""Entering a contract, and the steps of its term."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from billing.charging import rebates as volume
from billing.models import Contract, Feature
from ledger import durations, inputs
from ledger.durations import Duration, later
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.models import Asset, Customer
from ledger.money import ONE, ZERO, exact
from ledger.periods import Period

_MOST_STEPS: Final = 240
_COMPARED: Final = (
    "customer_id",
    "name",
    "asset_id",
    "feature_keys",
    "starts_at",
    "ramp",
    "time_zone",
    "amounts",
    "overage_multiplier",
    "shortfall",
    "rebates",
)


class Rung(NamedTuple):
    """One step of a term, and the least that is to be spent in it."""

    place: int  # from 0
    period: Period
    committed: Decimal


def create(
    *,
    customer: Customer,
    asset: Asset,
    key: str,
    starts_at: datetime,
    ramp: str,
    amounts: Sequence[Decimal],
    at: datetime,
    name: str = "",
    feature_keys: Collection[str] = (),
    overage_multiplier: Decimal | None = None,
    shortfall: str = Contract.Shortfall.CHARGE,
    rebates: Mapping[str, Any] | None = None,
    time_zone: str = "",
    cause: str = "",
) -> Contract:
    """
    Enter a commitment, once per book and key: one amount for each step of the term.

    The term is as many steps as there are amounts, each ``ramp`` long, counted from ``starts_at``
    on the wall clock of ``time_zone`` (the book's unless given). What a step lacks is charged when
    it ends, or with ``roll_over`` added to the next one. ``rebates`` says what comes back at the
    end of the term: a basis (volume or graduated) and tiers of what was spent.

    Raises:
        InvalidInputError: no amounts or more than 240, one below zero or finer than is kept, a
            ramp that is no duration, an unknown feature or time zone, a unit's asset, a
            multiplier below one, an unknown policy, tiers that do not rise.
        IdempotencyConflictError: the key stands for another contract.
    """
    length = durations.parse("ramp", ramp)
    zone = inputs.time_zone("time_zone", time_zone or customer.book.time_zone)
    agreed = volume.parse(rebates)
    wanted = Contract(
        book_id=customer.book_id,
        customer=customer,
        key=inputs.key("key", key, longest=255),
        name=inputs.name("name", name, longest=256, may_be_empty=True),
        asset=_priced(asset),
        feature_keys=_features(customer, feature_keys),
        starts_at=starts_at,
        ends_at=later(starts_at, length, zone, steps=_count(amounts)),
        ramp=str(length),
        time_zone=zone.key,
        amounts=[_amount(place, amount, asset) for place, amount in enumerate(amounts)],
        overage_multiplier=_multiplier(overage_multiplier),
        shortfall=inputs.choice("shortfall", shortfall, Contract.Shortfall.values),
        rebates=agreed.document() if agreed else None,
        due_at=later(starts_at, length, zone),
        cause=inputs.name("cause", cause, longest=1000, may_be_empty=True),
        created_at=at,
    )
    columns = {
        field.attname: getattr(wanted, field.attname)
        for field in Contract._meta.concrete_fields  # noqa: SLF001 - Django's own way to ask
        if not field.primary_key and field.name not in {"book", "key"}
    }
    found, is_new = Contract.objects.get_or_create(
        book_id=wanted.book_id, key=wanted.key, defaults=columns
    )
    if not is_new and any(getattr(found, n) != getattr(wanted, n) for n in _COMPARED):
        raise IdempotencyConflictError(key=key)
    return found


def rungs(contract: Contract) -> list[Rung]:
    """Return the steps of a contract's term, in order."""
    length: Duration = durations.parse("ramp", contract.ramp)
    zone = ZoneInfo(contract.time_zone)
    return [
        Rung(
            place,
            Period(
                later(contract.starts_at, length, zone, steps=place),
                later(contract.starts_at, length, zone, steps=place + 1),
            ),
            amount,
        )
        for place, amount in enumerate(contract.amounts)
    ]


def _count(amounts: Sequence[Decimal]) -> int:
    if not 1 <= len(amounts) <= _MOST_STEPS:
        remedy = f"name 1 to {_MOST_STEPS} amounts, one for each step of the term"
        raise InvalidInputError(field="amounts", value=len(amounts), remedy=remedy)
    return len(amounts)


def _amount(place: int, amount: Decimal, asset: Asset) -> Decimal:
    if not amount >= ZERO:
        remedy = "commit to nothing or more"
        raise InvalidInputError(field=f"amounts.{place}", value=str(amount), remedy=remedy)
    return exact(amount, asset.scale)


def _multiplier(multiplier: Decimal | None) -> Decimal | None:
    if multiplier is not None and not multiplier >= ONE:
        remedy = "use 1 or more: 1.2 adds a fifth to what is spent beyond the commitment"
        raise InvalidInputError(field="overage_multiplier", value=str(multiplier), remedy=remedy)
    return multiplier if multiplier is None else exact(multiplier, 6)


def _priced(asset: Asset) -> Asset:
    if asset.kind == Asset.Kind.UNIT:
        remedy = "name a currency or a credit: that is what usage is priced in"
        raise InvalidInputError(field="asset", value=asset.code, remedy=remedy)
    return asset


def _features(customer: Customer, keys: Collection[str]) -> list[str]:
    wanted = sorted(set(keys))
    features = Feature.objects.filter(book=customer.book_id, key__in=wanted)
    unknown = set(wanted) - set(features.values_list("key", flat=True))
    if unknown:
        remedy = "name features of the catalogue, or none for all usage"
        raise InvalidInputError(field="feature_keys", value=min(unknown), remedy=remedy)
    return wanted
