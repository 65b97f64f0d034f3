"""From the difference of a source to the line that prints it (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from billing.invoicing import wording
from billing.invoicing.facts import Billed, DraftLine, LineSource
from billing.invoicing.materials import ADJUSTMENT, USAGE, Consumer, Earlier, Source
from billing.rating.events import RateTable
from billing.rating.lines import Document, Line
from billing.rating.lines import lines as rated_lines
from billing.rating.part import Part
from billing.rating.rated import Rated
from ledger.money import ONE, ZERO, add, negate, subtract, text, total

MINIMUM: Final = "minimum"
UNEXPLAINED: Final = "unexplained"  # of details: the price does not come to the amount
RUNNING: Final = "running"  # of details: the period went on when it was billed
SOLD: Final = "sold"  # of details: billing units by the rate of a table, all in all
CONTRIBUTED: Final = "contributed"  # of details: by events, where the price looks at each
COVERED: Final = "covered"  # of details: overdraft that later credit paid


def line(
    source: Source, upto: Billed, *, consumer: Consumer, exponent: int, zone: tzinfo
) -> DraftLine:
    """Return the line that takes what documents say of a source to ``upto``."""
    change = upto.since(source.before)
    sums, shown = change
    made = DraftLine(
        kind=source.kind,
        consumer_id=source.consumer_id,
        description=_description(source, zone),
        period=source.period,
        billable_id=source.billable_id,
        item_id=source.item_id,
        rate_id=source.rate_id,
        contract_id=source.contract_id,
        beneficiary_id=consumer.profile.beneficiary_id,
        unit=source.unit,
        price_version=source.price_version,
        amount=shown.amount,
        promotional=shown.promotional,
        paid=shown.paid,
        due=shown.due,
        exact_due=sums.unbilled,
        exact_overdraft=sums.overdraft,
        before=source.before,
        upto=upto,
        cut_from=source.cut_before,
        cut_to=source.cut,
        sources=_funding(source),
        product=source.product,
        tax_code=source.tax_code,
        is_inclusive=source.is_inclusive,
        is_expected=source.is_expected,
    )
    if source.kind == USAGE:
        _explain_usage(made, source, change, exponent)
    else:
        _explain_charge(made, source)
    if source.covered:
        made.details = {**made.details, COVERED: text(source.covered)}
    return made


def turned(made: DraftLine) -> DraftLine:
    """Return a line as a credit note shows it: what is given back is above zero."""
    return replace(
        made,
        quantity=None if made.quantity is None else negate(made.quantity),
        amount=negate(made.amount),
        promotional=negate(made.promotional),
        paid=negate(made.paid),
        due=negate(made.due),
        exact_due=negate(made.exact_due),
        exact_overdraft=negate(made.exact_overdraft),
        sources=[replace(one, amount=negate(one.amount)) for one in made.sources],
        arithmetic=[_turned(one) for one in made.arithmetic],
    )


def correction_of(source: Source, zone: tzinfo) -> str:
    """Describe what comes back of a source."""
    return wording.correction(_name(source), source.period, zone)


def as_correction(made: DraftLine, source: Source, earlier: Earlier, zone: tzinfo) -> DraftLine:
    """Return a line that gives back what an earlier one billed, taxed as that was."""
    return replace(
        turned(made),
        description=correction_of(source, zone),
        corrects_line_id=earlier.line_id,
        tax_code=earlier.tax_code,
        category=earlier.category,
        jurisdiction=earlier.jurisdiction,
        percentage=earlier.percentage,
        is_inclusive=earlier.is_inclusive,
    )


def not_owed(made: DraftLine, source: Source, amount: Decimal) -> DraftLine:
    """Return the line that takes off a correction what its payer was not, or no more, charged."""
    return DraftLine(
        kind=ADJUSTMENT,
        consumer_id=made.consumer_id,
        beneficiary_id=made.beneficiary_id,
        description=wording.not_owed(source.name),
        period=made.period,
        amount=amount,
        due=amount,
        corrects_line_id=made.corrects_line_id,
        product=made.product,
        tax_code=made.tax_code,
        is_inclusive=made.is_inclusive,
    )


def _description(source: Source, zone: tzinfo) -> str:
    if source.kind == USAGE and source.earlier and not source.earlier[0].is_running:
        return wording.late(source.name, source.period, zone)
    return _name(source)


def _name(source: Source) -> str:
    return wording.minimum(source.name) if source.kind == MINIMUM else source.name


def _explain_usage(made: DraftLine, source: Source, change: Billed, exponent: int) -> None:
    sums, _ = change
    made.quantity = sums.quantity
    details: dict[str, Any] = {}
    if source.is_running:
        details[RUNNING] = True
    if source.contributed:
        details[CONTRIBUTED] = text(source.contributed)
    if source.sold:
        details[SOLD] = {rate: text(units) for rate, units in source.sold.items()}
    if (document := _document(source, sums.quantity, exponent)) is None:
        made.details = details
        return
    steps = document.lines
    if document.exact_total != sums.amount:
        details[UNEXPLAINED] = text(subtract(sums.amount, document.exact_total))
    else:
        steps = _adding_up(steps, made.amount, exponent)
    made.arithmetic = [_written(one) for one in steps]
    if len(document.lines) == 1 and document.lines[0].quantity == made.quantity:
        made.unit_price = document.lines[0].unit_price  # not one of packages or converted units
    made.details = details


def _adding_up(steps: Sequence[Line], amount: Decimal, exponent: int) -> Sequence[Line]:
    """Have the steps that rounding by themselves took most from (or gave most) make it good."""
    left = subtract(amount, total(one.amount for one in steps))
    if not left:
        return steps
    unit = ONE.scaleb(-exponent) if left > ZERO else negate(ONE.scaleb(-exponent))
    made = list(steps)
    places = [place for place, one in enumerate(steps) if one.exact] or [0]
    places.sort(key=lambda place: subtract(steps[place].exact, steps[place].amount) * unit)
    while left:
        place = places.pop()  # the largest remainder
        places.insert(0, place)
        made[place] = replace(made[place], amount=add(made[place].amount, unit))
        left = subtract(left, unit)
    return made


def _document(source: Source, quantity: Decimal, exponent: int) -> Document | None:
    rated, before = source.rated, source.before.sums
    if rated is None or source.is_gone:
        return None
    prior_contributed = _prior_contributed(source)
    return rated_lines(
        rated,
        quantity,
        prior=before.quantity,
        contributed=subtract(source.contributed, prior_contributed),
        prior_contributed=prior_contributed,
        items=_items(rated, source.sold),
        prior_items=_items(rated, _prior_sold(source)),
        starts_period=not source.cut_before,
        ends_period=False,
        exponent=exponent,
    )


def _items(rated: Rated, sold: Mapping[str, Decimal]) -> Sequence[Part]:
    """Return what each rate of a table priced."""
    table = rated.event_price
    return table.sold(sold) if isinstance(table, RateTable) else ()


def _prior_sold(source: Source) -> Mapping[str, Decimal]:
    written = source.earlier[0].details.get(SOLD, {}) if source.earlier else {}
    return {rate: Decimal(units) for rate, units in written.items()}


def _prior_contributed(source: Source) -> Decimal:
    if source.earlier and (written := source.earlier[0].details.get(CONTRIBUTED)):
        return Decimal(written)
    return ZERO


def _explain_charge(made: DraftLine, source: Source) -> None:
    said = source.explanation
    made.quantity = ONE
    if source.cut_before or "price" not in said:
        made.details = {key: said[key] for key in ("coupon", "committed", "drawn") if key in said}
        return
    price, quantity = Decimal(str(said["price"])), Decimal(str(said.get("quantity", 1)))
    made.quantity, made.unit_price = quantity, price
    share = Fraction(said.get("share", "1/1"))
    details: dict[str, Any] = {}
    if share != 1:
        details = {"share": str(said["share"]), "cycle": said.get("cycle")}
    if "used" in said:  # a minimum: what usage lacked to it
        made.quantity, made.unit_price = ONE, None
        details |= {"minimum": text(price), "used": said["used"]}
    made.details = details


def _funding(source: Source) -> list[LineSource]:
    """Return which credit paid how much of the line: all in all, less what was said before."""
    if not source.parts and not source.earlier:
        return []
    said: dict[int, Decimal] = {}
    for earlier in source.earlier:
        sign = -1 if earlier.kind == "credit_note" else 1
        for one in earlier.sources:
            part = one.amount if sign == 1 else negate(one.amount)
            said[one.account_id] = add(said.get(one.account_id, ZERO), part)
    funding = []
    for held in source.parts:
        change = subtract(held.amount, said.pop(held.account_id, ZERO))
        if change:
            funding.append(replace(held, amount=change))
    kinds = {one.account_id: one for earlier in source.earlier for one in earlier.sources}
    funding += [
        replace(kinds[number], amount=negate(amount)) for number, amount in said.items() if amount
    ]
    return funding


def _written(one: Line) -> dict[str, Any]:
    written: dict[str, Any] = {
        "kind": one.kind,
        "description": one.description,
        "quantity": text(one.quantity),
        "amount": text(one.amount),
        "exact": text(one.exact),
    }
    if one.tier is not None:
        written["tier"] = one.tier
    if one.unit_price is not None:
        written["unit_price"] = text(one.unit_price)
    if one.flat is not None:
        written["flat"] = text(one.flat)
    return written


def _turned(one: Mapping[str, Any]) -> dict[str, Any]:
    flipped = dict(one)
    for name in ("quantity", "amount", "exact", "flat"):
        if name in flipped:
            flipped[name] = text(negate(Decimal(flipped[name])))
    return flipped
