"""
From sources to documents (pure): what grew is invoiced, what fell is given back.

What stands on issued documents and fell becomes a credit note against the document that billed it,
or a line below zero on the next invoice, as the profile says. What was never billed and is below
zero (a coupon) is a line of the invoice. A document that comes to less than nothing is turned
into a credit note.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Final

from billing.invoicing import edited, grouping, lines
from billing.invoicing.facts import NOTHING_BILLED, Billed, Draft, DraftLine, Printed, Problem, Sums
from billing.invoicing.materials import (
    ADJUSTMENT,
    Consumer,
    Currency,
    Earlier,
    Edit,
    Place,
    Profile,
    Source,
)
from billing.invoicing.printing import upto
from ledger.money import ZERO, add, negate, round_half_away, subtract, total
from ledger.periods import Period

INVOICE: Final = "invoice"
CREDIT_NOTE: Final = "credit_note"
REBATE: Final = "rebate"  # what comes back for volume has a document of its own
_GIVING: Final = frozenset({INVOICE, "debit_note"})
_ORDER: Final = {
    kind: place
    for place, kind in enumerate(
        ("fee", "one_off", "usage", "minimum", "true_up", "overage", "overdraft", "adjustment")
    )
}


@dataclass(slots=True, kw_only=True)
class Case:
    """What one payer's documents in one currency are composed of."""

    payer_id: int
    currency: Currency
    profile: Profile
    consumers: Mapping[int, Consumer]
    sources: Sequence[Source]
    edits: Mapping[Place, Sequence[Edit]] = field(default_factory=dict)
    until: datetime
    zone: tzinfo
    is_progressive: bool = False


@dataclass(slots=True, kw_only=True)
class Composed:
    """Documents without tax, and the sources that need none."""

    drafts: list[Draft] = field(default_factory=list)
    quiet: list[Source] = field(default_factory=list)


def compose(case: Case) -> Composed:
    """Return the documents that a payer's sources come to."""
    found = Composed()
    drafts: dict[Place, Draft] = {}
    room = _taken_off(case)
    for source in sorted(case.sources, key=_turn):
        reached = upto(source.now, case.currency.exponent)
        change = reached.since(source.before)
        if _is_quiet(source, change):
            found.quiet.append(source)
        elif _comes_back(source, change, case) and _has_room(case, source, change, room):
            _give_back(case, drafts, source, change)
        else:
            _invoice(case, drafts, source, reached, change)
    for place in case.edits.keys() - drafts.keys():
        drafts[place] = _draft(case, place)
    _finish_all(case, drafts, found)
    return found


def _finish_all(case: Case, drafts: dict[Place, Draft], found: Composed) -> None:
    for place in sorted(drafts, key=_place_order):
        draft = drafts.pop(place)
        _finish(case, place, draft)
        if draft.kind != place.kind and (note := drafts.get(place._replace(kind=CREDIT_NOTE))):
            note.lines = [*draft.lines, *note.lines]  # one credit note, for both
            note.problems += draft.problems
            continue
        if _is_wanted(draft, case, place):
            found.drafts.append(draft)
        else:
            silent = {line.billable_id for line in draft.lines}
            found.quiet += [one for one in case.sources if one.billable_id in silent]


def place_of(draft: Draft) -> Place:
    """
    Return which open draft a document is.

    An invoice below nothing stays where it was; a credit note for volume alone is its own.
    """
    kind = draft.kind if draft.corrects_id is not None or is_rebate(draft.lines) else INVOICE
    return Place(draft.payer_id, draft.asset_id, draft.group_key, kind, draft.corrects_id)


def is_rebate(found: Collection[DraftLine]) -> bool:
    """Say whether lines give back for volume only."""
    return bool(found) and all(line.kind == REBATE for line in found)


def credit_of(line: DraftLine, paid_credit: str) -> Decimal:
    """Return what credit takes off a line before it is taxed."""
    if paid_credit == "as_payment":
        return line.promotional
    return add(line.promotional, line.paid)


def _is_quiet(source: Source, change: Billed) -> bool:
    """Say whether there is nothing to tell: no change, or credit alone settles it."""
    if source.is_credit_only and not change.sums.unbilled:
        return True
    return not any(change.sums) and not any(change.printed)


def _comes_back(source: Source, change: Billed, case: Case) -> bool:
    """
    Say whether a source fell below what issued documents say of it, and notes give that back.

    What another payer was billed for is given back to that one in any case.
    """
    profile = case.profile
    if any(one.payer_id != case.payer_id for one in _billed(source)):
        profile = replace(profile, corrections="credit_note")
    if source.before == NOTHING_BILLED or profile.corrections == "next_invoice":
        return False
    if _is_given_away(source):
        return False
    shown = change.printed
    if shown.due == ZERO:
        return shown.amount < ZERO and profile.paid_credit == "as_payment"
    return shown.due < ZERO


def _taken_off(case: Case) -> dict[int, Decimal]:
    """Return what comes back of discounts with what they were for, by the document that gave it."""
    found: dict[int, Decimal] = {}
    for source in case.sources:
        due = upto(source.now, case.currency.exponent).since(source.before).printed.due
        if source.earlier and _is_given_away(source) and due > ZERO:
            number = source.earlier[0].invoice_id
            found[number] = add(found.get(number, ZERO), due)
    return found


def _has_room(case: Case, source: Source, change: Billed, room: dict[int, Decimal]) -> bool:
    """Say whether documents have left what notes would give back of them, and take it."""
    parts, not_owed = _shared(source, change, case.currency.exponent)
    wanted = {one.invoice_id: negate(part.printed.due) for one, part in parts}
    if parts:
        last = parts[-1][0].invoice_id
        wanted[last] = subtract(wanted[last], not_owed)
    left = {
        one.invoice_id: add(one.left, room.get(one.invoice_id, ZERO))
        for one, _ in parts
        if one.payer_id == case.payer_id
    }
    if any(wanted[number] > left[number] for number in left):
        return False
    for number in left:
        room[number] = subtract(room.get(number, ZERO), wanted[number])
    return True


def _is_given_away(source: Source) -> bool:
    """Say whether nobody was asked to pay for it: a discount, a rebate."""
    said = source.before.printed
    return said.amount <= ZERO and said.due <= ZERO


def _invoice(
    case: Case, drafts: dict[Place, Draft], source: Source, reached: Billed, change: Billed
) -> None:
    consumer = case.consumers[source.consumer_id]
    group_key = grouping.key_of(case.profile, consumer, source)
    place = Place(case.payer_id, case.currency.asset_id, group_key, INVOICE, None)
    if _is_deferred(case, place, source):
        return
    made = lines.line(
        source, reached, consumer=consumer, exponent=case.currency.exponent, zone=case.zone
    )
    note = drafts.get(_note_on(source.earlier[0], case)) if source.earlier else None
    back = total(line.due for line in note.lines) if note is not None else ZERO
    if source.kind == REBATE and made.amount < ZERO:
        _add(case, drafts, place._replace(kind=CREDIT_NOTE), lines.turned(made))
    elif note is not None and _is_given_away(source) and ZERO < change.printed.due <= back:
        note.lines.append(lines.turned(made))  # what was taken off goes back with the rest
    elif made.amount < ZERO and source.before != NOTHING_BILLED and not _is_given_away(source):
        _adjust(case, drafts, place, source, change)
    else:
        _add(case, drafts, place, made)


def _adjust(
    case: Case, drafts: dict[Place, Draft], place: Place, source: Source, change: Billed
) -> None:
    """Take what fell off the next invoice, a line for each that billed it."""
    parts, not_owed = _shared(source, change, case.currency.exponent)
    was = source.before
    for earlier, part in parts:
        made, was = _corrected(case, source, was, part, is_whole=len(parts) == 1)
        made.kind, made.corrects_line_id = ADJUSTMENT, earlier.line_id
        made.description = lines.correction_of(source, case.zone)
        _add(case, drafts, place, made)
    if not_owed:
        _add(case, drafts, place, lines.not_owed(made, source, not_owed))


def _corrected(
    case: Case, source: Source, was: Billed, part: Billed, *, is_whole: bool
) -> tuple[DraftLine, Billed]:
    """Return the line for a part of what fell, and what is billed with it."""
    becomes = was.plus(part)
    made = lines.line(
        replace(source, before=was, rated=source.rated if is_whole else None),
        becomes,
        consumer=case.consumers[source.consumer_id],
        exponent=case.currency.exponent,
        zone=case.zone,
    )
    return made, becomes


def _give_back(case: Case, drafts: dict[Place, Draft], source: Source, change: Billed) -> None:
    """Add what fell to credit notes against the documents that billed it, the last first."""
    parts, not_owed = _shared(source, change, case.currency.exponent)
    was = source.before
    for earlier, part in parts:
        place = _note_on(earlier, case)
        if _is_deferred(case, place, source):
            return  # and what would follow it
        made, was = _corrected(case, source, was, part, is_whole=len(parts) == 1)
        line = lines.as_correction(made, source, earlier, case.zone)
        _add(case, drafts, place, line)
        drafts[place].left = earlier.left
    if not_owed:
        _add(case, drafts, place, lines.not_owed(line, source, negate(not_owed)))


def _note_on(earlier: Earlier, case: Case) -> Place:
    return Place(
        earlier.payer_id, case.currency.asset_id, earlier.group_key, CREDIT_NOTE, earlier.invoice_id
    )


def _billed(source: Source) -> list[Earlier]:
    """Return the lines that billed a source, the last first."""
    return [one for one in source.earlier if one.kind in _GIVING and one.due >= ZERO]


def _shared(
    source: Source, change: Billed, exponent: int
) -> tuple[list[tuple[Earlier, Billed]], Decimal]:
    """
    Share what fell among the lines that billed it; the last one bears all but what is due.

    Returns as well how much of it nobody has paid for: it was discounted, or given back before.
    """
    billed = _billed(source)
    rest = negate(change.printed.due)
    if rest <= ZERO or not billed:
        return [(one, change) for one in billed[:1]], ZERO
    parts: list[tuple[Earlier, Decimal]] = []
    for earlier in billed:
        left = subtract(earlier.creditable, round_half_away(earlier.discount, exponent))
        if (part := min(rest, left)) > ZERO:
            parts.append((earlier, part))
            rest = subtract(rest, part)
    parts = parts or [(billed[0], ZERO)]
    simple = [(earlier, _due_alone(negate(part))) for earlier, part in parts[:-1]]
    others = NOTHING_BILLED
    for _, change_of_one in simple:
        others = others.plus(change_of_one)
    return [*simple, (parts[-1][0], change.since(others))], rest


def _due_alone(amount: Decimal) -> Billed:
    return Billed(Sums(amount=amount, unbilled=amount), Printed(amount=amount, due=amount))


def _is_deferred(case: Case, place: Place, source: Source) -> bool:
    """Say whether a person left a source to a later document."""
    return any(
        edit.operation == "remove" and edit.billable_id == source.billable_id
        for edit in case.edits.get(place, ())
    )


def _add(case: Case, drafts: dict[Place, Draft], place: Place, line: DraftLine) -> None:
    draft = drafts.get(place)
    if draft is None:
        draft = drafts[place] = _draft(case, place)
    draft.lines.append(line)
    draft.cut = draft.cut or line.cut_to


def _draft(case: Case, place: Place) -> Draft:
    profile = case.profile
    is_note = place.kind == CREDIT_NOTE
    return Draft(
        kind=place.kind,
        payer_id=place.payer_id,
        asset_id=place.asset_id,
        exponent=case.currency.exponent,
        group_key=place.group_key,
        series_key="CN" if is_note else profile.series_key,
        corrects_id=place.corrects_id,
        until=case.until,
        profile_id=profile.id,
        is_progressive=case.is_progressive,
        paid_credit=profile.paid_credit,
        purchase_order=grouping.purchase_order_of(profile, place.group_key),
        cost_centre=grouping.cost_centre_of(profile, place.group_key),
    )


def _finish(case: Case, place: Place, draft: Draft) -> None:
    draft.lines.sort(key=lambda line: line.kind == ADJUSTMENT)
    draft.problems += edited.apply(draft, case.edits.get(place, ()), consumer_id=case.payer_id)
    draft.problems += _too_much(draft)
    if draft.kind == INVOICE and total(line.due for line in draft.lines) < ZERO:
        turn(draft, case.profile)


def turn(draft: Draft, profile: Profile) -> None:
    """Make a credit note of an invoice that comes to less than nothing, or the other way round."""
    is_note = draft.kind == INVOICE
    draft.kind = CREDIT_NOTE if is_note else INVOICE
    draft.series_key = "CN" if is_note else profile.series_key
    draft.lines = [lines.turned(line) for line in draft.lines]


def _too_much(draft: Draft) -> Iterable[Problem]:
    """Say that a note would give back more than its document has left, which nobody may issue."""
    if draft.left is None:
        return
    if (more := subtract(total(line.due for line in draft.lines), draft.left)) > ZERO:
        yield Problem(
            code="nothing_left_to_credit",
            component="document",
            remedy=f"it gives back {more:f} more than is left of the document: take that off by a"
            " discount, if it was given back or taken off otherwise, then issue the note",
            is_critical=True,
        )


def _is_wanted(draft: Draft, case: Case, place: Place) -> bool:
    """Say whether a document says anything, or a person wants it."""
    if case.edits.get(place):
        return True
    if any(line.amount or line.due for line in draft.lines):
        return True
    return bool(draft.lines) and case.profile.zero_invoices == "issue"


def _turn(source: Source) -> tuple[object, ...]:
    return (
        source.consumer_id,
        source.subscription_id or 0,
        _ORDER.get(source.kind, len(_ORDER)),
        source.period.starts_at,
        source.name,
        source.billable_id,
    )


def _place_order(place: Place) -> tuple[object, ...]:
    return place.kind != INVOICE, place.group_key, place.payer_id, place.corrects_id or 0


def spans(found: Iterable[DraftLine]) -> Period | None:
    """Return the time that lines are for, together."""
    periods = [line.period for line in found if line.period is not None]
    if not periods:
        return None
    return Period(min(p.starts_at for p in periods), max(p.ends_at for p in periods))


def billables_of(drafts: Iterable[Draft]) -> Collection[int]:
    """Return the sources that documents say something of."""
    return {
        line.billable_id for draft in drafts for line in draft.lines if line.billable_id is not None
    }
