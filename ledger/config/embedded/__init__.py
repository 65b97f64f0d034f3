"""
PostgreSQL on this machine, with nothing to install: our launcher over packaged binaries.

``ensure(home)`` makes and starts the server if need be and says how to reach it.
"""

from ledger.config.embedded.cluster import APP, DATABASE, OWNER
from ledger.config.embedded.errors import EmbeddedError
from ledger.config.embedded.home import Home
from ledger.config.embedded.lifecycle import HOST, Server, ensure, find, stop

__all__ = [
    "APP",
    "DATABASE",
    "HOST",
    "OWNER",
    "EmbeddedError",
    "Home",
    "Server",
    "ensure",
    "find",
    "stop",
]
