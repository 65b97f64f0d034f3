"""The application as it is served, but for ``web_urls``."""

from django.conf import settings

from ledger.config.asgi import application

__all__ = ["application"]

settings.ROOT_URLCONF = "tests.benchmarks.web_urls"
