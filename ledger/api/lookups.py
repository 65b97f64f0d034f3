"""Finding what an address names, among what the caller may see."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from django.db.models import Model, Q, QuerySet

from ledger.api.caller import Caller
from ledger.errors import NotFoundError
from ledger.models import Account, Asset, Customer

_MOST: Final = 2**63 - 1

M = TypeVar("M", bound=Model)


def by_id(rows: QuerySet[M], text: str, kind: str) -> M:
    """
    Return the row with an id.

    Raises:
        NotFoundError: none of these rows has it.
    """
    row = rows.filter(pk=number).first() if (number := _number(text)) is not None else None
    if row is None:
        raise NotFoundError(**{kind: text})
    return row


def by_id_or_key(rows: QuerySet[M], text: str, kind: str) -> M:
    """
    Return the row with an id (all digits) or a key; ``key:10023`` is a key in any case.

    Raises:
        NotFoundError: none of these rows has it.
    """
    if text.isdigit():
        return by_id(rows, text, kind)
    return by_key(rows, text.removeprefix("key:"), kind)


def by_key(rows: QuerySet[M], text: str, kind: str, *, field: str = "key") -> M:
    """
    Return the row with a key; errors as ``by_id``.

    Raises:
        NotFoundError: none of these rows has it.
    """
    row = rows.filter(**{field: text}).first() if _is_storable(text) else None
    if row is None:
        raise NotFoundError(**{kind: text})
    return row


def customer(caller: Caller, text: str) -> Customer:
    """Return a customer that the caller may see; errors as ``by_id``."""
    return by_id_or_key(caller.customers.select_related("parent"), text, "customer")


def asset(code: str) -> Asset:
    """Return an asset; errors as ``by_id``."""
    return by_key(Asset.objects.all(), code, "asset", field="code")


def account(caller: Caller, text: str) -> Account:
    """Return an account that the caller may see; errors as ``by_id``."""
    return by_id(accounts(caller).select_related("asset", "customer"), text, "account")


def accounts(caller: Caller) -> QuerySet[Account]:
    """Return the accounts that the caller may see."""
    return within(caller, Account.objects.filter(book=caller.book), "customer")


def within(caller: Caller, rows: QuerySet[M], path: str) -> QuerySet[M]:
    """Return those of the rows that are of customers the caller may see."""
    reach: Any = caller.reach
    return rows if reach is None else rows.filter(Q(**{f"{path}__in": reach}))


def _number(text: str) -> int | None:
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004
    return found if found is not None and found <= _MOST else None


def _is_storable(text: str) -> bool:
    return "\0" not in text and text == text.encode(errors="replace").decode()
