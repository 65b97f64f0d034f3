"""Paths of money: notes, payments, dunning; below ``/api/v1/``."""

from django.urls import path

from billing.api.views import collecting, money_back, notes, payments, receipts

urlpatterns = [
    path("credit-notes", notes.CreditNotes.as_view()),
    path("credit-notes/<str:credit_note>/allocate", notes.CreditNoteAllocate.as_view()),
    path("credit-notes/<str:credit_note>/balances", notes.CreditNoteBalances.as_view()),
    path("debit-notes", notes.DebitNotes.as_view()),
    path("invoices/<str:invoice>/allocations", notes.InvoiceAllocations.as_view()),
    path("invoices/<str:invoice>/claim", money_back.InvoiceClaim.as_view()),
    path("invoices/<str:invoice>/claim/release", money_back.InvoiceRelease.as_view()),
    path("invoices/<str:invoice>/dunning/pause", collecting.DunningPause.as_view()),
    path("invoices/<str:invoice>/dunning/resume", collecting.DunningResume.as_view()),
    path("invoices/<str:invoice>/dunning/promise", collecting.DunningPromise.as_view()),
    path("invoices/<str:invoice>/dunning/stop", collecting.DunningEnd.as_view()),
    path("payments", payments.Payments.as_view()),
    path("payments/match-preview", payments.PaymentMatches.as_view()),
    path("payments/<str:payment>", payments.OnePayment.as_view()),
    path("payments/<str:payment>/allocations", payments.PaymentAllocations.as_view()),
    path("payments/<str:payment>/allocate", payments.PaymentAllocate.as_view()),
    path("payments/<str:payment>/reverse", payments.PaymentReverse.as_view()),
    path("unapplied-cash", payments.UnappliedCash.as_view()),
    path("unapplied-cash/<str:unapplied_cash>/allocate", payments.UnappliedAllocate.as_view()),
    path("allocations/<str:allocation>/undo", payments.AllocationUndo.as_view()),
    path("top-ups/<str:top_up>/receipt", receipts.TopUpReceipt.as_view()),
    path("refunds", money_back.Refunds.as_view()),
    path("refunds/<str:refund>/send", money_back.RefundSent.as_view()),
    path("refunds/<str:refund>/settle", money_back.RefundSettled.as_view()),
    path("refunds/<str:refund>/fail", money_back.RefundFailed.as_view()),
    path("write-offs", money_back.WriteOffs.as_view()),
    path("disputes", money_back.Disputes.as_view()),
    path("disputes/<str:dispute>/decide", money_back.DisputeDecision.as_view()),
    path("reports/ageing", collecting.AgeingReport.as_view()),
    path("customers/<str:customer>/statement", collecting.CustomerStatement.as_view()),
    path("dunning", collecting.Dunnings.as_view()),
    path("dunning-schedules", collecting.DunningSchedules.as_view()),
    path("dunning-schedules/<str:dunning_schedule>/end", collecting.DunningScheduleEnd.as_view()),
]
