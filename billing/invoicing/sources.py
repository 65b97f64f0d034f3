"""
What may be invoiced, read set-based: a fixed number of statements, whatever was used.

No event and no entry is read: a running value says what it has come to and who paid for it, its
Billable what documents have said. The cut is the snapshot of the database that it was read in:
between two cuts lies the usage that a line is for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from django.db import connection

from billing.charging.agreement import TICK
from billing.invoicing import earlier, overdrafts, statements
from billing.invoicing.facts import Billed, LineSource, Sums
from billing.invoicing.materials import USAGE, Source
from billing.metering import snapshot
from billing.metering.naming import product_of
from billing.models import Meter, PlanVersion
from billing.rating import terms
from billing.rating.free_events import EventState
from billing.rating.rated import Rated
from billing.rating.unit import Unit
from ledger import arrays
from ledger.models import Book
from ledger.money import ZERO, add, subtract
from ledger.periods import Period

_KINDS: Final = {"flat": "fee", "tier": "fee"}
_AHEAD: Final = frozenset({"flat", "one_off"})
_ADDING_UP: Final = frozenset({"sum", "count", "unique_count", "max"})
_REMEMBERED: Final = 200_000
_EVER: Final = datetime.max.replace(tzinfo=UTC)
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode


class Funding(NamedTuple):
    """What an account that pays for usage is."""

    purpose: str  # unbilled, overdraft, promotional, paid
    grant_id: int | None = None


_accounts: dict[int, Funding] = {}  # they never change
_versions: dict[int, str] = {}  # of rate cards that are published


@dataclass(slots=True, kw_only=True)
class Sources:
    """All that customers may be invoiced for."""

    found: list[Source] = field(default_factory=list)
    cut: str = ""


def forget() -> None:
    """Drop what is remembered (for tests that empty the database)."""
    _accounts.clear()
    _versions.clear()


def read(
    *,
    book: Book,
    consumer_ids: Collection[int],
    until: datetime,
    running: Collection[int] = (),
    lock: bool = False,
) -> Sources:
    """
    Return what is open of these customers and due by ``until``; of ``running``, all of it.

    With ``lock``, what is billed of it stays as it is until the transaction ends. Seven statements
    at most.
    """
    everything = frozenset(running)
    wanted = [(number, _EVER if number in everything else until) for number in sorted(consumer_ids)]
    columns = [
        arrays.whole([number for number, _ in wanted]),
        arrays.texts([at.isoformat() for _, at in wanted]),
    ]
    sources = Sources()
    with connection.cursor() as cursor:
        cursor.execute(statements.LOCK if lock else statements.FIND, columns)
        numbers = [row[0] for row in cursor.fetchall()]
        if not numbers:
            return sources
        cursor.execute(statements.USAGE, [arrays.whole(numbers)])
        used = [_Used(*row) for row in cursor.fetchall()]
        cursor.execute(statements.CHARGES, [arrays.whole(numbers)])
        charged = [_Charged(*row) for row in cursor.fetchall()]
    reading = _Reading(book, used, charged, until)
    sources.found = [*map(reading.usage, used), *map(reading.charge, charged)]
    sources.cut = used[0].cut if used else charged[0].cut if charged else ""
    earlier.add_to(sources.found)
    overdrafts.cover(sources.found, book_id=book.pk)
    return sources


class _Used(NamedTuple):
    """A row of ``statements.USAGE``."""

    billable_id: int
    customer_id: int
    asset_id: int
    due_at: datetime
    billed: list[Decimal] | None
    cut_before: str
    quantity: Decimal
    amount: Decimal
    events: int
    taken: str
    priced: str | None
    starts_at: datetime
    rate_id: int
    meter_id: int
    unit_price: Decimal
    terms: str | None
    match: str
    kept: int
    effective_from: datetime
    item_id: int | None
    item_name: str | None
    rate_card_id: int | None
    tax_config: str | None
    subscription_id: int | None
    subscription_key: str | None
    settlement: str | None
    cut: str


class _Charged(NamedTuple):
    """A row of ``statements.CHARGES``."""

    billable_id: int
    customer_id: int
    asset_id: int
    due_at: datetime
    billed: list[Decimal] | None
    cut_before: str
    kind: str
    name: str
    posted: Decimal
    taken: str
    starts_at: datetime
    ends_at: datetime
    charged_at: datetime
    contract_id: int | None
    product: str
    tax_code: str
    quantity: Decimal | None
    unit_price: Decimal | None
    explanation: str | None
    item_id: int | None
    item_key: str | None
    rate_card_id: int | None
    tax_config: str | None
    subscription_id: int | None
    subscription_key: str | None
    settlement: str | None
    cut: str


class _Reading:
    """Makes sources of rows, with what is looked up for all of them at once."""

    def __init__(
        self,
        book: Book,
        used: Sequence[_Used],
        charged: Sequence[_Charged],
        until: datetime,
    ) -> None:
        self._until = until
        rows: list[_Used | _Charged] = [*used, *charged]
        self._takings = {row.billable_id: _parts(row.taken) for row in rows}
        _learn_accounts({number for parts in self._takings.values() for number, _ in parts})
        _learn_versions({row.rate_card_id for row in rows if row.rate_card_id})
        self._meters = _meters({row.meter_id for row in used})
        loose = {row.customer_id for row in rows if row.settlement is None}
        self._terms = snapshot.current(book.pk).terms_of(loose) if loose else {}

    def usage(self, row: _Used) -> Source:
        """Return a running value as a source."""
        meter = self._meters[row.meter_id]
        match: dict[str, str] = {} if row.match == "{}" else _decode(row.match)
        rated = _rated(row.terms, row.unit_price, meter, row.kept)
        source = Source(
            billable_id=row.billable_id,
            kind=USAGE,
            consumer_id=row.customer_id,
            asset_id=row.asset_id,
            due_at=row.due_at,
            period=_period(row.starts_at, row.due_at),
            now=Sums(),
            name=_named(row.item_name or meter.name or meter.key, match),
            product=product_of(meter.key, match),
            item_id=row.item_id,
            rate_id=row.rate_id,
            is_running=row.due_at > self._until,
            may_fall=meter.aggregation not in _ADDING_UP or rated.type == "volume",
            unit=meter.unit,
            rated=rated,
            is_gone=not row.events and row.item_id is None,
            price_version=_versions.get(row.rate_card_id or 0)
            or f"{row.effective_from:%Y-%m-%d} #{row.rate_id}",
        )
        if rated.basis == "events" and row.priced:
            events = EventState.load(_decode(row.priced))
            source.contributed, source.sold = events.contributed, events.sold
        self._fill(source, row, row.quantity, row.amount)
        return source

    def charge(self, row: _Charged) -> Source:
        """Return a charge as a source."""
        source = Source(
            billable_id=row.billable_id,
            kind=_KINDS.get(row.kind, row.kind),
            consumer_id=row.customer_id,
            asset_id=row.asset_id,
            due_at=row.due_at,
            period=_period(row.starts_at, row.ends_at),
            now=Sums(),
            name=row.name,
            product=row.product or row.item_key or row.name[:_LONGEST],
            item_id=row.item_id,
            contract_id=row.contract_id,
            is_in_advance=row.kind in _AHEAD and row.charged_at == row.starts_at,
            price_version=_versions.get(row.rate_card_id or 0, ""),
            explanation=_explanation(row),
            tax_code=row.tax_code,
        )
        self._fill(source, row, ZERO, row.posted)
        return source

    def _fill(
        self, source: Source, row: _Used | _Charged, quantity: Decimal, amount: Decimal
    ) -> None:
        source.subscription_id, source.cut = row.subscription_id, row.cut
        source.subscription_key = row.subscription_key or ""
        source.is_credit_only = self._is_credit_only(row)
        source.now, source.parts = _sums(quantity, amount, self._takings[row.billable_id])
        if source.is_credit_only:  # its overdraft waits for credit: it is never invoiced
            sums = source.now
            source.now = sums._replace(amount=subtract(sums.amount, sums.overdraft), overdraft=ZERO)
        if row.billed is not None:
            source.before, source.cut_before = Billed.read(row.billed), row.cut_before
        if row.tax_config:
            config = _decode(row.tax_config)
            source.tax_code = config.get("code") or ""
            source.is_inclusive = config.get("behavior") == "inclusive"

    def _is_credit_only(self, row: _Used | _Charged) -> bool:
        if row.settlement is not None:
            return row.settlement == PlanVersion.Settlement.CREDIT_ONLY
        return self._terms[row.customer_id].is_credit_only


_LONGEST: Final = 200  # of the name of an account


def _explanation(row: _Charged) -> Mapping[str, Any]:
    if row.unit_price is not None:
        return {"price": row.unit_price, "quantity": row.quantity or 1}
    return _decode(row.explanation) if row.explanation else {}


def _parts(taken: str) -> list[tuple[int, Decimal]]:
    if not taken:
        return []
    found = []
    for written in taken.split(","):
        number, _, amount = written.partition(":")
        found.append((int(number), Decimal(amount)))
    return found


def _sums(
    quantity: Decimal, amount: Decimal, parts: Sequence[tuple[int, Decimal]]
) -> tuple[Sums, Sequence[LineSource]]:
    """Return what a source has come to by who bears it, and which credit paid, in order."""
    if not parts:
        return Sums(quantity, amount), ()
    if len(parts) == 1 and _accounts[parts[0][0]].purpose == "unbilled":
        return Sums(quantity, amount, unbilled=amount), ()
    sums = {"promotional": ZERO, "paid": ZERO, "unbilled": ZERO, "overdraft": ZERO}
    lots: dict[int, LineSource] = {}
    for number, part in parts:
        funding = _accounts[number]
        sums[funding.purpose] = add(sums[funding.purpose], part)
        if funding.grant_id is not None:
            said = lots.get(number)
            held = part if said is None else add(said.amount, part)
            lots[number] = LineSource(
                account_id=number, grant_id=funding.grant_id, funding=funding.purpose, amount=held
            )
    return Sums(quantity, amount, **sums), tuple(lots.values())


def _learn_accounts(numbers: Collection[int]) -> None:
    if unknown := [number for number in numbers if number not in _accounts]:
        if len(_accounts) > _REMEMBERED:
            _accounts.clear()
            unknown = list(numbers)
        with connection.cursor() as cursor:
            cursor.execute(statements.ACCOUNTS, [arrays.whole(unknown)])
            for number, purpose, grant_id, funding in cursor.fetchall():
                _accounts[number] = Funding(funding or purpose, grant_id)


def _learn_versions(rate_card_ids: Collection[int]) -> None:
    if unknown := [number for number in rate_card_ids if number not in _versions]:
        with connection.cursor() as cursor:
            cursor.execute(statements.VERSIONS, [arrays.whole(unknown)])
            _versions.update(cursor.fetchall())


class _MeterFacts(NamedTuple):
    key: str
    name: str
    aggregation: str
    unit: str
    scale: int
    dimensions: tuple[str, ...]


def _meters(ids: Collection[int]) -> dict[int, _MeterFacts]:
    if not ids:
        return {}
    rows = Meter.objects.filter(pk__in=ids).values_list(
        "pk", "key", "name", "aggregation", "unit__code", "unit__scale", "dimensions"
    )
    return {row[0]: _MeterFacts(*row[1:6], tuple(sorted(row[6]))) for row in rows}


def _period(starts_at: datetime, ends_at: datetime) -> Period:
    """Return the time that something is for; what is due once is for its instant."""
    return Period(starts_at, max(ends_at, starts_at + TICK))


@lru_cache(maxsize=20_000)
def _rated(written: str | None, unit_price: Decimal, meter: _MeterFacts, kept: int) -> Rated:
    """Return how usage is priced; terms are read once for each text of them."""
    if written is None:
        return Rated(price=Unit(unit_price=unit_price.normalize()))
    return terms.parse(
        msgspec.json.decode(written),
        scale=meter.scale,
        dimensions=meter.dimensions,
        aggregation=meter.aggregation,
        kept=kept,
    )


def _named(name: str, match: Mapping[str, str]) -> str:
    return f"{name} ({', '.join(match[key] for key in sorted(match))})" if match else name
