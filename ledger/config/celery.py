"""The Celery application; tasks are found in each package's ``tasks`` module."""

import os
import warnings

from celery import Celery
from celery.signals import setup_logging

from ledger.config import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.config.settings")

# Messages are JSON, so that one from a stranger cannot run code as root.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

broker.register()
app = Celery("meterbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()


@setup_logging.connect
def _keep_our_logs(**_facts: object) -> None:
    """Celery leaves logging alone once somebody listens here; the settings did it."""
