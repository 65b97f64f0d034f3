"""
Drafting: what payers owe up to an instant, composed and written down.

A payer has one open draft for each currency, group and kind. Composing it again from the same sums
changes nothing; a draft that says nothing any more is discarded. Nothing is posted here: a draft
that is approved stands, and its payer's next one comes after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from billing import collection
from billing.charging.reading import exponent_of
from billing.invoicing import (
    calendars,
    composing,
    pending,
    sources,
    telling,
    validating,
    writing,
)
from billing.invoicing.composing import Case
from billing.invoicing.facts import Draft
from billing.invoicing.materials import Consumer, Currency, Profile, Source
from billing.invoicing.pending import Standing
from billing.models import Run
from billing.taxation import applying
from ledger import arrays
from ledger.models import Asset, Book
from ledger.money import ZERO

CAUSE: Final = "drafting"


@dataclass(slots=True, kw_only=True)
class Drafted:
    """What drafting did, by the ids of documents."""

    new: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    same: list[int] = field(default_factory=list)
    discarded: list[int] = field(default_factory=list)
    lines: int = 0  # of new and changed ones

    @property
    def open(self) -> list[int]:
        """Return the drafts that stand now."""
        return sorted([*self.new, *self.changed, *self.same])


@dataclass(slots=True, kw_only=True)
class Desk:
    """All that a chunk of payers is drafted from, read at once."""

    book: Book
    until: datetime
    at: datetime
    zone: ZoneInfo
    profiles: Mapping[int, Profile]  # of payers
    consumers: Mapping[int, Mapping[int, Consumer]]  # by payer
    currencies: Mapping[int, Currency]
    found: Mapping[int, list[Source]]  # by payer
    standing: Standing
    everything: bool = False  # running periods, and what waits for a date or for late usage


def draft(
    *,
    book: Book,
    payers: Sequence[int],
    until: datetime,
    at: datetime,
    run: Run | None = None,
    cause: str = CAUSE,
) -> Drafted:
    """
    Draft what customers have to pay of what is due up to an instant, for all that they pay for.

    ``at`` is the present of these customers: usage that is due has until then to come in, as far as
    their profile grants it. Again, it changes nothing. All of it is one transaction, of a constant
    number of statements; what falls due by itself must have been charged before (``billing.due``).
    """
    with transaction.atomic():
        _lock(payers)
        desk = open_desk(book=book, payers=payers, until=until, at=at, lock=True)
        composed, quiet = compose(desk)
        drafted = _write(desk, composed, run=run, cause=cause)
        _settle(quiet, until)
    return drafted


def open_desk(
    *,
    book: Book,
    payers: Sequence[int],
    until: datetime,
    at: datetime,
    lock: bool,
    everything: bool = False,
) -> Desk:
    """Read all that payers are drafted from; with ``everything``, whatever may still wait."""
    profiles = collection.profiles_of(book=book, customer_ids=payers)
    consumers = collection.consumers_of(book=book, payer_ids=payers)
    payer_of = {number: payer for payer, mine in consumers.items() for number in mine}
    # Documents are locked before what is billed, as by who issues.
    standing = pending.read(payer_ids=payers, lock=lock)
    read = sources.read(
        book=book,
        consumer_ids=payer_of,
        until=until,
        running=[n for n, p in payer_of.items() if everything or profiles[p].is_progressive],
        lock=lock,
    )
    if everything:
        pending.go_on_from(standing, read.found)
    found: dict[int, list[Source]] = {number: [] for number in payers}
    for source in read.found:
        found[payer_of[source.consumer_id]].append(source)
    return Desk(
        book=book,
        until=until,
        at=at,
        zone=ZoneInfo(book.time_zone),
        profiles=profiles,
        consumers=consumers,
        currencies=_currencies(read.found),
        found=found,
        standing=standing,
        everything=everything,
    )


def compose(desk: Desk) -> tuple[list[Draft], list[Source]]:
    """Return the documents of a desk, taxed and checked, and the sources that need none."""
    drafts: list[Draft] = []
    quiet: list[Source] = []
    for payer_id in desk.found:
        for case in _cases(desk, payer_id):
            made = composing.compose(case)
            drafts += made.drafts
            quiet += made.quiet
    drafts = applying.tax(drafts=drafts, book=desk.book, at=desk.at)
    _turn_over(drafts, desk)
    validating.check(drafts, desk.profiles, desk.currencies, desk.standing, until=desk.until)
    return drafts, quiet


def _turn_over(drafts: Iterable[Draft], desk: Desk) -> None:
    """Turn what tax brought below nothing: lines that are taxed otherwise than others."""
    below = [one for one in drafts if one.totals.due < ZERO and one.corrects_id is None]
    for one in below:
        composing.turn(one, desk.profiles[one.payer_id])
    applying.tax(drafts=below, book=desk.book, at=desk.at)


def _cases(desk: Desk, payer_id: int) -> Iterable[Case]:
    """Return what each of a payer's currencies is composed of; not of what is approved."""
    profile = desk.profiles[payer_id]
    by_asset: dict[int, list[Source]] = {}
    for source in desk.found[payer_id]:
        by_asset.setdefault(source.asset_id, []).append(source)
    for place in desk.standing.edits:
        if place.payer_id == payer_id:
            by_asset.setdefault(place.asset_id, [])
    for asset_id, mine in by_asset.items():
        if (payer_id, asset_id) in desk.standing.approved and not desk.everything:
            continue
        chosen, is_progressive = (mine, False) if desk.everything else _chosen(desk, mine, payer_id)
        yield Case(
            payer_id=payer_id,
            currency=desk.currencies.get(asset_id) or _currency(asset_id),
            profile=profile,
            consumers=desk.consumers[payer_id],
            sources=chosen,
            edits={
                place: edits
                for place, edits in desk.standing.edits.items()
                if place.payer_id == payer_id and place.asset_id == asset_id
            },
            until=desk.until,
            zone=desk.zone,
            is_progressive=is_progressive,
        )


def _chosen(desk: Desk, mine: Sequence[Source], payer_id: int) -> tuple[list[Source], bool]:
    asset_id = mine[0].asset_id if mine else 0
    return calendars.chosen(
        mine,
        desk.profiles[payer_id],
        desk.standing.last.get((payer_id, asset_id)),
        until=desk.until,
        at=desk.at,
        zone=desk.zone,
    )


def _currencies(found: Iterable[Source]) -> dict[int, Currency]:
    rows = Asset.objects.filter(pk__in={source.asset_id for source in found})
    return {asset.pk: _read_currency(asset) for asset in rows}


def _currency(asset_id: int) -> Currency:
    return _read_currency(Asset.objects.get(pk=asset_id))


def _read_currency(asset: Asset) -> Currency:
    return Currency(
        asset_id=asset.pk,
        code=asset.code,
        exponent=exponent_of(asset),
        is_currency=asset.kind == Asset.Kind.CURRENCY,
    )


# --- Written down ------------------------------------------------------------------------


class _Written(NamedTuple):
    """A draft as rows."""

    row: writing.Row
    draft: Draft
    lines: list[writing.Row]


def _lock(payers: Collection[int]) -> None:
    """Have one at a time draft for a payer; changes of subscriptions wait, too."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [arrays.whole(payers)])


def _write(desk: Desk, drafts: Sequence[Draft], *, run: Run | None, cause: str) -> Drafted:
    drafted, at = Drafted(), desk.at
    new, changed = _compared(desk, drafts, drafted, run)
    drafted.discarded = _discard(desk, at)  # first: another takes its place
    writing.update({number: one.row for number, one in changed.items()})
    drafted.new = writing.insert([one.row for one in new])
    drafted.changed = sorted(changed)
    written = [*zip(drafted.new, new, strict=True), *changed.items()]
    drafted.lines = writing.insert_lines((number, one.draft, one.lines) for number, one in written)
    telling.told(invoice_ids=drafted.new, action="draft", at=at, cause=cause)
    telling.told(invoice_ids=drafted.changed, action="update", at=at, cause=cause)
    telling.told(invoice_ids=drafted.discarded, action="discard", at=at, cause=cause)
    return drafted


def _compared(
    desk: Desk, drafts: Sequence[Draft], drafted: Drafted, run: Run | None
) -> tuple[list[_Written], dict[int, _Written]]:
    """Return the drafts that are new, and those that say something else than what stands."""
    standing = desk.standing
    standing.add(pending.elsewhere(drafts, desk.found))
    parties = pending.parties({draft.payer_id for draft in drafts})
    supplier = pending.supplier(desk.book)
    new: list[_Written] = []
    changed: dict[int, _Written] = {}
    for draft in drafts:
        party = parties[draft.payer_id]
        profile = desk.profiles.get(draft.payer_id) or Profile()
        validating.check_party(draft, party)
        header = writing.header_of(draft, profile=profile, supplier=supplier, party=party)
        lines = writing.line_rows(draft)
        digest = writing.digest_of(draft, header, lines)
        known = standing.drafts.pop(composing.place_of(draft), None)
        if known is not None and known.digest == digest:
            drafted.same.append(known.id)
            continue
        row = writing.invoice_row(
            draft,
            header,
            digest=digest,
            run_id=run.pk if run is not None else None,
            issue_after=_by_itself(draft, profile, desk.at),
        )
        if known is None:
            named = writing.named(row, draft, book_id=desk.book.pk, at=desk.at)
            new.append(_Written(named, draft, lines))
        else:
            changed[known.id] = _Written(row, draft, lines)
    return new, changed


def _by_itself(draft: Draft, profile: Profile, at: datetime) -> datetime | None:
    """Return when a draft is issued if nobody does anything; None: not before a person does."""
    if profile.approval != "auto" or validating.waits_for_people(draft):
        return None
    return at + profile.auto_delay


def _discard(desk: Desk, at: datetime) -> list[int]:
    """Discard the drafts that nothing is left of, unless they are about others' usage."""
    gone = sorted(
        known.id
        for place, known in desk.standing.drafts.items()
        if (place.payer_id, place.asset_id) not in desk.standing.approved
    )
    if not gone:
        return []
    mine = [number for consumers in desk.consumers.values() for number in consumers]
    with connection.cursor() as cursor:
        cursor.execute(_DISCARD, [at, arrays.whole(gone), arrays.whole(mine)])
        return sorted(row[0] for row in cursor.fetchall())


def _settle(quiet: Iterable[Source], until: datetime) -> None:
    """Have sources not looked at again that came to what was said of them, and are over."""
    over = [source.billable_id for source in quiet if not source.is_running]
    if over:
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, [until, arrays.whole(over), until])


_LOCK: Final = """
    SELECT id FROM ledger_customer WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
_DISCARD: Final = """
    UPDATE billing_invoice i SET state = 'discarded', closed_at = %s,
           closed_reason = 'nothing of it is left', version = version + 1
    WHERE id = ANY(%s::bigint[]) AND NOT (i.corrects_id IS NOT NULL AND EXISTS (
        SELECT FROM billing_invoiceline l
        WHERE l.invoice_id = i.id AND NOT l.consumer_id = ANY(%s::bigint[])))
    RETURNING i.id
"""
# What ended less than an hour ago may still be written: that stays open.
_SETTLE: Final = """
    UPDATE billing_billable SET settled_at = %s
    WHERE id = ANY(%s::bigint[]) AND due_at <= %s AND settled_at IS NULL
      AND (charge_id IS NOT NULL OR due_at <= now() - interval '1 hour')
"""
