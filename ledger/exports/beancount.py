"""
Plain-text accounting in beancount's syntax (pure).

Names there are narrower than ours: an account is ``Assets:Like-This:Here``, a commodity has
capitals. What does not fit is replaced, and where two would become one, the later opened carries
its number; so names stay the same from one export to the next.

Beancount computes with 28 digits unless told otherwise; amounts here may have 38.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from ledger.money import text

ROOTS: Final = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
    "memo": "Equity:Memo",
}
_SERIAL: Final = 0xFFFFFFFF
_LONGEST: Final = 24
_RESERVED: Final = frozenset({"TRUE", "FALSE", "NULL"})
_COMMODITY: Final = re.compile(r"[^A-Z0-9]+")
_COMPONENT: Final = re.compile(r"[^A-Za-z0-9]+")
_LINE_BREAKS: Final = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An account and what its name is made of."""

    account_id: int
    type: str
    purpose: str
    customer: str  # its key; empty for the book's own
    discriminator: str
    asset: str


@dataclass(frozen=True, slots=True)
class Leg:
    """What a transaction moved on one account: debits less credits."""

    account_id: int
    amount: Decimal


def commodities(assets: Mapping[int, str]) -> dict[str, str]:
    """
    Return a commodity for each asset code (given by id), no two alike.

    >>> commodities({1: "USD", 2: "input-tokens", 3: "input_tokens", 4: "7x", 5: "true"})
    {'USD': 'USD', 'input-tokens': 'INPUT-TOKENS', 'input_tokens': 'INPUT-TOKENS-3',
     '7x': 'X-7X', 'true': 'TRUE-X'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for asset_id, code in sorted(assets.items()):
        name = _commodity(code)
        suffix = f"-{asset_id}"
        while name in taken:
            name = name[: _LONGEST - len(suffix)].rstrip("-") + suffix
            suffix += "X"
        taken.add(name)
        found[code] = name
    return found


def names(accounts: Iterable[Named]) -> dict[int, str]:
    """
    Return an account name for each account, no two alike.

    >>> lot = Named(account_id=5, type="liability", purpose="credit_lot", customer="acme, inc.",
    ...             discriminator="7", asset="USD")
    >>> names([lot])
    {5: 'Liabilities:Credit-lot:Acme-inc:7:USD'}
    """
    found: dict[int, str] = {}
    taken: set[str] = set()
    for account in sorted(accounts, key=lambda account: account.account_id & _SERIAL):
        parts = (account.purpose, account.customer, account.discriminator, account.asset)
        name = ":".join([ROOTS[account.type], *(_component(part) for part in parts if part)])
        suffix = f"-{account.account_id & _SERIAL}"
        while name in taken:
            name += suffix
        taken.add(name)
        found[account.account_id] = name
    return found


def heading(title: str, currency: str) -> str:
    """Return the options a file begins with."""
    return f'option "title" {_quoted(title)}\noption "operating_currency" {_quoted(currency)}\n\n'


def commodity(day: date, name: str, code: str) -> str:
    """Return the declaration of a commodity."""
    return f"{day} commodity {name}\n  asset: {_quoted(code)}\n"


def opening(day: date, name: str, commodity_: str, account_id: int) -> str:
    """Return the opening of an account."""
    return f"{day} open {name} {commodity_}\n  account: {_quoted(str(account_id))}\n"


def transaction(
    day: date,
    *,
    payee: str,
    narration: str,
    metadata: Mapping[str, str],
    legs: Iterable[Leg],
    accounts: Mapping[int, tuple[str, str]],
) -> str:
    """Return a transaction; ``accounts`` gives each one's name and commodity."""
    lines = [f"{day} * {_quoted(payee)} {_quoted(narration)}"]
    lines += [f"  {key}: {_quoted(value)}" for key, value in metadata.items() if value]
    lines += list(_legs(legs, accounts))
    return "\n".join(lines) + "\n\n"


def assertion(day: date, name: str, amount: Decimal, commodity_: str) -> str:
    """Return the claim that an account holds exactly this when a day begins."""
    return f"{day} balance {name}  {text(amount)} ~ 0 {commodity_}\n"


def _legs(legs: Iterable[Leg], accounts: Mapping[int, tuple[str, str]]) -> Iterator[str]:
    for leg in legs:
        if leg.amount:
            name, commodity_ = accounts[leg.account_id]
            yield f"  {name}  {text(leg.amount)} {commodity_}"


def _commodity(code: str) -> str:
    name = _COMMODITY.sub("-", code.upper()).strip("-")
    if not name[:1].isalpha():
        name = f"X-{name}".rstrip("-")
    name = name[:_LONGEST].rstrip("-")
    return f"{name}-X" if name in _RESERVED or len(name) == 1 else name


def _component(part: str) -> str:
    name = _COMPONENT.sub("-", part).strip("-") or "X"
    return name[0].upper() + name[1:]


def _quoted(value: str) -> str:
    plain = _LINE_BREAKS.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
