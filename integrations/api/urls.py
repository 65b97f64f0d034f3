"""Paths of the integrations package, below ``/api/v1/``."""

from django.urls import URLPattern, URLResolver, include, path

from integrations.api import tax_ids, webhooks

urlpatterns: list[URLPattern | URLResolver] = [
    path("gateway/", include("integrations.gateway.urls")),
    path("sources/", include("integrations.sources.urls")),
    path("tax-ids/<str:tax_id>/verify", tax_ids.TaxIdVerification.as_view()),
    path("webhooks", webhooks.Endpoints.as_view()),
    path("webhooks/event-types", webhooks.EventTypes.as_view()),
    path("webhooks/<str:webhook>", webhooks.OneEndpoint.as_view()),
    path("webhooks/<str:webhook>/rotate", webhooks.EndpointRotation.as_view()),
    path("webhooks/<str:webhook>/disable", webhooks.EndpointDisabling.as_view()),
    path("webhooks/<str:webhook>/enable", webhooks.EndpointEnabling.as_view()),
    path("webhooks/<str:webhook>/test", webhooks.EndpointTest.as_view()),
    path("webhooks/<str:webhook>/deliveries", webhooks.EndpointDeliveries.as_view()),
    path("webhooks/<str:webhook>/replay", webhooks.EndpointReplay.as_view()),
    path("webhook-deliveries/<str:delivery>", webhooks.OneDelivery.as_view()),
    path("webhook-deliveries/<str:delivery>/replay", webhooks.DeliveryReplay.as_view()),
]
