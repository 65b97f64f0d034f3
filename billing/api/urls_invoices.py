"""Paths of invoices, from draft to paid, below ``/api/v1/``."""

from django.urls import path

from billing.api.views import invoice_runs, invoices

urlpatterns = [
    path("invoice-runs", invoice_runs.InvoiceRuns.as_view()),
    path("invoice-runs/<str:run>", invoice_runs.OneInvoiceRun.as_view()),
    path("invoice-runs/<str:run>/pause", invoice_runs.InvoiceRunPause.as_view()),
    path("invoice-runs/<str:run>/resume", invoice_runs.InvoiceRunResumption.as_view()),
    path("invoices", invoices.Invoices.as_view()),
    path("invoices/bulk", invoices.InvoiceBulk.as_view()),
    path("invoices/<str:invoice>", invoices.OneInvoice.as_view()),
    path("invoices/<str:invoice>/lines", invoices.InvoiceLines.as_view()),
    path("invoices/<str:invoice>/history", invoices.InvoiceHistory.as_view()),
    path("invoices/<str:invoice>/approve", invoices.InvoiceApproval.as_view()),
    path("invoices/<str:invoice>/unapprove", invoices.InvoiceUnapproval.as_view()),
    path("invoices/<str:invoice>/issue", invoices.InvoiceIssue.as_view()),
    path("invoices/<str:invoice>/void", invoices.InvoiceVoid.as_view()),
    path("invoices/<str:invoice>/discard", invoices.InvoiceDiscard.as_view()),
    path("invoices/<str:invoice>/send", invoices.InvoiceSent.as_view()),
]
