"""Everything that must be in place before anything runs."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    """``manage.py prepare``"""

    help = (
        "Start the database if it is ours, migrate it, install the broker, take the price list of"
        " language models that is installed, collect static files."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to leave out."""
        parser.add_argument("--no-static", action="store_true", help="leave static files alone")

    def handle(self, *_args: Any, no_static: bool, **_options: Any) -> None:
        """Do only what is left to do."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Migrating the database …")
            call_command("migrate", interactive=False, verbosity=0)
        call_command("install_broker", verbosity=0, stdout=self.stdout)
        call_command("refresh_costs", stdout=self.stdout)
        if not no_static and not settings.WHITENOISE_USE_FINDERS:
            call_command("collectstatic", interactive=False, verbosity=0)
