"""``manage.py dbshell`` with the packaged psql, where the machine has none."""

import shutil
from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from ledger.config.embedded import binaries


class DatabaseClient(client.DatabaseClient):
    """Starts psql."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the command line and environment of psql."""
        command, environment = super().settings_to_cmd_args_env(settings_dict, parameters)
        if shutil.which(command[0]) is None:
            command[0] = str(binaries.packaged().program(command[0]))
        return command, environment

    def runshell(self, parameters: Iterable[str]) -> None:
        """Open psql; the embedded server is started first."""
        self.connection.get_connection_params()
        super().runshell(parameters)
