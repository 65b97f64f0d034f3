"""Paths of drafts and of how they are collected, below ``/api/v1/``."""

from django.urls import path

from billing.api.views import collection, invoices_drafts

_LINE = "invoices/<str:invoice>/lines/<str:line>"

urlpatterns = [
    path("invoices/draft", invoices_drafts.InvoiceDrafting.as_view()),
    path("invoices/<str:invoice>/refresh", invoices_drafts.InvoiceRefresh.as_view()),
    path("invoices/<str:invoice>/compare", invoices_drafts.InvoiceComparison.as_view()),
    path("invoices/<str:invoice>/edits", invoices_drafts.InvoiceEdits.as_view()),
    path(
        "invoices/<str:invoice>/edits/<str:edit>/withdraw",
        invoices_drafts.InvoiceEditWithdrawal.as_view(),
    ),
    path(f"{_LINE}/explanation", invoices_drafts.LineExplanation.as_view()),
    path(f"{_LINE}/events", invoices_drafts.LineEvents.as_view()),
    path(f"{_LINE}/entries", invoices_drafts.LineEntries.as_view()),
    path("customers/<str:customer>/upcoming-invoice", invoices_drafts.UpcomingInvoice.as_view()),
    path("customers/<str:customer>/billing-party", collection.BillingParty.as_view()),
    path(
        "customers/<str:customer>/collection-profile",
        collection.CustomerCollectionProfile.as_view(),
    ),
    path("collection-profile", collection.BookCollectionProfile.as_view()),
    path("billing-supplier", collection.BillingSupplier.as_view()),
]
