"""
Secrets at rest: encrypted under a key that is derived from the setting SECRET_KEY.

While SECRET_KEY is replaced, what was encrypted under SECRET_KEY_FALLBACKS is read, too.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from ledger.errors import DomainError


class SecretUnreadableError(DomainError):
    """
    The secret was encrypted under another SECRET_KEY.

    Name that key in SECRET_KEY_FALLBACKS, or rotate the endpoint's secret.
    """

    code = "secret_unreadable"


def encrypt(secret: bytes) -> bytes:
    """Return what may be stored."""
    return _cipher().encrypt(secret)


def decrypt(stored: bytes | memoryview) -> bytes:
    """
    Return a secret that was stored.

    Raises:
        SecretUnreadableError: no key of this installation opens it.
    """
    try:
        return _cipher().decrypt(bytes(stored))
    except InvalidToken:
        raise SecretUnreadableError from None


def _cipher() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([_fernet(key) for key in keys])


@lru_cache(maxsize=16)
def _fernet(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"meterbook webhook secrets")
    return Fernet(base64.urlsafe_b64encode(derived.derive(key.encode())))
