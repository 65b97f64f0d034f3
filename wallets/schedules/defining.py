"""Say which credit comes again and again: create a schedule, end it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from ledger import durations, inputs
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.money import ZERO, exact
from wallets import issuing
from wallets.models import CreditGrant, GrantSchedule, Wallet

Funding = CreditGrant.Funding


def create(
    *,
    wallet: Wallet,
    key: str,
    amount: Decimal,
    cadence: str,
    starts_at: datetime,
    at: datetime,
    anchor: datetime | None = None,
    time_zone: str = "",
    ends_at: datetime | None = None,
    funding: str = Funding.PAID,
    priority: int = 100,
    feature_keys: Collection[str] = (),
    cost_basis: Decimal | None = None,
    lifetime: str = "",
    rollover_minimum: Decimal = ZERO,
    rollover_maximum: Decimal = ZERO,
    name: str = "",
    origin: str = "",
) -> GrantSchedule:
    """
    Have credit come to a wallet every ``cadence`` from ``starts_at`` on, once per wallet and key.

    Cycles are counted from ``anchor`` (``starts_at``) on the wall clock of ``time_zone`` (the
    book's). The first grant is due at ``starts_at`` and is whole, though its cycle may have begun
    before; none is due from ``ends_at`` on. A grant lapses when the next is due, or after
    ``lifetime``. Of what is left at a reset, at most ``rollover_maximum`` rolls over; if that is
    less than ``rollover_minimum``, the next grant is more by the difference. Creating the same
    again changes nothing, whatever the name says. Nothing is issued before ``issue`` runs.

    Raises:
        InvalidInputError: no cadence of an hour or more, amounts or times that do not fit, …
        PrecisionError: an amount is finer than the asset is kept.
        IdempotencyConflictError: the key already stands for another schedule.
    """
    wallet = Wallet.objects.select_related("asset", "customer__book").get(pk=wallet.pk)
    zone = inputs.time_zone("time_zone", time_zone or wallet.customer.book.time_zone)
    terms: dict[str, Any] = {
        "amount": amount,
        "funding": funding,
        "priority": priority,
        "feature_keys": sorted(set(feature_keys)),
        "cost_basis": cost_basis,
        "cadence": str(durations.parse("cadence", cadence)),
        "anchor": anchor or starts_at,
        "time_zone": zone.key,
        "lifetime": str(durations.parse("lifetime", lifetime)) if lifetime else "",
        "rollover_minimum": rollover_minimum,
        "rollover_maximum": rollover_maximum,
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    _check(terms, wallet)
    is_ever_due = ends_at is None or starts_at < ends_at
    schedule, _ = GrantSchedule.objects.get_or_create(
        wallet=wallet,
        key=inputs.key("key", key),
        defaults=terms
        | {
            "name": inputs.name("name", name, may_be_empty=True),
            "origin": origin,
            "due_at": starts_at if is_ever_due else None,
            "created_at": at,
        },
    )
    terms.pop("ends_at")  # it may have been ended since
    if any(getattr(schedule, field) != value for field, value in terms.items()):
        raise IdempotencyConflictError(key=key)
    return schedule


def end(*, schedule: GrantSchedule, ends_at: datetime) -> GrantSchedule:
    """
    Have no more grants come from ``ends_at`` on; what was issued stays. Again changes nothing.

    Raises:
        InvalidInputError: before it starts, or later than it ends already.
    """
    with transaction.atomic():
        schedule = GrantSchedule.objects.select_for_update(no_key=True).get(pk=schedule.pk)
        latest = schedule.ends_at
        if ends_at < schedule.starts_at or (latest is not None and ends_at > latest):
            remedy = "name an instant from its start on, not later than it ends already"
            raise InvalidInputError(field="ends_at", value=ends_at.isoformat(), remedy=remedy)
        schedule.ends_at = ends_at
        if schedule.due_at is not None and schedule.due_at >= ends_at:
            schedule.due_at = None
        schedule.save(update_fields=["ends_at", "due_at"])
    return schedule


def _check(terms: dict[str, Any], wallet: Wallet) -> None:
    scale = wallet.asset.scale
    issuing.check(
        scale=scale,
        **{name: terms[name] for name in ("amount", "funding", "priority", "cost_basis")},
    )
    least, most = terms["rollover_minimum"], terms["rollover_maximum"]
    if exact(least, scale) < 0 or exact(most, scale) < least:
        remedy = "name a minimum from zero on and a maximum that is not less"
        raise _refused("rollover_maximum", most, remedy)
    if most and terms["lifetime"]:
        raise _refused("lifetime", terms["lifetime"], "leave it out: the rest rolls over instead")
    ends_at = terms["ends_at"]
    if ends_at is not None and ends_at < terms["starts_at"]:
        raise _refused("ends_at", ends_at.isoformat(), "let it end after it starts")
    for field in ("cadence", "lifetime"):
        if terms[field]:
            durations.check_shortest(field, durations.parse(field, terms[field]))


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)
