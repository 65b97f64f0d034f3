"""The entry point of servers: a lane for calls at gateway speed, and WSGI for all else."""

import os
import sys
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.utils.module_loading import import_string

from ledger.config.wsgi import application as everything

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.config.settings")

from ledger.config.lane import Lane

# A thread that answers calls need not wait 5 ms each time for one that reads a batch of usage.
sys.setswitchinterval(0.001)

_wsgi: Any = everything
_otherwise: Any = WSGIMiddleware(_wsgi, workers=settings.WEB_THREADS)

application = Lane(
    calls={address: import_string(call) for address, call in settings.LANE.items()},
    otherwise=_otherwise,
)
