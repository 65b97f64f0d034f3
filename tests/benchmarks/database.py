"""A database of its own for benchmarks, on whichever server the settings name."""

from __future__ import annotations

import os
from typing import Final

NAME: Final = "meterbook_bench"


def attach() -> None:
    """Start Django in this process, on the benchmark database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "ledger.config.settings"
    os.environ["METERBOOK_DATABASE_ROLE"] = "owner"
    import django

    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = NAME


def make() -> None:
    """Drop and make the benchmark database, and migrate it."""
    attach()
    from django.core.management import call_command
    from django.db import connection

    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {NAME}")
    call_command("migrate", verbosity=0)
