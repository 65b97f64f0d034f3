"""The entry point of servers: a lane for calls at gateway speed, and WSGI for all else."""

import os
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.utils.module_loading import import_string

from ledger.config.wsgi import application as everything

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.config.settings")

from ledger.config.lane import Lane

_wsgi: Any = everything
_otherwise: Any = WSGIMiddleware(_wsgi, workers=settings.WEB_THREADS)

application = Lane(
    calls={address: import_string(call) for address, call in settings.LANE.items()},
    otherwise=_otherwise,
)
