"""What money is for: by the payer's reference, by its amount, or the oldest first (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.money import ZERO, add, subtract, total

_BETWEEN: Final = re.compile(r"[\s,;]+")  # one number and the next
_NO_SIGN: Final = re.compile(r"[^0-9A-Z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A document that may be paid; what was written off of it may come in all the same."""

    id: int
    number: str
    open: Decimal
    written_off: Decimal = ZERO
    due_date: date | None = None

    @property
    def payable(self) -> Decimal:
        return add(self.open, self.written_off)


class Share(NamedTuple):
    """How much of the money a document gets."""

    invoice_id: int
    amount: Decimal


class Proposal(NamedTuple):
    """What money may be for, and why one should think so."""

    shares: tuple[Share, ...]
    why: str  # reference, amount, everything, oldest


def oldest_first(amount: Decimal, documents: Sequence[Open]) -> list[Share]:
    """
    Give to what has been due for longest, until nothing is left.

    >>> owed = [Open(id=2, number="B", open=Decimal(30), due_date=date(2025, 2, 1)),
    ...         Open(id=1, number="A", open=Decimal(20), due_date=date(2025, 1, 1))]
    >>> [(share.invoice_id, int(share.amount)) for share in oldest_first(Decimal(25), owed)]
    [(1, 20), (2, 5)]
    """
    by_age = sorted(documents, key=lambda one: (one.due_date or date.max, one.id))
    return _fill(amount, [(one.id, one.open) for one in by_age])


def in_order(amount: Decimal, documents: Sequence[Open]) -> list[Share]:
    """Give to documents in the order in which they are named, what was written off included."""
    return _fill(amount, [(one.id, one.payable) for one in documents])


def named_in(reference: str, documents: Sequence[Open]) -> list[Open]:
    """
    Return the documents whose numbers a payer's reference has, in the order in which it does.

    Signs between letters and digits do not matter, nor what a creditor's reference (RF…) puts
    before the number.

    >>> owed = [Open(id=7, number="INV-2026-000012", open=Decimal(1)),
    ...         Open(id=8, number="INV-2026-00001", open=Decimal(1))]
    >>> [one.id for one in named_in("RF18 INV2026 000012 thanks", owed)]
    [7]
    >>> [one.id for one in named_in("INV-2026-000012 and INV-2026-00001", owed)]
    [7, 8]
    """
    words = [_NO_SIGN.sub("", word) for word in _BETWEEN.split(reference.upper())]
    found = [
        (place, one)
        for one in documents
        if (place := _place(_NO_SIGN.sub("", one.number.upper()), words)) is not None
    ]
    return [one for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].id))]


def _place(number: str, words: Sequence[str]) -> int | None:
    """Return where among a reference's words a number is, all of it; None: nowhere."""
    if not number:
        return None
    before = "" if number[0].isalpha() else r"(?<!\d)"  # digits there belong to another number
    whole = re.compile(rf"{before}{re.escape(number)}(?!\d)")
    if found := whole.search("".join(words)):
        return found.start()
    if found := whole.search(" ".join(words)):
        return found.start() - " ".join(words)[: found.start()].count(" ")
    return 0 if re.match(rf"RF\d\d{re.escape(number)}(?!\d)", "".join(words)) else None


def propose(*, amount: Decimal, reference: str, documents: Sequence[Open]) -> list[Proposal]:
    """
    Say what money may be for, the surest first.

    Documents that the reference names; the only one that leaves just as much open; all of them, if
    that is what they come to; the oldest first.
    """
    proposals = []
    if named := named_in(reference, documents):
        proposals.append(Proposal(tuple(in_order(amount, named)), "reference"))
    owed = [one for one in documents if one.open > ZERO]
    same = [one for one in owed if one.open == amount]
    if len(same) == 1:
        proposals.append(Proposal((Share(same[0].id, amount),), "amount"))
    if len(owed) > 1 and total(one.open for one in owed) == amount:
        shares = tuple(Share(one.id, one.open) for one in owed)
        proposals.append(Proposal(shares, "everything"))
    if owed:
        proposals.append(Proposal(tuple(oldest_first(amount, owed)), "oldest"))
    return proposals


def _fill(amount: Decimal, wants: Sequence[tuple[int, Decimal]]) -> list[Share]:
    left, shares = amount, []
    for invoice_id, wanted in wants:
        given = min(left, wanted)
        if given > ZERO:
            shares.append(Share(invoice_id, given))
            left = subtract(left, given)
    return shares
