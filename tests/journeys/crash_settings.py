"""The ordinary settings, with work that is easy to count and periods that are short to wait for."""

from dataclasses import replace
from datetime import timedelta

from ledger.config.settings import *  # noqa: F403
from ledger.config.settings import INSTALLED_APPS as APPS
from ledger.config.settings import JOBS as ORDINARY

# Workers have no pages: they need not load them.
INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig" if app == "django.contrib.admin" else app
    for app in APPS
]

JOBS = tuple(
    replace(job, every=timedelta(seconds=1)) if job.name == "relay_outbox" else job
    for job in ORDINARY
)
OUTBOX_HANDLERS = {"counted": "tests.journeys.counting.handle"}
CELERY_IMPORTS = ["tests.journeys.counting"]
