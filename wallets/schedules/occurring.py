"""Issue what is due of credit that recurs, set-based; roll over what is left of the one before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Min

from ledger import bulk, durations
from ledger.money import ZERO, add, subtract
from ledger.moves import Move, Posting
from wallets import funding, issuing, overdraft
from wallets.holds import parts
from wallets.models import CreditGrant, GrantSchedule

_CHUNK: Final = 1000


def next_due(*, customer_id: int) -> datetime | None:
    """Return when a customer's next grant is due."""
    return all_next_due(customer_ids=[customer_id]).get(customer_id)


def all_next_due(*, customer_ids: Collection[int]) -> dict[int, datetime]:
    """Return when customers' next grants are due, of those who have any. One query."""
    mine = GrantSchedule.objects.filter(wallet__customer__in=customer_ids, due_at__isnull=False)
    found = mine.values("wallet__customer").annotate(next=Min("due_at")).order_by()
    return dict(found.values_list("wallet__customer", "next"))


def issue(*, at: datetime, customer_id: int | None = None, limit: int | None = None) -> int:
    """
    Issue what is due by ``at``, for one customer or all that live by the real time; say how many.

    Occurrences of a schedule come one after the other, so that each rolls over into the next.
    Safe to run twice, late or concurrently; each chunk is committed by itself.
    """
    done = 0
    while limit is None or done < limit:
        chunk = _CHUNK if limit is None else min(_CHUNK, limit - done)
        with transaction.atomic():
            due = [_occurrence(schedule) for schedule in _locked(at, customer_id, chunk)]
            if due:
                _issue(due, at)
        if not due:
            break
        done += len(due)
    return done


class _Occurrence(NamedTuple):
    """One grant of a schedule: when, and when the next is due."""

    schedule: GrantSchedule
    owner: issuing.Owner
    due_at: datetime
    expires_at: datetime
    next_at: datetime | None

    @property
    def key(self) -> str:
        return f"schedule:{self.schedule.pk}:{self.schedule.issued}"

    @property
    def key_before(self) -> str:
        return f"schedule:{self.schedule.pk}:{self.schedule.issued - 1}"

    @property
    def rolls_over(self) -> bool:
        return self.schedule.issued > 0 and self.schedule.rollover_maximum > 0

    def draft(self, shortfall: Decimal) -> issuing.Draft:
        schedule = self.schedule
        return issuing.Draft(
            owner=self.owner,
            key=self.key,
            amount=add(schedule.amount, shortfall),
            funding=schedule.funding,
            priority=schedule.priority,
            effective_at=self.due_at,
            expires_at=self.expires_at,
            feature_keys=schedule.feature_keys,
            cost_basis=schedule.cost_basis,
            name=schedule.name,
            reason="Less than the roll-over minimum was left." if shortfall else "",
        )


def _locked(at: datetime, customer_id: int | None, limit: int) -> list[GrantSchedule]:
    """Lock what is due, of one customer or of all who live by the real time."""
    due = GrantSchedule.objects.filter(due_at__lte=at)
    if customer_id is None:
        due = due.filter(wallet__customer__clock=None)
    else:
        due = due.filter(wallet__customer=customer_id)
    # What somebody else is issuing is left to them.
    due = due.select_for_update(no_key=True, skip_locked=True, of=("self",))
    return list(
        due.select_related("wallet__customer", "wallet__asset").order_by("due_at", "pk")[:limit]
    )


def _occurrence(schedule: GrantSchedule) -> _Occurrence:
    assert schedule.due_at is not None, "it was asked for by it"
    zone, due_at = ZoneInfo(schedule.time_zone), schedule.due_at
    cadence = durations.parse("cadence", schedule.cadence)
    next_at = expires_at = durations.cycle_of(due_at, schedule.anchor, cadence, zone).ends_at
    if schedule.lifetime:
        expires_at = durations.later(due_at, durations.parse("lifetime", schedule.lifetime), zone)
    is_last = schedule.ends_at is not None and next_at >= schedule.ends_at
    return _Occurrence(
        schedule=schedule,
        owner=issuing.owner_of(schedule.wallet),
        due_at=due_at,
        expires_at=expires_at,
        next_at=None if is_last else next_at,
    )


def _issue(due: Sequence[_Occurrence], at: datetime) -> None:
    fresh = _without_issued(due)
    before = _lots_before(fresh)
    payers = {one.owner.payer for one in fresh if not one.schedule.feature_keys}
    owing = overdraft.accounts_of(payers)
    lots = [lot.account_id for found in before.values() for lot in found]
    funds = parts.give_back_expired(bulk.lock([*owing.values(), *lots]), at=at)
    left = _Left.read(lots, funds)
    drafts: list[issuing.Draft] = []
    for one in fresh:
        rolled = left.roll_over(one, before.get(one.schedule.pk, ()))
        drafts += [one.draft(rolled.shortfall), *rolled.drafts]
    if left.reclaims:
        bulk.post(postings=left.reclaims)
    if drafts:
        issuing.issue(drafts, at=at, debts=overdraft.debts(owing, funds))
    _advance(due)


def _without_issued(due: Sequence[_Occurrence]) -> list[_Occurrence]:
    """Leave out occurrences that are there already: the schedule was restored, not its grants."""
    wallets = {one.owner.wallet_id for one in due}
    issued = CreditGrant.objects.filter(wallet__in=wallets, key__in=[one.key for one in due])
    there = set(issued.values_list("wallet_id", "key"))
    return [one for one in due if (one.owner.wallet_id, one.key) not in there]


def _lots_before(due: Iterable[_Occurrence]) -> dict[int, list[CreditGrant]]:
    """Return the lots that lapse now by schedule, what was rolled over before behind the rest."""
    rolling = {one.key_before: one for one in due if one.rolls_over}
    if not rolling:
        return {}
    grants = CreditGrant.objects.filter(
        wallet__in={one.owner.wallet_id for one in rolling.values()},
        expires_at__in={one.due_at for one in rolling.values()},
        key__startswith="schedule:",
        voided_at=None,
    )
    found: dict[int, list[CreditGrant]] = {}
    for grant in sorted(grants, key=lambda grant: (grant.key.count(":"), -grant.pk)):
        one = rolling.get(":".join(grant.key.split(":")[:3]))
        if one is not None and one.owner.wallet_id == grant.wallet_id:
            found.setdefault(one.schedule.pk, []).append(grant)
    return found


class _Rolled(NamedTuple):
    """What goes over from one occurrence to the next."""

    shortfall: Decimal  # what the next is more by, for less than the minimum was left
    drafts: list[issuing.Draft]


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left in lots that lapse; what a sweep has already expired of it is taken back."""

    funds: Mapping[int, bulk.Funds]
    lost: Mapping[int, funding.Lost]
    reclaims: list[Posting] = field(default_factory=list)

    @classmethod
    def read(cls, lots: Iterable[int], funds: Mapping[int, bulk.Funds]) -> _Left:
        return cls(funds, funding.lost_to_expiry(lots))

    def roll_over(self, one: _Occurrence, lots: Sequence[CreditGrant]) -> _Rolled:
        schedule, drafts = one.schedule, list[issuing.Draft]()
        if not one.rolls_over:
            return _Rolled(ZERO, drafts)
        total, room = ZERO, schedule.rollover_maximum
        for lot in lots:
            rest = self._rest(lot)
            total = add(total, rest)
            if part := min(rest, room):
                room = subtract(room, part)
                drafts.append(self._part(one, lot, part))
        return _Rolled(max(ZERO, subtract(schedule.rollover_minimum, total)), drafts)

    def _rest(self, lot: CreditGrant) -> Decimal:
        available = self.funds[lot.account_id].available or ZERO
        lost = self.lost.get(lot.account_id)
        return add(available, lost.amount) if lost else available

    def _part(self, one: _Occurrence, lot: CreditGrant, amount: Decimal) -> issuing.Draft:
        missing = subtract(amount, self.funds[lot.account_id].available or ZERO)
        if missing > ZERO:
            sink = self.lost[lot.account_id].sink_id
            self.reclaims.append(
                Posting(
                    book_id=one.owner.book_id,
                    kind="reclaim",
                    key=f"reclaim:{lot.pk}",
                    effective_at=one.due_at,
                    moves=[Move(sink, lot.account_id, missing, one.due_at, lot.pk)],
                )
            )
        part = issuing.part_of(
            lot,
            owner=one.owner,
            key=f"{one.key}:{lot.pk}",
            amount=amount,
            at=one.due_at,
            reason="Rolled over from the period before.",
        )
        # Usage from before the reset that arrives later finds it there.
        return replace(part, effective_at=lot.effective_at, expires_at=one.expires_at)


def _advance(due: Sequence[_Occurrence]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [[one.schedule.pk for one in due], [one.next_at for one in due]])


_ADVANCE: Final = """
    UPDATE wallets_grantschedule s SET issued = s.issued + 1, due_at = n.due_at
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (id, due_at)
    WHERE s.id = n.id
"""
