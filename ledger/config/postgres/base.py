"""
The database backend: Django's own, plus two things.

It refuses servers older than PostgreSQL 15. Where the settings name the embedded
server, the address and password are looked up at each new connection, and the server
is made and started if it does not run.
"""

import time
from pathlib import Path
from typing import Any

import psycopg
from django.db import OperationalError
from django.db.backends.postgresql import base, features

from ledger.config import embedded
from ledger.config.postgres.client import DatabaseClient

_PAUSES = (0.1, 0.5)  # seconds in which a dying server is gone


class DatabaseFeatures(features.DatabaseFeatures):
    """What the ledger's schema needs of the server."""

    minimum_database_version = (15,)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the ledger's database."""

    features_class = DatabaseFeatures
    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's parameters, completed with the embedded server's address."""
        home = self.settings_dict.get("EMBEDDED_HOME")
        if home:
            server = _server(Path(home))
            self.settings_dict["HOST"] = embedded.HOST
            self.settings_dict["PORT"] = str(server.port)
            self.settings_dict["PASSWORD"] = server.home.password(self.settings_dict["USER"])
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; an embedded server that has just died is started again first."""
        for pause in _PAUSES if self.settings_dict.get("EMBEDDED_HOME") else ():
            try:
                return super().get_new_connection(conn_params)
            except psycopg.OperationalError:
                time.sleep(pause)
                conn_params = self.get_connection_params()
        return super().get_new_connection(conn_params)


def _server(home: Path) -> embedded.Server:
    """Return the embedded server; that it cannot run is an error like any other of a database."""
    try:
        return embedded.ensure(embedded.Home(home))
    except embedded.EmbeddedError as error:
        raise OperationalError(str(error)) from error
