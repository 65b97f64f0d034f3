"""Where sources post to, below ``/api/v1/sources/``."""

from django.urls import path

from integrations.sources import http

urlpatterns = [
    path("kong/http-log", http.kong_http_log),
    path("litellm", http.litellm_log),
    path("otlp/v1/traces", http.otlp_traces),
]
