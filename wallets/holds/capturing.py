"""Capture: take what work has cost from what was set aside for it, once per key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from django.db import connection, transaction

from ledger import bulk, chart, holding
from ledger.chart import Spec
from ledger.errors import IdempotencyConflictError, InvalidInputError
from ledger.money import ZERO, add, exact, subtract, text
from ledger.moves import Move, Posting
from wallets import caps, watches
from wallets.burn_order import version_of
from wallets.burndown import Cap
from wallets.errors import CaptureExceedsHoldError, CreditExhaustedError, EventCapturedError
from wallets.holds import parts, standing
from wallets.holds.captures import Name
from wallets.holds.means import Means, Survey, survey, unbilled_accounts
from wallets.holds.orders import MAX_KEY, ON_ACCOUNT, Credit
from wallets.holds.parts import Held, Part
from wallets.models import Capture, Hold

MAX_EVENTS: Final = 1000

# Says what has been paid already for those of these usage events that have come.
Arrived = Callable[[Collection[Name]], Mapping[Name, Decimal]]
# Is told of a capture in its transaction, under its locks; not again when it is sent again.
Recorded = Callable[[Hold, Capture], None]


class Beyond(StrEnum):
    """What becomes of an amount that is more than was set aside."""

    REJECT = "reject"
    ALLOW_IF_AVAILABLE = "allow_if_available"
    OVERDRAFT = "overdraft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a caller takes from a hold."""

    key: str
    amount: Decimal
    events: Sequence[Name] = ()  # the usage that it pays for
    beyond: str = Beyond.REJECT
    is_final: bool = True  # gives back the rest, and ends the hold
    credit: Credit = ON_ACCOUNT  # what may be taken beyond what was set aside

    def check(self) -> None:
        """
        Hold a claim to the rules that need no database.

        Raises:
            InvalidInputError: a negative amount, an unusable key, an unknown policy, an event named
                twice, or too many of them.
            PrecisionError: the amount is finer than the ledger keeps.
        """
        if exact(self.amount) < ZERO:
            raise _refused("amount", self.amount, "capture zero or more")
        if not self.key or "\0" in self.key or len(self.key) > MAX_KEY:
            raise _refused("key", self.key, f"choose a key of 1 to {MAX_KEY} characters")
        if self.beyond not in set(Beyond):
            raise _refused("beyond", self.beyond, f"use one of {', '.join(Beyond)}")
        if len(self.events) > MAX_EVENTS:
            raise _refused("events", len(self.events), f"name at most {MAX_EVENTS}")
        if len(set(self.events)) < len(self.events):
            raise _refused("events", len(self.events), "name each event once")
        for name in self.events:
            if not all(name) or "\0" in "".join(name):
                raise _refused("events", name, "name each event by its source and id")


def nothing_arrived(_: Collection[Name]) -> Mapping[Name, Decimal]:
    """Say that none of the events has come."""
    return {}


def tell_nobody(_: Hold, __: Capture) -> None:
    """Do nothing more about a capture."""


def capture(
    *,
    hold: Hold,
    claim: Claim,
    at: datetime,
    arrived: Arrived = nothing_arrived,
    recorded: Recorded = tell_nobody,
) -> Capture:
    """
    Take an amount from what a hold sets aside, and post it; by default the rest is given back.

    Without ``events`` it is revenue at once. With them it waits on the customer's account
    ``captured`` for that usage, which is then paid from it and not again; ``arrived`` says what
    has been paid already for events that came first: so much less is taken, and nothing if all
    came. What is more than was set aside is refused, taken if it is available, or taken in any
    case, the uncovered part as an overdraft. The same claim under the same key changes nothing.

    Raises:
        InvalidInputError, PrecisionError: see ``Claim.check``.
        HoldClosedError: the hold is over.
        CaptureExceedsHoldError: more is asked than was set aside, and that is to be refused.
        CreditExhaustedError: more is asked than was set aside, and there is not that much.
        EventCapturedError: another capture pays for an event.
        IdempotencyConflictError: the key already stands for another claim.
    """
    claim.check()
    with transaction.atomic():
        hold = standing.lock(hold)
        first = Capture.objects.filter(book=hold.book_id, key=claim.key).first()
        if first is not None:
            if not _is_same(first, hold, claim):
                raise IdempotencyConflictError(key=claim.key)
            return first
        standing.check(hold, at)
        made = _capture(hold, claim, at, arrived)
        recorded(hold, made)
    return made


def _is_same(first: Capture, hold: Hold, claim: Claim) -> bool:
    """Say whether a claim is what was captured under its key, and pays for no other usage."""
    if (first.hold_id, first.amount) != (hold.pk, claim.amount):
        return False
    if not claim.events:
        return True
    with connection.cursor() as cursor:
        cursor.execute(_PAID_BY, [*map(list, zip(*claim.events, strict=True)), first.book_id])
        return [row[0] for row in cursor.fetchall()] == [first.pk] * len(claim.events)


@dataclass(slots=True, kw_only=True)
class _Taken:
    """What a capture takes, and what of it was not set aside."""

    parts: list[Part]
    paid: Mapping[Name, Decimal]  # for events that came first
    due: Decimal
    missing: Decimal

    def waits(self, claim: Claim) -> bool:
        """Say whether something of it is there for events that have not come."""
        return bool(self.due) and len(self.paid) < len(claim.events)


def _capture(hold: Hold, claim: Claim, at: datetime, arrived: Arrived) -> Capture:
    whose = (hold.customer_id, hold.asset_id)
    book_id, is_beyond = hold.book_id, claim.amount > standing.remaining(hold)
    surveyed = (
        survey(book_id=book_id, wanted={whose: claim.credit}, since=at, until=at)
        if is_beyond
        else None
    )
    unbilled = unbilled_accounts(book_id, [whose], at=at)[whose]
    target = _target(hold, claim, at)
    others = {unbilled, *(surveyed.accounts if surveyed else ())}
    spread, funds = standing.lock_parts(hold, others)
    taken = _take(claim, spread, arrived(claim.events) if claim.events else {})
    changes = parts.reduce(_left(claim, spread, taken))
    if taken.missing:
        assert surveyed is not None, "more is asked than the hold has"
        funds = holding.held_with(funds, _with(changes, taken.parts))
        surveyed.fill(parts.give_back_expired(funds, at=at))
    shares = _shares(hold, spread, taken, surveyed, at)
    if taken.missing and surveyed is not None:
        surveyed.means[whose].caps = shares
        beyond = _beyond(surveyed.means[whose], taken.missing, hold, claim, at)
        watches.touch([account_id for account_id, _ in beyond])
        taken.parts += beyond
    if shares:
        caps.count(shares.values())
    transaction_id = _post(hold, claim, taken, target, at)
    _note(hold, claim, taken, at)
    return _record(hold, claim, taken, target, transaction_id, at)


def _take(claim: Claim, spread: Sequence[Held], paid: Mapping[Name, Decimal]) -> _Taken:
    due = claim.amount
    for amount in paid.values():
        due = max(subtract(due, amount), ZERO)
    if claim.events and len(paid) == len(claim.events):
        due = ZERO  # all of it has been paid, whatever it was thought to cost
    taken, missing = list[Part](), due
    for part in spread:
        if amount := min(part.amount, missing):
            taken.append((part.account_id, amount))
            missing = subtract(missing, amount)
    return _Taken(parts=taken, paid=paid, due=due, missing=missing)


def _left(claim: Claim, spread: Iterable[Held], taken: _Taken) -> Iterable[tuple[Held, Decimal]]:
    """Yield what stays set aside on each account: nothing, if that was all."""
    used = dict(taken.parts)
    for part in spread:
        rest = subtract(part.amount, used.get(part.account_id, ZERO))
        yield part, ZERO if claim.is_final else rest


def _shares(
    hold: Hold, spread: Iterable[Held], taken: _Taken, surveyed: Survey | None, at: datetime
) -> Mapping[int, Cap]:
    """Return the shares of others' wallets; what was set aside of them counts as used."""
    wallets = {part.account_id: part.wallet_id for part in spread if part.wallet_id}
    if not wallets and (surveyed is None or not surveyed.candidates.has_shares):
        return {}
    found = caps.caps_of([hold.customer_id], since=at, until=at).get(hold.customer_id, {})
    for account_id, amount in taken.parts:
        if (cap := found.get(wallets.get(account_id, 0))) is not None:
            cap.take(amount, at)
    return found


def _with(changes: Mapping[int, Decimal], taken: Iterable[Part]) -> Mapping[int, Decimal]:
    """Return changes as if what is taken were held still: nothing else may have it."""
    kept = dict(changes)
    for account_id, amount in taken:
        kept[account_id] = add(kept[account_id], amount)
    return kept


def _beyond(means: Means, missing: Decimal, hold: Hold, claim: Claim, at: datetime) -> list[Part]:
    asked = text(claim.amount)
    if claim.beyond == Beyond.REJECT:
        held = text(standing.remaining(hold))
        raise CaptureExceedsHoldError(hold=hold.key, asked=asked, held=held)
    available = means.available(at, hold.feature_key)
    is_short = available is not None and available < missing
    if is_short and claim.beyond == Beyond.ALLOW_IF_AVAILABLE:
        raise CreditExhaustedError(hold=hold.key, asked=asked, available=text(available or ZERO))
    found, uncovered = means.take(missing, at, hold.feature_key)
    if uncovered:
        debt = Spec(hold.book_id, hold.customer_id, "overdraft", hold.asset_id)
        found.append((chart.accounts([debt], at=at)[debt], uncovered))
    return found


def _target(hold: Hold, claim: Claim, at: datetime) -> int:
    """Return where the money goes: to wait for usage, or to revenue at once."""
    if claim.events:
        spec = Spec(hold.book_id, hold.customer_id, "captured", hold.asset_id)
    else:
        spec = Spec(hold.book_id, None, "usage_revenue", hold.asset_id, hold.feature_key)
    return chart.accounts([spec], at=at)[spec]


def _post(hold: Hold, claim: Claim, taken: _Taken, target: int, at: datetime) -> int | None:
    if not taken.parts:
        return None
    moves = [Move(debit=account_id, credit=target, amount=part) for account_id, part in taken.parts]
    posting = Posting(
        book_id=hold.book_id,
        kind="capture",
        key=f"capture:{claim.key}",
        effective_at=at,
        moves=moves,
        memo=hold.purpose,
        metadata={"hold": hold.key, "burn_order": version_of(hold.book_id)},
    )
    return bulk.post(postings=[posting])[0].transaction_id


def _note(hold: Hold, claim: Claim, taken: _Taken, at: datetime) -> None:
    """Write what was taken on the hold; what was taken beyond it counts as asked for, too."""
    hold.requested = add(hold.requested, taken.missing)
    hold.captured = add(hold.captured, taken.due)
    if claim.is_final:
        hold.state, hold.closed_at = Hold.State.CAPTURED, at
    hold.save(update_fields=["requested", "captured", "state", "closed_at"])


def _record(
    hold: Hold, claim: Claim, taken: _Taken, target: int, transaction_id: int | None, at: datetime
) -> Capture:
    waits = taken.waits(claim)
    made = Capture.objects.create(
        book_id=hold.book_id,
        hold=hold,
        customer_id=hold.customer_id,
        key=claim.key,
        amount=claim.amount,
        remaining=taken.due if waits else ZERO,
        account_id=target if waits else None,
        taken=[[account_id, text(part)] for account_id, part in taken.parts],
        transaction_id=transaction_id,
        created_at=at,
        settled_at=None if waits else at,
    )
    if claim.events:
        _name(made, claim, taken, at)
    return made


def _name(made: Capture, claim: Claim, taken: _Taken, at: datetime) -> None:
    """Write which events it pays for: no other capture does."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NAME,
            [
                made.book_id,
                made.pk,
                [source for source, _ in claim.events],
                [key for _, key in claim.events],
                [at if name in taken.paid else None for name in claim.events],
            ],
        )
        free = set(cursor.fetchall())
    for name in claim.events:
        if name not in free:
            raise EventCapturedError(source=name[0], id=name[1])


def _refused(field: str, value: object, remedy: str) -> InvalidInputError:
    return InvalidInputError(field=field, value=value, remedy=remedy)


_PAID_BY: Final = """
    SELECT e.capture_id FROM unnest(%s::text[], %s::text[]) AS n (source, event_key)
    JOIN wallets_capturedevent e ON e.book_id = %s AND e.source = n.source
         AND e.event_key = n.event_key
"""
_NAME: Final = """
    INSERT INTO wallets_capturedevent (book_id, capture_id, source, event_key, arrived_at)
    SELECT %s, %s, source, event_key, arrived_at
    FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS n (source, event_key, arrived_at)
    ORDER BY source, event_key
    ON CONFLICT DO NOTHING
    RETURNING source, event_key
"""
