"""The Celery application; tasks are found in each package's ``tasks`` module."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.config.settings")

app = Celery("meterbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
