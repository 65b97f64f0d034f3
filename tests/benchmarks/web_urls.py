"""The application's addresses with an empty view beside them: what any view costs there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    """Answer with nothing."""
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [
    path("api/v1/empty", empty),
    path("", include("ledger.config.urls")),
]
