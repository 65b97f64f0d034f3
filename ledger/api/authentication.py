"""Telling who calls: an API key as Bearer or X-API-Key, or a staff member's session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.timezone import now
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.request import Request

from ledger import access
from ledger.api import caller
from ledger.api.caller import Caller
from ledger.models import ApiKey, Book

BOOK_HEADER = "Meterbook-Book"
_NEEDED = {  # scope -> the permission that gives it to a person
    ApiKey.Scope.READ: "ledger.view_transaction",
    ApiKey.Scope.MANAGE: "ledger.change_customer",
    ApiKey.Scope.INGEST: "ledger.change_customer",
    ApiKey.Scope.FINANCE: "ledger.add_transaction",
}


class Machine(AnonymousUser):
    """The user of a request that a key authenticates: nobody in particular, but let in."""

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """Return true: the key has been checked."""
        return True


def key_in(request: HttpRequest | Request) -> str | None:
    """Return the API key that a request carries, if any."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return text.strip()
    return request.headers.get("X-API-Key")


def identify(request: HttpRequest | Request) -> Caller | None:
    """
    Return who calls by key; None if the request carries none.

    Raises:
        KeyRefusedError: the key is not (or no longer) accepted.
    """
    text = key_in(request)
    return None if text is None else caller.of_key(access.authenticate(text, at=now()))


class KeyAuthentication(BaseAuthentication):
    """Authenticates machines by API key."""

    def authenticate(self, request: Request) -> tuple[Machine, Caller] | None:
        """Return the machine and what it may do, or None if no key was sent."""
        try:
            found = identify(request)
        except access.KeyRefusedError as error:
            raise AuthenticationFailed(error.detail, code=error.code) from error
        return None if found is None else (Machine(), found)

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return 'Bearer realm="Meterbook"'


class StaffSession(SessionAuthentication):
    """Authenticates people who signed in to the admin; their permissions give them scopes."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the staff member and what they may do."""
        found = super().authenticate(request)
        if found is None or not found[0].is_staff:
            return None
        user = found[0]
        scopes = frozenset(scope for scope, needed in _NEEDED.items() if user.has_perm(needed))
        return user, Caller(
            name=f"user:{user.get_username()}",
            scopes=scopes,
            known_book=_named_book(request),
            is_staff=True,
        )


def _named_book(request: Request) -> Book | None:
    """Return the book that a person names, or the only one there is."""
    if key := request.headers.get(BOOK_HEADER):
        book = Book.objects.filter(key=key).first() if "\0" not in key else None
        if book is None:
            raise NotFound("No such book.")
        return book
    books = list(Book.objects.all()[:2])
    return books[0] if len(books) == 1 else None
