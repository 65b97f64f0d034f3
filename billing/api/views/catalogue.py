"""Meters, rate cards, rates, subjects and billing profiles."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from billing import catalogue
from billing.api import serializers_catalogue as s
from billing.models import BillingProfile, Meter, Rate, RateCard, Subject
from ledger.api import lookups, pages
from ledger.api.fields import PageQuery, listing
from ledger.api.idempotency import once
from ledger.api.resource import Resource
from ledger.api.schema import operation
from ledger.errors import NotFoundError

_EVERY_METHOD = frozenset({"GET", "HEAD", "POST"})


def find_meter(view: Resource, text: str) -> Meter:
    """Return a meter of the caller's book."""
    return lookups.by_id_or_key(_meters(view), text, "meter")


def _meters(view: Resource) -> QuerySet[Meter]:
    return Meter.objects.filter(book=view.caller.book).select_related("unit")


def _cards(view: Resource) -> QuerySet[RateCard]:
    return RateCard.objects.filter(book=view.caller.book).select_related("asset", "book")


def _find_card(view: Resource, text: str) -> RateCard:
    return lookups.by_id_or_key(_cards(view), text, "rate_card")


class Meters(Resource):
    """GET, POST /meters"""

    whole_book = frozenset({"POST"})

    @operation(
        "list-meters",
        summary="List meters",
        tag="Meters",
        query=s.MeterQuery,
        answer=listing(s.MeterOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.MeterQuery)
        meters = _meters(self)
        if event_type := asked.get("event_type"):
            meters = meters.filter(event_type=event_type)
        return self.page(s.MeterOut, *pages.page(meters, asked))

    @operation(
        "create-meter",
        summary="Define how usage is counted from now on",
        tag="Meters",
        body=s.MeterIn,
        answer=s.MeterOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.MeterIn)
        wanted["unit"] = lookups.asset(wanted["unit"])
        meter = catalogue.create_meter(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.MeterOut, meter, status=201)


class OneMeter(Resource):
    """GET, PATCH /meters/{meter}"""

    whole_book = frozenset({"PATCH"})

    @operation("get-meter", summary="Get a meter", tag="Meters", path=["meter"], answer=s.MeterOut)
    def get(self, request: Request, meter: str) -> Response:
        return self.answer(s.MeterOut, find_meter(self, meter))

    @operation(
        "change-meter",
        summary="Give a meter another name, or say what becomes of late usage from now on",
        tag="Meters",
        path=["meter"],
        body=s.MeterChange,
        answer=s.MeterOut,
    )
    @once()
    def patch(self, request: Request, meter: str) -> Response:
        found = find_meter(self, meter)
        return self.answer(
            s.MeterOut, catalogue.change_meter(meter=found, **self.body(s.MeterChange))
        )


class MeterArchive(Resource):
    """POST /meters/{meter}/archive"""

    whole_book = frozenset({"POST"})

    @operation(
        "archive-meter",
        summary="Stop a meter: what is received from now on is not counted",
        tag="Meters",
        path=["meter"],
        answer=s.MeterOut,
    )
    @once()
    def post(self, request: Request, meter: str) -> Response:
        found = find_meter(self, meter)
        return self.answer(s.MeterOut, catalogue.archive_meter(meter=found, at=self.now))


class RateCards(Resource):
    """GET, POST /rate-cards"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-rate-cards",
        summary="List rate cards",
        tag="Rate cards",
        query=PageQuery,
        answer=listing(s.RateCardOut),
    )
    def get(self, request: Request) -> Response:
        return self.page(s.RateCardOut, *pages.page(_cards(self), self.asked(PageQuery)))

    @operation(
        "create-rate-card",
        summary="Open a set of prices",
        tag="Rate cards",
        body=s.RateCardIn,
        answer=s.RateCardOut,
        status=201,
    )
    @once()
    def post(self, request: Request) -> Response:
        wanted = self.body(s.RateCardIn)
        wanted["asset"] = lookups.asset(wanted["asset"])
        card = catalogue.create_rate_card(book=self.caller.book, at=self.now, **wanted)
        return self.answer(s.RateCardOut, card, status=201)


class OneRateCard(Resource):
    """GET /rate-cards/{rate_card}"""

    whole_book = _EVERY_METHOD

    @operation(
        "get-rate-card",
        summary="Get a rate card",
        tag="Rate cards",
        path=["rate_card"],
        answer=s.RateCardOut,
    )
    def get(self, request: Request, rate_card: str) -> Response:
        return self.answer(s.RateCardOut, _find_card(self, rate_card))


class DefaultRateCard(Resource):
    """POST /rate-cards/{rate_card}/make-default"""

    whole_book = _EVERY_METHOD

    @operation(
        "make-default-rate-card",
        summary="Make a rate card the one of customers that have no other",
        tag="Rate cards",
        path=["rate_card"],
        answer=s.RateCardOut,
    )
    @once()
    def post(self, request: Request, rate_card: str) -> Response:
        found = _find_card(self, rate_card)
        return self.answer(s.RateCardOut, catalogue.make_default(rate_card=found))


class Rates(Resource):
    """GET, POST /rate-cards/{rate_card}/rates"""

    whole_book = _EVERY_METHOD

    @operation(
        "list-rates",
        summary="List the prices of a rate card, past ones too",
        tag="Rate cards",
        path=["rate_card"],
        query=s.RateQuery,
        answer=listing(s.RateOut),
    )
    def get(self, request: Request, rate_card: str) -> Response:
        asked = self.asked(s.RateQuery)
        rates = Rate.objects.filter(rate_card=_find_card(self, rate_card))
        if meter := asked.get("meter"):
            rates = rates.filter(meter=find_meter(self, meter))
        return self.page(s.RateOut, *pages.page(rates, asked))

    @operation(
        "add-rate",
        summary="Price a meter from an instant on",
        tag="Rate cards",
        path=["rate_card"],
        body=s.RateIn,
        answer=s.RateOut,
        status=201,
    )
    @once()
    def post(self, request: Request, rate_card: str) -> Response:
        found = _find_card(self, rate_card)
        wanted = {"effective_from": self.now, **self.body(s.RateIn)}
        wanted["meter"] = find_meter(self, wanted["meter"])
        rate = catalogue.add_rate(rate_card=found, at=self.now, **wanted)
        return self.answer(s.RateOut, rate, status=201)


class Subjects(Resource):
    """GET /subjects"""

    @operation(
        "list-subjects",
        summary="List subjects",
        tag="Subjects",
        query=s.SubjectQuery,
        answer=listing(s.SubjectOut),
    )
    def get(self, request: Request) -> Response:
        asked = self.asked(s.SubjectQuery)
        subjects = _subjects(self)
        if named := asked.get("customer"):
            subjects = subjects.filter(customer=lookups.customer(self.caller, named))
        if key := asked.get("key"):
            subjects = subjects.filter(key=key)
        return self.page(s.SubjectOut, *pages.page(subjects, asked))


class OneSubject(Resource):
    """GET, PUT /subjects/{subject}"""

    @operation(
        "get-subject",
        summary="Get a subject",
        tag="Subjects",
        path=["subject"],
        answer=s.SubjectOut,
    )
    def get(self, request: Request, subject: str) -> Response:
        return self.answer(s.SubjectOut, lookups.by_key(_subjects(self), subject, "subject"))

    @operation(
        "map-subject",
        summary="Say whose usage a subject's is, from now on",
        description="Usage that was kept for want of a customer is posted soon afterwards.",
        tag="Subjects",
        path=["subject"],
        body=s.SubjectIn,
        answer=s.SubjectOut,
    )
    @once()
    def put(self, request: Request, subject: str) -> Response:
        owner = lookups.customer(self.caller, self.body(s.SubjectIn)["customer"])
        mapped = catalogue.map_subject(
            book=self.caller.book,
            key=subject,
            customer=owner,
            within=self.caller.reach,
            at=self.now,
        )
        return self.answer(s.SubjectOut, mapped)


def _subjects(view: Resource) -> QuerySet[Subject]:
    return lookups.within(view.caller, Subject.objects.filter(book=view.caller.book), "customer")


class Profile(Resource):
    """GET, PUT /customers/{customer}/billing-profile"""

    scopes = {"GET": "read", "HEAD": "read", "PUT": "finance"}

    @operation(
        "get-billing-profile",
        summary="Get how a customer is priced and pays",
        tag="Billing profiles",
        path=["customer"],
        answer=s.ProfileOut,
    )
    def get(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        profile = BillingProfile.objects.filter(customer=owner).first()
        if profile is None:
            raise NotFoundError(billing_profile=customer)
        return self.answer(s.ProfileOut, profile)

    @operation(
        "set-billing-profile",
        summary="Say how a customer is priced and pays",
        tag="Billing profiles",
        path=["customer"],
        body=s.ProfileIn,
        answer=s.ProfileOut,
    )
    @once(is_required=True)
    def put(self, request: Request, customer: str) -> Response:
        owner = lookups.customer(self.caller, customer)
        wanted = self.body(s.ProfileIn)
        named = wanted.get("rate_card")
        wanted["rate_card"] = None if named is None else _find_card(self, named)
        return self.answer(s.ProfileOut, catalogue.set_profile(customer=owner, **wanted))
