"""Paths of the integrations package, below ``/api/v1/``."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("gateway/", include("integrations.gateway.urls")),
]
