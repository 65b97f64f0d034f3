"""Paths of the wallets package, below ``/api/v1/``."""

from django.urls import path

from wallets.api import (
    views,
    views_alerts,
    views_credit,
    views_figures,
    views_recharge,
    views_topups,
)

urlpatterns = [
    path("wallets", views.Wallets.as_view()),
    path("wallets/<str:wallet>", views.OneWallet.as_view()),
    path("wallets/<str:wallet>/balance", views.WalletBalance.as_view()),
    path("wallets/<str:wallet>/grants", views.WalletGrants.as_view()),
    path("wallets/<str:wallet>/forecast", views_figures.WalletForecast.as_view()),
    path("wallets/<str:wallet>/grant-schedules", views_credit.WalletSchedules.as_view()),
    path("wallets/<str:wallet>/history", views_figures.WalletHistory.as_view()),
    path("wallets/<str:wallet>/shares", views_figures.WalletShares.as_view()),
    path("wallets/<str:wallet>/transfers", views_credit.WalletTransfers.as_view()),
    path("wallet-shares/<str:share>/end", views_figures.ShareEnd.as_view()),
    path("credit-prices", views_figures.CreditPrices.as_view()),
    path("grant-schedules/<str:schedule>", views_credit.OneSchedule.as_view()),
    path("grant-schedules/<str:schedule>/end", views_credit.ScheduleEnd.as_view()),
    path("grants", views.Grants.as_view()),
    path("grants/<str:grant>", views.OneGrant.as_view()),
    path("grants/<str:grant>/adjust", views_credit.GrantAdjust.as_view()),
    path("grants/<str:grant>/void", views.GrantVoid.as_view()),
    path("top-ups", views_topups.TopUps.as_view()),
    path("top-ups/on-terms", views_topups.TopUpsOnTerms.as_view()),
    path("top-ups/<str:top_up>", views_topups.OneTopUp.as_view()),
    path("top-ups/<str:top_up>/authorise", views_topups.TopUpAuthorise.as_view()),
    path("top-ups/<str:top_up>/confirm", views_topups.TopUpConfirm.as_view()),
    path("top-ups/<str:top_up>/fail", views_topups.TopUpFail.as_view()),
    path("top-ups/<str:top_up>/refund", views_topups.TopUpRefund.as_view()),
    path("recharge-rules", views_recharge.RechargeRules.as_view()),
    path("recharge-rules/<str:recharge_rule>", views_recharge.OneRechargeRule.as_view()),
    path("recharge-rules/<str:recharge_rule>/pause", views_recharge.RechargeRulePause.as_view()),
    path("recharge-rules/<str:recharge_rule>/resume", views_recharge.RechargeRuleResume.as_view()),
    path("recharge-stops", views_recharge.RechargeStops.as_view()),
    path("recharge-stops/<str:recharge_stop>/end", views_recharge.RechargeStopEnd.as_view()),
    path("alerts", views_alerts.Alerts.as_view()),
    path("alerts/<str:alert>", views_alerts.OneAlert.as_view()),
    path("alerts/<str:alert>/end", views_alerts.AlertEnd.as_view()),
    path("alerts/<str:alert>/firings", views_alerts.AlertFirings.as_view()),
]
