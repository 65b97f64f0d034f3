"""
The broker ``database://…``: kombu's pgmq transport on the database that Django uses.

Its address is looked up at each connection, so that it follows the embedded server to
another port. The SQL of pgmq comes with its Python package and lives in the schema
``pgmq``; no extension is needed.
"""

from typing import Any

import psycopg
from django.db import connections
from kombu.transport import TRANSPORT_ALIASES, pgmq
from pgmq import PGMQueue
from pgmq.install import get_embedded_install_sql, get_embedded_sql_version
from psycopg import sql
from psycopg.conninfo import make_conninfo

SCHEME = "database"
APP_GROUP = "meterbook_app"


def register() -> None:
    """Let kombu know the scheme."""
    TRANSPORT_ALIASES[SCHEME] = "ledger.config.broker:Transport"


class Transport(pgmq.Transport):
    """pgmq, reached as Django reaches its database."""

    def _create_pgmq_client(self) -> PGMQueue:
        assert self.client is not None
        options = self.client.transport_options or {}
        return PGMQueue(
            conn_string=address(),
            vt=int(options["visibility_timeout"]),
            init_extension=False,
            pool_size=int(options["pool_size"]),
        )


def address() -> str:
    """Return how Django reaches its database, as libpq writes it."""
    parameters = connections["default"].get_connection_params()
    known = {key: value for key, value in parameters.items() if key in _LIBPQ}
    return make_conninfo("", **{**known, "application_name": "meterbook broker"})


_LIBPQ = {
    *("host", "port", "dbname", "user", "password", "connect_timeout", "keepalives_idle"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"),
}


def install() -> str:
    """
    Put pgmq into the database unless it is there, open to the application role.

    Needs the owner. Returns the version. The lock keeps two starts from doing it at once.
    """
    version: str = get_embedded_sql_version()
    with psycopg.connect(address()) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('meterbook.pgmq'))")
        found = connection.execute("SELECT to_regnamespace('pgmq') IS NOT NULL").fetchone()
        if not (found and found[0]):
            connection.execute(get_embedded_install_sql())
            for statement in _GRANTS:
                connection.execute(sql.SQL(statement).format(sql.Identifier(APP_GROUP)))
            connection.execute(sql.SQL("COMMENT ON SCHEMA pgmq IS {}").format(sql.Literal(version)))
    return version


_GRANTS: tuple[Any, ...] = (
    "GRANT USAGE, CREATE ON SCHEMA pgmq TO {}",
    "GRANT ALL ON ALL TABLES IN SCHEMA pgmq TO {}",
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA pgmq TO {}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT ALL ON TABLES TO {}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA pgmq GRANT ALL ON SEQUENCES TO {}",
)
