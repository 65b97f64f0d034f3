"""
Writes happen once: the first answer to an Idempotency-Key is kept and replayed.

The row of the key is written in the database transaction of the effect. So a crash leaves either
both or neither, a refused request keeps nothing, and of two first uses at once the second
waits for the first: on its row, by the unique index.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

import psycopg
from django.db import OperationalError, connection, transaction
from django.utils.timezone import now
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.api.caller import Caller
from ledger.errors import ConflictError, IdempotencyConflictError, InvalidInputError

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_WAIT: Final = "10s"

M = TypeVar("M", bound=Callable[..., Response])


class InProgressError(ConflictError):
    """A request with that Idempotency-Key is still under way; send it again later."""

    code = "idempotency_in_progress"


def once(*, is_required: bool = False) -> Callable[[M], M]:
    """
    Make a view's method honour Idempotency-Key, or insist on it (for what moves money).

    Raises:
        InvalidInputError: the key is malformed, or missing where it is required.
        IdempotencyConflictError: the key stands for another request.
        InProgressError: its first use takes longer than this one can wait.
    """

    def decorate(method: M) -> M:
        @wraps(method)
        def answer(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = _key_of(request, is_required=is_required)
            if key is None:
                return method(self, request, *args, **kwargs)
            return _answer(request, key, lambda: method(self, request, *args, **kwargs))

        answer.idempotency = "required" if is_required else "optional"  # type: ignore[attr-defined]
        return cast("M", answer)

    return decorate


def _key_of(request: Request, *, is_required: bool) -> str | None:
    key = request.headers.get(HEADER)
    if key is None and not is_required:
        return None
    if key is None or not _KEY.fullmatch(key):
        raise InvalidInputError(
            field=HEADER, value=key, remedy="send 1 to 200 printable characters without spaces"
        )
    return key


def _answer(request: Request, key: str, act: Callable[[], Response]) -> Response:
    caller = request.auth
    assert isinstance(caller, Caller), "permissions let nobody else in"
    print_ = _fingerprint(request)
    # Keys of callers that are bound to different customers never meet.
    kept_as = f"{caller.customer_id or 0}:{key}"
    with transaction.atomic():
        row_id = _claim(caller.book.pk, kept_as, print_)
        if row_id is None:
            return _replay(caller.book.pk, kept_as, print_, key)
        response = act()
        _keep(row_id, response)
    return response


def _claim(book_id: int, key: str, print_: bytes) -> int | None:
    """Insert the key's row and return its id; None if it is taken. Waits for a first use."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_WAIT}'")
        try:
            cursor.execute(_CLAIM, [book_id, key, print_, now()])
        except OperationalError as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise InProgressError from error
            raise
        row = cursor.fetchone()
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return int(row[0]) if row else None


_CLAIM: Final = """
    INSERT INTO ledger_idempotentreply (book_id, key, fingerprint, created_at)
    VALUES (%s, %s, %s, %s) ON CONFLICT (book_id, key) DO NOTHING RETURNING id
"""


def _keep(row_id: int, response: Response) -> None:
    body = None if response.data is None else JSONRenderer().render(response.data).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_idempotentreply SET status = %s, body = %s::jsonb WHERE id = %s",
            [response.status_code, body, row_id],
        )


def _replay(book_id: int, key: str, print_: bytes, shown: str) -> Response:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT fingerprint, status, body FROM ledger_idempotentreply"
            " WHERE book_id = %s AND key = %s",
            [book_id, key],
        )
        fingerprint, status, body = cursor.fetchone()
    if bytes(fingerprint) != print_:
        raise IdempotencyConflictError(key=shown)
    data = json.loads(body) if isinstance(body, str) else body
    return Response(data, status=status, headers={REPLAYED: "true"})


def _fingerprint(request: Request) -> bytes:
    """Return what makes two requests the same: method, address and what the body says."""
    body: Any = request.data
    written = json.dumps(
        [request.method, request.get_full_path(), body], sort_keys=True, default=str
    )
    return hashlib.sha256(written.encode(errors="replace")).digest()
