"""The database's users: who owns, who works, who may only look."""

import psycopg
from psycopg import sql

from ledger.config.embedded.cluster import APP, DATABASE

APP_GROUP = "meterbook_app"
REPORT_GROUP = "meterbook_report"

_ROLE = sql.SQL("SELECT 1 FROM pg_roles WHERE rolname = %s")


def ensure(*, owner: str, app_password: str) -> None:
    """
    Create what is missing: the group roles, the application's login and the database.

    ``owner`` is a connection string of the owner for the database ``postgres``.
    """
    with psycopg.connect(owner, autocommit=True) as connection:
        for group in (APP_GROUP, REPORT_GROUP):
            if connection.execute(_ROLE, [group]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
        if connection.execute(_ROLE, [APP]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(APP), sql.Literal(app_password), sql.Identifier(APP_GROUP)
                )
            )
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
