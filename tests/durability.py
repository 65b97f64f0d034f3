"""Whether the server of a test process waits for the disk: not where nobody else uses it."""

from __future__ import annotations

import os

import psycopg
from django.conf import settings

from ledger.config import embedded
from tests.polling import eventually


def is_ours() -> bool:
    """Say whether the server is this test process's alone: a crash of the machine may take it."""
    is_embedded = "EMBEDDED_HOME" in settings.DATABASES["default"]
    return is_embedded and "PYTEST_XDIST_WORKER" in os.environ


def wait_for_disk(state: str) -> None:
    """Have the server wait for the disk, or not: ``on`` or ``off``."""
    server = embedded.ensure(embedded.Home(settings.HOME))
    address = server.url(user=embedded.OWNER)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET fsync = {state}")
        connection.execute("SELECT pg_reload_conf()")
    eventually(lambda: _fsync(address) == state, why=f"fsync does not turn {state}")


def _fsync(address: str) -> str:
    with psycopg.connect(address) as connection:
        row = connection.execute("SHOW fsync").fetchone()
    assert row is not None, "SHOW answers with a row"
    return str(row[0])
