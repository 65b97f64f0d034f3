"""A statement of account in a reader's words, ready to be set: text alone (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.invoicing.documents.presenting import account_rows, breakable, party_shown
from billing.invoicing.documents.printable import BankAccount, PrintedParty
from billing.invoicing.documents.wording import Wording
from ledger.money import ZERO

_WORDS: Final = ("date", "description", "charged", "paid_in", "balance", "opening", "closing")
_ENDINGS: Final = ("void", "taken back")
_DOCUMENTS: Final = ("invoice", "credit_note", "debit_note")
_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedMove:
    """What moved a payer's balance: above zero is owed more, below less."""

    at: datetime
    name: str  # in English, like "Payment" or "Invoice void"
    number: str
    text: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedStatement:
    """All that a statement of account says, in no language."""

    seller: PrintedParty
    buyer: PrintedParty
    buyer_key: str
    currency: str
    exponent: int
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    opening: Decimal
    closing: Decimal
    moves: Sequence[PrintedMove]
    aged_at: datetime
    bounds: Sequence[int]  # days overdue, growing from 0
    owed: Sequence[Decimal]  # an amount for each bucket
    unallocated: Decimal  # credit notes and money that no document was given yet
    bank_accounts: Sequence[BankAccount]


def present_account(printed: PrintedStatement, words: Wording) -> dict[str, Any]:
    """Return what the template of statements shows, as JSON can carry it."""
    said = words.group("account")
    return {
        "language": words.language,
        "title": said["title"],
        "number": "",
        "words": {name: said.get(name) or words[name] for name in _WORDS}
        | {"bill_to": words["customer"]},
        "page": words["page"],
        "seller": party_shown(printed.seller, words),
        "buyer": party_shown(printed.buyer, words),
        "facts": _facts(printed, words),
        "due": _due(printed, words),
        "opening": words.amount(printed.opening, printed.exponent),
        "closing": words.amount(printed.closing, printed.exponent),
        "moves": [_move(move, printed, words) for move in printed.moves],
        "ageing": _ageing(printed, words),
        "payment": _payment(printed, words),
    }


def _facts(printed: PrintedStatement, words: Wording) -> list[list[str]]:
    period = words.period(printed.starts_at, printed.ends_at, printed.time_zone)
    said = words.group("account")
    rows = [(said["period"], period), (words["customer"], printed.buyer_key)]
    rows.append((said["currency"], printed.currency))
    return [[label, breakable(value)] for label, value in rows]


def _due(printed: PrintedStatement, words: Wording) -> dict[str, str]:
    """Return what stands out at the top: what is owed, or what the payer is ahead."""
    said, is_ahead = words.group("account"), printed.closing < ZERO
    return {
        "label": said["in_favour" if is_ahead else "owed"],
        "amount": words.money(abs(printed.closing), printed.currency, printed.exponent),
        "by": said["at"].format(date=_day(printed.ends_at - _MOMENT, printed, words)),
    }


def _day(at: datetime, printed: PrintedStatement, words: Wording) -> str:
    return words.date(at.astimezone(ZoneInfo(printed.time_zone)).date())


def _move(move: PrintedMove, printed: PrintedStatement, words: Wording) -> dict[str, str]:
    amount = words.amount(abs(move.amount), printed.exponent)
    return {
        "date": _day(move.at, printed, words),
        "name": named(move.name, words),
        "number": breakable(move.number),
        "text": breakable(move.text),
        "charged": amount if move.amount > ZERO else "",
        "credited": amount if move.amount < ZERO else "",
        "balance": words.amount(move.balance, printed.exponent),
    }


def named(name: str, words: Wording) -> str:
    """
    Return what a movement is called in a language; as it is if the language has no word for it.

    >>> from billing.invoicing.documents.wording import wording
    >>> [named(name, wording("de")) for name in ("Payment taken back", "Invoice void", "Transfer")]
    ['Zahlung (rückgängig)', 'Rechnung (storniert)', 'Transfer']
    """
    documents = {kind.replace("_", " "): words[kind] for kind in _DOCUMENTS}
    moves = words.group("moves") | documents
    for ending in _ENDINGS:
        first = name.removesuffix(f" {ending}")
        if first != name:
            return moves[ending].format(name=moves.get(first.lower(), first))
    return moves.get(name.lower(), name)


def _ageing(printed: PrintedStatement, words: Wording) -> dict[str, Any] | None:
    """Return what is open by days overdue, if anything is."""
    if not any(printed.owed) and not printed.unallocated:
        return None
    said = words.group("account")
    spans = zip(printed.bounds, printed.bounds[1:], strict=False)
    labels = [
        said["not_due"],
        *(said["days"].format(first=first + 1, last=last) for first, last in spans),
        said["over"].format(days=printed.bounds[-1]),
        said["unallocated"],
    ]
    amounts = [*printed.owed, printed.unallocated.copy_negate()]
    return {
        "title": said["open"].format(date=_day(printed.aged_at, printed, words)),
        "labels": labels,
        "amounts": [words.amount(amount, printed.exponent) for amount in amounts],
    }


def _payment(printed: PrintedStatement, words: Wording) -> dict[str, Any] | None:
    """Return how to pay what is owed, if there is an account to pay it to."""
    rows = account_rows(printed.bank_accounts, printed.currency, printed.seller, words)
    if not rows or printed.closing <= ZERO:
        return None
    amount = words.money(printed.closing, printed.currency, printed.exponent)
    text = words.group("account")["settle"].format(amount=amount)
    return {"title": words["payment"], "text": text, "rows": rows, "code": "", "scan": ""}
