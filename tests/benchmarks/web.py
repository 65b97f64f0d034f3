"""The application as it is served, but for ``web_urls``."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
settings.ROOT_URLCONF = "tests.benchmarks.web_urls"
