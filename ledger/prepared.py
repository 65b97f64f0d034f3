"""
Statements that are planned once per connection: for short ones on hot paths.

Planning a join can cost more than running it. The server keeps the plan under the statement's text,
so the text must not depend on what is asked for: parameters do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection


class _Cursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor whose statements are prepared when they first run."""

    def execute(
        self,
        query: Any,
        params: Any = None,
        *,
        prepare: bool | None = True,
        binary: bool | None = None,
    ) -> _Cursor:
        super().execute(query, params, prepare=prepare, binary=binary)
        return self


def rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a statement on the connection at hand, and return its rows."""
    with _cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _cursor() -> Any:
    """Return a cursor whose errors Django names, like its own; where it logs, that one."""
    if not settings.METERBOOK_PREPARE or connection.queries_logged:
        return connection.cursor()  # the driver forgets the text of what is prepared
    connection.close_if_health_check_failed()  # once a request, as Django's own cursor does
    connection.ensure_connection()
    driver: Any = connection
    # Django turns preparing off for a connection; its own cursors never prepare in any case.
    driver.connection.prepare_threshold = 0
    return driver.make_cursor(_Cursor(driver.connection))
