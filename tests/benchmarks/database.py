"""Databases of their own for benchmarks, on whichever server the settings name."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit, urlunsplit

NAME: Final = os.environ.get("MB_BENCH_DATABASE", "meterbook_bench")
_URLS: Final = ("DATABASE_URL", "DATABASE_OWNER_URL")


def attach(name: str = NAME) -> None:
    """Start Django in this process, or turn it, to a benchmark database; children follow."""
    for variable in _URLS:
        if address := os.environ.get(variable):
            os.environ[variable] = urlunsplit(urlsplit(address)._replace(path=f"/{name}"))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "ledger.config.settings",
        "METERBOOK_DATABASE_ROLE": "owner",
        "METERBOOK_DATABASE_NAME": name,
    }
    import django

    django.setup()
    from django.db import connection

    if connection.settings_dict["NAME"] != name:
        connection.close()
        connection.settings_dict["NAME"] = name


def make(name: str = NAME) -> None:
    """Drop and make a benchmark database, and migrate it; this process is attached to it."""
    drop(name)
    from django.core.management import call_command

    with _elsewhere() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    call_command("migrate", verbosity=0)


def drop(name: str = NAME) -> None:
    """Drop a benchmark database, if there is one."""
    attach(name)
    from django.db import connection

    connection.close()
    with _elsewhere() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def as_application() -> dict[str, str]:
    """Return the environment of a process that uses the database with the application's rights."""
    return {**os.environ, "METERBOOK_DATABASE_ROLE": "app"}


def settle() -> None:
    """Bring statistics and files up to date, as autovacuum and the checkpointer would in time."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def _elsewhere():  # type: ignore[no-untyped-def]
    from django.db import connection

    return connection._nodb_cursor()
