"""Paths of OpenMeter's v3 API that are served here, below ``/api/v3/openmeter/``."""

from django.urls import URLPattern, URLResolver, path

from integrations.gateway import entitlement_access
from integrations.sources import openmeter

urlpatterns: list[URLPattern | URLResolver] = [
    path("customers/<str:customer>/entitlement-access", entitlement_access.of_customer),
    path("events", openmeter.events),
    path("entitlement-access/query", entitlement_access.query),
]
