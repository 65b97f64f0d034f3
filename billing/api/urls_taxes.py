"""Paths of taxes and of documents as files, below ``/api/v1/``."""

from django.urls import path

from billing.api.views import documents, taxes

urlpatterns = [
    path("tax-rates", taxes.TaxRates.as_view()),
    path("tax-rates/<str:tax_rate>/end", taxes.TaxRateEnd.as_view()),
    path("tax-ids", taxes.TaxIds.as_view()),
    path("tax-ids/<str:tax_id>/end", taxes.TaxIdEnd.as_view()),
    path("tax-evidence", taxes.TaxEvidenceList.as_view()),
    path("tax-exemptions", taxes.Exemptions.as_view()),
    path("tax-exemptions/<str:exemption>/revoke", taxes.ExemptionRevocation.as_view()),
    path("tax-decisions/preview", taxes.TaxPreview.as_view()),
    path("invoices/<str:invoice>/documents", documents.InvoiceDocuments.as_view()),
    path("invoices/<str:invoice>/download", documents.InvoiceDownload.as_view()),
]
