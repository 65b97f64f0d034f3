#!/usr/bin/env python3
"""Run Meterbook's commands."""

import os
import sys

# Commands that change the schema or the roles connect as the database's owner;
# everything else may only do what the application role may.
OWNER_COMMANDS = frozenset(
    {
        "backup",
        "dbshell",
        "doctor",
        "flush",
        "install_broker",
        "makemigrations",
        "migrate",
        "prepare",
        "rebuild_balances",
        "restore",
        "sqlmigrate",
        "test",
    }
)


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.config.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("METERBOOK_DATABASE_ROLE", "owner")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed for this Python. Run `make venv`, then use .venv/bin/python."
        ) from error
    try:
        execute_from_command_line(sys.argv)
    except Exception as error:
        # The embedded server explains itself; a traceback would hide it.
        if type(error.__cause__).__name__ != "EmbeddedError":
            raise
        raise SystemExit(f"The database cannot be used: {error}") from None


if __name__ == "__main__":
    main()
