"""
Pages on which a draft is written: its phases and its rate cards, one form each.

Every form changes one part of the draft's document and replaces the draft by it, in one call of
the domain. What may not be sold yet is kept, and says at its fields what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from billing.admin.forms import draft_document, preview
from billing.admin.forms.preview import Answer, SampleForm
from billing.admin.forms.rate_card import RateCardForm, problems_of
from billing.models import AddonVersion, PlanVersion
from billing.plans import addons, drafting, publishing, versions
from billing.plans.errors import InvalidDraftError
from billing.rating.problems import Problem
from ledger.admin.base import Listing
from ledger.admin.display import url
from ledger.errors import DomainError
from ledger.models import Book

CADENCES: Final = (
    ("P1M", "a month"),
    ("P3M", "a quarter"),
    ("P6M", "half a year"),
    ("P1Y", "a year"),
    ("P1W", "a week"),
    ("P1D", "a day"),
)
_NEW_CARD: Final = {"price": {"type": "unit"}}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What plans and add-ons do differently."""

    name: str  # of what has versions, and of a version's field for it
    versions: QuerySet[Any]  # all of them
    whole: Callable[[Any], Any]  # with everything in it
    document: Callable[[Any], dict[str, Any]]
    problems: Callable[[Any], list[Problem]]
    replace: Callable[[Any, Mapping[str, Any]], Any]
    publish: Callable[[Any, datetime, datetime], Any]  # from when, and now
    archive: Callable[[Any, datetime, datetime], Any]
    discard: Callable[[Any], None]
    next_version: Callable[[Any], Any]  # of a plan or add-on

    def offer(self, version: Any) -> Any:
        """Return the plan or add-on of a version."""
        return getattr(version, self.name)

    def book(self, version: Any) -> Book:
        """Return the book that a version is of."""
        book: Book = self.offer(version).book
        return book


PLAN: Final = Kind(
    name="plan",
    versions=PlanVersion.objects.all(),
    whole=lambda version: versions.plans(version.plan.book).get(pk=version.pk),
    document=versions.plan_document,
    problems=versions.plan_problems,
    replace=lambda version, document: drafting.replace(
        plan=version.plan, document=document, at=now()
    ),
    publish=lambda version, since, at: publishing.publish_plan(
        plan=version.plan, effective_from=since, at=at
    ),
    archive=lambda version, until, at: publishing.archive_plan(
        plan=version.plan, effective_to=until, at=at, version=version.version
    ),
    discard=lambda version: drafting.discard(plan=version.plan),
    next_version=lambda plan: drafting.next_version(plan=plan, at=now()),
)
ADDON: Final = Kind(
    name="addon",
    versions=AddonVersion.objects.all(),
    whole=lambda version: versions.addons(version.addon.book).get(pk=version.pk),
    document=versions.addon_document,
    problems=versions.addon_problems,
    replace=lambda version, document: addons.replace(
        addon=version.addon, document=document, at=now()
    ),
    publish=lambda version, since, at: publishing.publish_addon(
        addon=version.addon, effective_from=since, at=at
    ),
    archive=lambda version, until, at: publishing.archive_addon(
        addon=version.addon, effective_to=until, at=at, version=version.version
    ),
    discard=lambda version: addons.discard(addon=version.addon),
    next_version=lambda addon: addons.next_version(addon=addon, at=now()),
)


def seen(version: PlanVersion | AddonVersion) -> str:
    """Name the state of a draft that a form was filled in for."""
    return version.updated_at.isoformat()


@dataclass(frozen=True, kw_only=True)
class Place:
    """A rate card of a version, or the room for a new one."""

    version: Any
    document: dict[str, Any]
    phase: str
    key: str
    card: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Return the path by which problems name it."""
        return draft_document.path_of(self.document, self.phase, self.key)


class DraftPages(Listing):
    """The pages of versions that may be drafts."""

    drafting: str  # the permission
    kind: Kind

    class Media:
        css = {"all": ["billing/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        ours = [
            path("<int:pk>/card/", self.admin_site.admin_view(self.card), name=f"{name}_card"),
            path(
                "<int:pk>/preview/",
                self.admin_site.admin_view(require_POST(self.preview)),
                name=f"{name}_preview",
            ),
        ]
        return [*ours, *super().get_urls()]

    def may_draft(self, request: HttpRequest, version: Any) -> bool:
        """Say whether somebody may change a version now."""
        return version.effective_from is None and request.user.has_perm(self.drafting)

    def version(self, request: HttpRequest, pk: int) -> Any:
        """Return a version with everything in it."""
        found = self.get_object(request, str(pk))
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return self.kind.whole(found)

    def place(self, request: HttpRequest, pk: int) -> Place:
        """Return the rate card that the address names."""
        version = self.version(request, pk)
        document = self.kind.document(version)
        phase, key = request.GET.get("phase", ""), request.GET.get("card", "")
        holder = draft_document.cards_of(document, phase)
        if holder is None or (not phase and "phases" in document):
            raise Http404
        card = draft_document.find(holder, "rate_cards", key)
        if key and card is None:
            raise Http404
        new = {**_NEW_CARD, "billing_cadence": document.get("billing_cadence", "P1M")}
        return Place(version=version, document=document, phase=phase, key=key, card=card or new)

    def card(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a rate card with what it costs, and save it."""
        place = self.place(request, pk)
        data = request.POST if request.method == "POST" else None
        form = RateCardForm(data, book=self.kind.book(place.version), card=place.card)
        if data is None:
            form.show(problems_of(self._problems(place), place.path) if place.key else ())
        elif form.is_valid() and "preview" not in data:
            if not self.may_draft(request, place.version):
                raise PermissionDenied
            if (saved := self._save(request, place, form)) is not None:
                return saved
        return self._card_page(request, place, form)

    def preview(self, request: HttpRequest, pk: int) -> JsonResponse:
        """Answer what the rate card in a form would cost."""
        place = self.place(request, pk)
        form = RateCardForm(request.POST, book=self.kind.book(place.version), card=place.card)
        form.is_valid()
        return JsonResponse(_answer(request, place, form).data(form.cleaned_data))

    def _problems(self, place: Place) -> list[Problem]:
        return self.kind.problems(place.version)

    def _save(
        self, request: HttpRequest, place: Place, form: RateCardForm
    ) -> HttpResponseRedirect | None:
        card = form.document()
        if request.POST.get("seen") != seen(place.version):
            form.add_error(None, "Somebody else has changed this draft meanwhile: open it again.")
            return None
        own_path = place.path
        document = draft_document.with_card(place.document, place.phase, place.key, card)
        try:
            saved = self.kind.replace(place.version, document)
        except InvalidDraftError as error:
            form.show(problems_of(error.problems, own_path))
            return None
        except DomainError as error:
            form.add_error(None, str(error))
            return None
        return self._saved(request, place, saved, card["key"])

    def _saved(
        self, request: HttpRequest, place: Place, saved: Any, key: str
    ) -> HttpResponseRedirect:
        self.log_change(request, saved, f"Saved the rate card {key}.")
        version = self.kind.whole(saved)
        own_path = draft_document.path_of(self.kind.document(version), place.phase, key)
        left = list(problems_of(self.kind.problems(version), own_path))
        if left:
            messages.warning(request, f"Saved {key}. It cannot be published as it is.")
            return HttpResponseRedirect(card_url(saved, place.phase, key))
        messages.success(request, f"Saved {key}.")
        return HttpResponseRedirect(url(saved, "change", saved.pk))

    def _card_page(self, request: HttpRequest, place: Place, form: RateCardForm) -> HttpResponse:
        version = place.version
        answer = _answer(request, place, form)
        if form.is_bound:
            form.show((problem.field, problem.message) for problem in answer.problems)
        context = {
            **self.admin_site.each_context(request),
            "title": place.key or "Add a rate card",
            "opts": self.opts,
            "row": version,
            "place": place,
            "form": form,
            "sample": _sample(request, place.card),
            "answer": answer,
            "seen": request.POST.get("seen") or seen(version),
            "may_draft": self.may_draft(request, version),
            "cadences": CADENCES,
            "back": url(version, "change", version.pk),
            "remove_url": f"{url(version, 'remove', version.pk)}?{request.GET.urlencode()}",
            "preview_url": f"{url(version, 'preview', version.pk)}?{request.GET.urlencode()}",
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/billing/card.html", context)


def card_url(version: Any, phase: str, card: str = "") -> str:
    """Return the address of a rate card's page; of a new one without a key."""
    query = urlencode({name: value for name, value in (("phase", phase), ("card", card)) if value})
    return f"{url(version, 'card', version.pk)}?{query}"


def _sample(request: HttpRequest, card: Mapping[str, Any]) -> SampleForm:
    """Return what to price: as it was sent, else the usual quantity."""
    usual = {f"sample-{name}": value for name, value in preview.usual(card).items()}
    return SampleForm({**usual, **request.POST.dict()})


def _answer(request: HttpRequest, place: Place, form: RateCardForm) -> Answer:
    card = form.document() if form.is_bound else place.card
    return preview.answer(
        card,
        sample=_sample(request, place.card),
        asset=place.version.asset,
        feature=form.chosen_feature,
    )
