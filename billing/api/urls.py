"""Paths of the billing package, below ``/api/v1/``."""

from django.urls import path

from billing.api.views import catalogue, costs, dead_letters, events, prices, usage

urlpatterns = [
    path("meters", catalogue.Meters.as_view()),
    path("meters/<str:meter>", catalogue.OneMeter.as_view()),
    path("meters/<str:meter>/archive", catalogue.MeterArchive.as_view()),
    path("rate-cards", catalogue.RateCards.as_view()),
    path("rate-cards/<str:rate_card>", catalogue.OneRateCard.as_view()),
    path("rate-cards/<str:rate_card>/make-default", catalogue.DefaultRateCard.as_view()),
    path("rate-cards/<str:rate_card>/rates", catalogue.Rates.as_view()),
    path("subjects", catalogue.Subjects.as_view()),
    path("subjects/<path:subject>", catalogue.OneSubject.as_view()),
    path("customers/<str:customer>/billing-profile", catalogue.Profile.as_view()),
    path("events", events.Events.as_view()),
    path("events/<str:event>", events.OneEvent.as_view()),
    path("events/<str:event>/void", events.EventVoid.as_view()),
    path("events/<str:event>/amend", events.EventAmend.as_view()),
    path("prices/preview", prices.PricePreview.as_view()),
    path("llm-cost/prices", costs.CostPrices.as_view()),
    path("llm-cost/prices/<str:price>", costs.OneCostPrice.as_view()),
    path("llm-cost/overrides", costs.Overrides.as_view()),
    path("llm-cost/overrides/<str:override>", costs.OneOverride.as_view()),
    path("llm-cost/unknown-models", costs.UnknownModels.as_view()),
    path("usage", usage.Usage.as_view()),
    path("dead-letters", dead_letters.DeadLetters.as_view()),
    path("dead-letters/<str:dead_letter>", dead_letters.OneDeadLetter.as_view()),
    path("dead-letters/<str:dead_letter>/replay", dead_letters.DeadLetterReplay.as_view()),
    path("dead-letters/<str:dead_letter>/dismiss", dead_letters.DeadLetterDismissal.as_view()),
    path("unattributed-events", events.UnattributedEvents.as_view()),
]
