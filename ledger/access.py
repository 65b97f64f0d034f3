"""
Keys for machines: issued once, kept as a keyed hash only, limited to scopes, revocable.

A key reads ``mb_<live|test>_<prefix>_<secret><checksum>``. The prefix finds its row, the checksum
(CRC-32 of all before it) tells a mistyped key from a wrong one without a look into the
database. What is kept of the secret is its HMAC-SHA256 under a pepper that is not in the database.

A key that was accepted is remembered by this process for a second: a revoked key works no longer
than that.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db.models import Q

from ledger import inputs
from ledger.errors import DomainError, InvalidInputError
from ledger.models import ApiKey, Book, Customer

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIX: Final = 12  # characters: 71 bits, so that prefixes do not meet
_SECRET: Final = 43  # characters: 256 bits
_CHECKSUM: Final = 6  # characters hold 32 bits
_LONGEST: Final = 200
_REMEMBERED_FOR: Final = timedelta(seconds=1)
_REMEMBERED: Final = 10_000
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


class KeyRefusedError(DomainError):
    """The API key is not known."""

    code = "key_refused"


class KeyExpiredError(KeyRefusedError):
    """The API key has expired."""

    code = "key_expired"


class KeyRevokedError(KeyRefusedError):
    """The API key has been revoked."""

    code = "key_revoked"


class _Remembered(NamedTuple):
    """An accepted key, and until when nobody need ask again."""

    key: ApiKey
    since: datetime


_accepted: dict[bytes, _Remembered] = {}


def issue_key(
    *,
    book: Book,
    name: str,
    scopes: Iterable[str],
    at: datetime,
    customer: Customer | None = None,
    expires_at: datetime | None = None,
    is_live: bool = True,
) -> tuple[ApiKey, str]:
    """
    Make a key for one book, perhaps for one customer and what is below it; return it and its text.

    The text is shown this once: it cannot be found again.

    Raises:
        InvalidInputError: no scope or an unknown one, another book's customer, an end in the past.
    """
    granted = sorted({inputs.choice("scopes", scope, ApiKey.Scope.values) for scope in scopes})
    if not granted:
        remedy = f"name at least one of {', '.join(ApiKey.Scope.values)}"
        raise InvalidInputError(field="scopes", value=[], remedy=remedy)
    if customer is not None and customer.book_id != book.pk:
        remedy = "name a customer of the book"
        raise InvalidInputError(field="customer", value=customer.key, remedy=remedy)
    if expires_at is not None and expires_at <= at:
        raise InvalidInputError(
            field="expires_at", value=expires_at.isoformat(), remedy="name an instant to come"
        )
    prefix, secret = _random(_PREFIX), _random(_SECRET)
    key = ApiKey.objects.create(
        book=book,
        customer=customer,
        name=inputs.name("name", name),
        prefix=prefix,
        digest=_digest(secret, next(_peppers())),
        scopes=granted,
        created_at=at,
        expires_at=expires_at,
    )
    shown = f"mb_{'live' if is_live else 'test'}_{prefix}_{secret}"
    return key, shown + _checksum(shown)


def authenticate(text: str, *, at: datetime) -> ApiKey:
    """
    Return the key that a text is, with its book.

    Raises:
        KeyRefusedError: it is none of ours.
        KeyExpiredError, KeyRevokedError: it was one.
    """
    if len(text) > _LONGEST:
        raise KeyRefusedError
    handle = hashlib.sha256(text.encode(errors="replace")).digest()
    remembered = _accepted.get(handle)
    if remembered and timedelta() <= at - remembered.since < _REMEMBERED_FOR:
        return remembered.key
    key = _known(text)
    if key.revoked_at is not None:
        raise KeyRevokedError
    if key.expires_at is not None and key.expires_at <= at:
        raise KeyExpiredError
    _note_use(key, at)
    if len(_accepted) >= _REMEMBERED:
        _accepted.clear()
    _accepted[handle] = _Remembered(key, at)
    return key


def revoke(*, key: ApiKey, at: datetime) -> ApiKey:
    """End a key; within a second no process accepts it any more. Again changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at)
    for handle, remembered in list(_accepted.items()):
        if remembered.key.pk == key.pk:
            _accepted.pop(handle, None)
    key.refresh_from_db()
    return key


def _known(text: str) -> ApiKey:
    parts = text.split("_")
    if len(parts) != 4 or parts[0] != "mb" or not text.isascii():  # noqa: PLR2004
        raise KeyRefusedError
    if not hmac.compare_digest(_checksum(text[:-_CHECKSUM]), text[-_CHECKSUM:]):
        raise KeyRefusedError
    key = ApiKey.objects.select_related("book").filter(prefix=parts[2]).first()
    # A missing row costs the same time as a wrong secret.
    kept = bytes(key.digest) if key else bytes(hashlib.sha256().digest_size)
    secret = parts[3][:-_CHECKSUM]
    matches = [hmac.compare_digest(_digest(secret, pepper), kept) for pepper in _peppers()]
    if key is None or not any(matches):
        raise KeyRefusedError
    return key


def _note_use(key: ApiKey, at: datetime) -> None:
    due = at - _USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at <= due:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=due)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=at)


def _peppers() -> Iterator[bytes]:
    """Yield the pepper in force, then those that a change of the secret key left behind."""
    for secret in filter(
        None, (settings.KEY_PEPPER, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ):
        yield hmac.digest(secret.encode(), b"meterbook api keys 1", "sha256")


def _digest(secret: str, pepper: bytes) -> bytes:
    return hmac.digest(pepper, secret.encode(), "sha256")


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_LETTERS))
        digits = _LETTERS[digit] + digits
    return digits
