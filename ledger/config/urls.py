"""Where everything answers."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("ledger.api.urls")),
    path("api/v1/", include("wallets.api.urls")),
    path("api/v1/", include("billing.api.urls")),
    path("api/v1/", include("integrations.api.urls")),
    path("api/v3/openmeter/", include("integrations.api.openmeter")),
]

handler400 = "ledger.api.problems.bad_request"
handler403 = "ledger.api.problems.forbidden"
handler404 = "ledger.api.problems.not_found"
handler500 = "ledger.api.problems.server_error"
