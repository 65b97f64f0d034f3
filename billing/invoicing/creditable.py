"""What may still be given back of a document, and how an amount is spread over its lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from billing.invoicing.errors import NothingToCreditError
from billing.tax.computing import given_back
from ledger.errors import InvalidInputError
from ledger.money import ZERO, add, exact, negate, split, subtract, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """An issued line: what it was taxed on, its tax, and what was given back of both."""

    line_id: int
    description: str
    taxable: Decimal
    tax: Decimal
    is_inclusive: bool
    back: Decimal  # of ``taxable``
    back_tax: Decimal

    @property
    def gross(self) -> Decimal:
        """What of the line may still be given back, with its tax."""
        return add(self.net, max(ZERO, subtract(self.tax, self.back_tax)))

    @property
    def net(self) -> Decimal:
        return max(ZERO, subtract(self.taxable, self.back))

    @property
    def priced(self) -> Decimal:
        """The same in the terms of the line's price."""
        return self.gross if self.is_inclusive else self.net


class Given(NamedTuple):
    """What is given back of a line: its base and its tax."""

    rest: Rest
    taxable: Decimal
    tax: Decimal

    @property
    def amount(self) -> Decimal:
        """What that is in the terms of the line's price."""
        return add(self.taxable, self.tax) if self.rest.is_inclusive else self.taxable


@dataclass(frozen=True, slots=True)
class Full:
    """All that may still be given back."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Amounts of lines by their ids, in the terms of their prices; none: all of the line."""

    amounts: Mapping[int, Decimal | None]


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount with its tax, spread over all lines by what may still be given back of them."""

    total: Decimal


What = Full | Lines | Amount


def given(what: What, invoice_id: int, exponent: int) -> list[Given]:
    """
    Say what is given back of each line of a document; errors as ``parts``.

    Discounts may be larger than what they were taxed like. All of such a document is what is left
    of each line, discounts among them; no amount may exceed what the document has left.
    """
    rows = _read(invoice_id)
    found = _standing(rows, exponent)
    left = total(_signed(rest) for rest, _ in rows)
    if left <= ZERO or left >= total(rest.gross for rest in found):
        return parts(what, found, exponent)
    if isinstance(what, Full):
        return [Given(r, subtract(r.taxable, r.back), subtract(r.tax, r.back_tax)) for r, _ in rows]
    said = parts(what, found, exponent)
    amount = total(add(one.taxable, one.tax) for one in said)
    if amount > left:
        raise NothingToCreditError(amount=amount, left=left)
    return said


def _signed(rest: Rest) -> Decimal:
    """Return what of a line was not given back, with its tax; of a discount below zero."""
    return subtract(add(rest.taxable, rest.tax), add(rest.back, rest.back_tax))


def rests(invoice_id: int, exponent: int) -> list[Rest]:
    """Return the lines of a document that something may be given back of, in their order."""
    return _standing(_read(invoice_id), exponent)


def _standing(rows: Sequence[tuple[Rest, Hashable]], exponent: int) -> list[Rest]:
    return [row for row in less_discounts(rows, exponent) if row.gross > ZERO]


def _read(invoice_id: int) -> list[tuple[Rest, Hashable]]:
    """Return the lines of a document, and what they are taxed like."""
    with connection.cursor() as cursor:
        cursor.execute(_RESTS, [invoice_id])
        names = ("line_id", "description", "taxable", "tax", "is_inclusive", "back", "back_tax")
        return [
            (Rest(**dict(zip(names, row, strict=False))), row[len(names) :])
            for row in cursor.fetchall()
        ]


def less_discounts(lines: Sequence[tuple[Rest, Hashable]], exponent: int) -> list[Rest]:
    """
    Take what lines below zero came to off the others that were taxed alike.

    So all that may be given back comes to the document, whatever coupons were on it; what is below
    zero itself is left out.
    """
    alike: defaultdict[Hashable, list[Rest]] = defaultdict(list)
    for rest, taxed in lines:
        alike[taxed, rest.is_inclusive].append(rest)
    found: dict[int, Rest] = {}
    for group in alike.values():
        above = [rest for rest in group if rest.taxable > ZERO]
        below = [rest for rest in group if rest.taxable < ZERO]
        columns = {
            name: _less(
                [getattr(r, name) for r in above], [getattr(r, name) for r in below], exponent
            )
            for name in ("taxable", "tax", "back", "back_tax")
        }
        for rest, *amounts in zip(above, *columns.values(), strict=True):
            found[rest.line_id] = replace(rest, **dict(zip(columns, amounts, strict=True)))
    return [found[rest.line_id] for rest, _ in lines if rest.line_id in found]


def _less(amounts: Sequence[Decimal], below: Sequence[Decimal], exponent: int) -> Sequence[Decimal]:
    """Spread what is below zero over amounts, by their size."""
    off = min(negate(total(below)), total(amounts))
    if off <= ZERO:
        return amounts
    shares = split(off, [max(ZERO, amount) for amount in amounts], exponent)
    return [subtract(amount, share) for amount, share in zip(amounts, shares, strict=True)]


def parts(what: What, found: Sequence[Rest], exponent: int) -> list[Given]:
    """
    Say what is given back of each line.

    Raises:
        InvalidInputError: an amount not above zero, finer than the currency is paid, or a line
            that the document lacks.
        NothingToCreditError: less is left to be given back.
    """
    left = total(rest.gross for rest in found)
    if not left:
        raise NothingToCreditError(left=left, remedy="all of it was given back")
    if isinstance(what, Amount):
        amount = _amount("amount", what.total, exponent)
        if amount > left:
            raise NothingToCreditError(amount=amount, left=left)
        shares = split(amount, [rest.gross for rest in found], exponent)
        pairs = [(rest, share) for rest, share in zip(found, shares, strict=True) if share]
        return [_of_gross(rest, share, exponent) for rest, share in pairs]
    if isinstance(what, Lines):
        return [_of_line(pk, amount, found, exponent) for pk, amount in what.amounts.items()]
    return [_of_gross(rest, rest.gross, exponent) for rest in found]


def _of_line(line_id: int, amount: Decimal | None, found: Sequence[Rest], exponent: int) -> Given:
    rest = next((one for one in found if one.line_id == line_id), None)
    if rest is None:
        remedy = "name lines of the document that something is left of"
        raise InvalidInputError(field="lines", value=line_id, remedy=remedy)
    if amount is None or amount == rest.priced:
        return _of_gross(rest, rest.gross, exponent)
    amount = _amount("lines", amount, exponent)
    if amount > rest.priced:
        raise NothingToCreditError(line=rest.description, amount=amount, left=rest.priced)
    if rest.is_inclusive:
        return _of_gross(rest, amount, exponent)
    tax = given_back(
        tax=rest.tax, whole=rest.taxable, before=rest.back, back_before=rest.back_tax,
        now=amount, exponent=exponent,
    )  # fmt: skip
    return Given(rest, amount, max(ZERO, min(tax, subtract(rest.gross, rest.net))))


def _of_gross(rest: Rest, amount: Decimal, exponent: int) -> Given:
    """Take the tax out of an amount, as much as belongs to it and as is left."""
    tax = given_back(
        tax=rest.tax, whole=add(rest.taxable, rest.tax), before=add(rest.back, rest.back_tax),
        back_before=rest.back_tax, now=amount, exponent=exponent,
    )  # fmt: skip
    tax = max(subtract(amount, rest.net), ZERO, min(tax, subtract(rest.gross, rest.net), amount))
    return Given(rest, subtract(amount, tax), tax)


def _amount(field: str, amount: Decimal, exponent: int) -> Decimal:
    if amount <= ZERO:
        raise InvalidInputError(field=field, value=amount, remedy="give back more than zero")
    return exact(amount, exponent)


# An adjustment on a later invoice gives back by an amount below zero.
_RESTS: Final = """
    SELECT l.id, l.description, l.taxable, l.tax, l.is_inclusive, g.taxable, g.tax,
           l.category, l.jurisdiction, l.percentage
    FROM billing_invoiceline l
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE n.kind WHEN 'credit_note' THEN b.taxable ELSE -b.taxable END), 0)
                   AS taxable,
               coalesce(sum(CASE n.kind WHEN 'credit_note' THEN b.tax ELSE -b.tax END), 0) AS tax
        FROM billing_invoiceline b JOIN billing_invoice n ON n.id = b.invoice_id
        WHERE b.corrects_line_id = l.id AND n.number <> '' AND n.state <> 'void') g
    WHERE l.invoice_id = %s ORDER BY l.position
"""
