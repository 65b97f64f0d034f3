"""Paths of the ledger package, below ``/api/v1/``."""

from django.urls import path
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularRedocView,
    SpectacularSwaggerView,
    SpectacularYAMLAPIView,
)

from ledger.api.views import accounts, clocks, journal, registry

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("openapi.yaml", SpectacularYAMLAPIView.as_view(), name="openapi-yaml"),
    path("docs", SpectacularSwaggerView.as_view(url_name="openapi"), name="docs"),
    path(
        "redoc",
        SpectacularRedocView.as_view(url_name="openapi", template_name="ledger/api/redoc.html"),
        name="redoc",
    ),
    path("books", registry.Books.as_view()),
    path("books/<str:book>", registry.OneBook.as_view()),
    path("assets", registry.Assets.as_view()),
    path("assets/<str:code>", registry.OneAsset.as_view()),
    path("customers", registry.Customers.as_view()),
    path("customers/<str:customer>", registry.OneCustomer.as_view()),
    path("customers/<str:customer>/balances", accounts.CustomerBalances.as_view()),
    path("customers/<str:customer>/test-clock", clocks.CustomerClock.as_view()),
    path("test-clocks", clocks.Clocks.as_view()),
    path("test-clocks/<str:test_clock>", clocks.OneClock.as_view()),
    path("test-clocks/<str:test_clock>/advance", clocks.ClockAdvance.as_view()),
    path("accounts", accounts.Accounts.as_view()),
    path("accounts/<str:account>", accounts.OneAccount.as_view()),
    path("accounts/<str:account>/balance", accounts.AccountBalance.as_view()),
    path("accounts/<str:account>/statement", accounts.AccountStatement.as_view()),
    path("transactions", journal.Transactions.as_view()),
    path("transactions/<str:transaction>", journal.OneTransaction.as_view()),
    path("transactions/<str:transaction>/entries", journal.TransactionEntries.as_view()),
    path("transactions/<str:transaction>/reverse", journal.TransactionReversal.as_view()),
    path("periods", journal.Periods.as_view()),
    path("periods/<str:period>", journal.OnePeriod.as_view()),
    path("periods/<str:period>/begin-close", journal.PeriodBegin.as_view()),
    path("trial-balance", journal.TrialBalance.as_view()),
    path("verification", journal.Verification.as_view()),
]
