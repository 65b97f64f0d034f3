"""Where gateways ask, below ``/api/v1/``."""

from django.urls import path

from integrations.gateway.ext_authz import ext_authz
from integrations.gateway.forward_auth import auth_request, forward_auth
from integrations.gateway.opa import opa

urlpatterns = [
    path("forward-auth", forward_auth),
    path("auth-request", auth_request),
    path("ext-authz/<str:options>/<path:path>", ext_authz),
    path("ext-authz/<str:options>/", ext_authz),
    path("opa", opa),
    path("opa/<str:options>", opa),
]
