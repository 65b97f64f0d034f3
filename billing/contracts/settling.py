"""
The end of a step: what is missing to the commitment, and what was spent beyond it.

The end of the last step is the end of the term: then what was agreed for volume comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from billing.charging.agreement import TICK
from billing.charging.posting import post
from billing.charging.reading import exponent_of
from billing.charging.settling import Step
from billing.charging.slips import Line, Owner, Slip
from billing.contracts import rebating, rolling
from billing.contracts.rolling import Standing
from billing.contracts.signing import Rung, rungs
from billing.metering.snapshot import Snapshot
from billing.models import Charge, Contract
from ledger.models import Customer
from ledger.money import ONE, ZERO, multiply, round_half_away, subtract, text


def settle(
    *, contract: Contract, until: datetime, catalogue: Snapshot, wait: bool = True
) -> Step | None:
    """
    Charge what the contract's next step to end lacks or exceeds, if it has ended by ``until``.

    Again, after late usage, it posts the difference. None: nothing is due, or with ``wait``
    false somebody else is at it.
    """
    with transaction.atomic():
        locked = _lock(contract, wait=wait)
        if locked is None or locked.due_at is None or locked.due_at > until:
            return None
        instant, steps, slip = locked.due_at, rungs(locked), Slip()
        owner = _owner(locked, catalogue)
        for rung in steps:
            if rung.period.ends_at == instant:
                slip.lines += _lines(locked, rolling.standing_of(locked, rung))
        if instant == locked.ends_at:
            back = rebating.line(locked, is_credit_only=owner.terms.is_credit_only)
            slip.lines += [back] if back else []
        post(owner=owner, slip=slip, at=until)
        following = min(
            (r.period.ends_at for r in steps if r.period.ends_at > instant), default=None
        )
        locked.due_at = following
        locked.settled_at = max(locked.settled_at or instant, instant)
        locked.postings += bool(slip)
        locked.save(update_fields=["due_at", "settled_at", "postings"])
        return Step(instant, len(slip.lines), following)


def surcharge(contract: Contract, beyond: Decimal) -> Decimal:
    """Return what spending beyond the commitment costs on top of its price."""
    multiplier = contract.overage_multiplier
    if multiplier is None or beyond <= ZERO:
        return ZERO
    exact = multiply(beyond, subtract(multiplier, ONE))
    return round_half_away(exact, exponent_of(contract.asset))


def _lock(contract: Contract, *, wait: bool) -> Contract | None:
    owners = Customer.objects.select_for_update(no_key=True, skip_locked=not wait)
    if not owners.filter(pk=contract.customer_id).exists():
        return None
    rows = Contract.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("book", "asset").get(pk=contract.pk)


def _owner(contract: Contract, catalogue: Snapshot) -> Owner:
    return Owner(
        catalogue=catalogue,
        customer_id=contract.customer_id,
        asset_id=contract.asset_id,
        terms=catalogue.terms_of([contract.customer_id])[contract.customer_id],
        key=f"contract:{contract.pk}:{contract.postings}",
    )


def _lines(contract: Contract, step: Standing) -> Iterator[Line]:
    rung = step.rung
    wanted = {
        Charge.Kind.TRUE_UP: step.true_up,
        Charge.Kind.OVERAGE: surcharge(contract, step.beyond),
    }
    known = {
        row.kind: row
        for row in Charge.objects.filter(
            contract=contract, starts_at=rung.period.starts_at, kind__in=wanted
        )
    }
    for kind, amount in wanted.items():
        charge = known.get(kind) or _charge(contract, rung, kind)
        if change := subtract(amount, charge.posted):
            yield Line(
                charge=charge,
                amount=change,
                effective_at=rung.period.ends_at - TICK,
                label="",
                explanation={"committed": text(step.committed), "drawn": text(step.drawn)}
                | ({"rolled_in": text(step.rolled_in)} if step.rolled_in else {}),
            )


def _charge(contract: Contract, rung: Rung, kind: Charge.Kind) -> Charge:
    what = "True-up" if kind == Charge.Kind.TRUE_UP else "Overage"
    return Charge(
        book_id=contract.book_id,
        customer_id=contract.customer_id,
        key=f"{kind}:{contract.pk}:{rung.place}",
        kind=kind,
        contract=contract,
        asset_id=contract.asset_id,
        name=f"{what} of {contract.name or contract.key}",
        starts_at=rung.period.starts_at,
        ends_at=rung.period.ends_at,
        due_at=rung.period.ends_at,
        posted=ZERO,
        earned=ZERO,
        updated_at=rung.period.ends_at,
    )
