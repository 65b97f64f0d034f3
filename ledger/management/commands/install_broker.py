"""Put the message queue's SQL into the database."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ledger.config import broker


class Command(BaseCommand):
    """``manage.py install_broker``"""

    help = "Put pgmq's SQL into the database, unless it is there or another broker is in use."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Install it."""
        if settings.CELERY_BROKER_URL.partition("://")[0] not in {"database", "pgmq"}:
            self.stdout.write("CELERY_BROKER_URL names another broker: nothing to install.")
            return
        self.stdout.write(f"pgmq {broker.install()} is in the database.")
