"""Paths of the wallets package, below ``/api/v1/``."""

from django.urls import path

from wallets.api import views

urlpatterns = [
    path("wallets", views.Wallets.as_view()),
    path("wallets/<str:wallet>", views.OneWallet.as_view()),
    path("wallets/<str:wallet>/balance", views.WalletBalance.as_view()),
    path("wallets/<str:wallet>/grants", views.WalletGrants.as_view()),
    path("grants", views.Grants.as_view()),
    path("grants/<str:grant>", views.OneGrant.as_view()),
    path("grants/<str:grant>/void", views.GrantVoid.as_view()),
]
