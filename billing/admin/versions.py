"""What the pages of versions share: what they say, publishing, archiving, comparing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.timezone import now

from billing.admin.drafts import DraftPages, card_url, seen
from billing.admin.forms import draft_document, words
from billing.admin.forms.rate_card import problems_of
from billing.models import AddonVersion, PlanVersion
from billing.plans import versions
from billing.rating.problems import Problem
from ledger.admin import operations
from ledger.admin.display import badge, instant, link, url
from ledger.admin.fields import InstantField
from ledger.admin.operations import Done, Operation, OperationForm
from ledger.errors import ConflictError, DomainError

_TONES: Final = {"draft": "warn", "scheduled": "", "active": "good", "archived": ""}


class StaleDraftError(ConflictError):
    """Somebody else has changed this draft meanwhile; open it again."""

    code = "stale_draft"


class DocumentForm(OperationForm):
    """A form for part of a document: problems of a path below ``under`` are its own."""

    under = ""

    def refuse(self, error: DomainError) -> None:
        problems = getattr(error, "problems", None)
        if problems is None:
            return super().refuse(error)
        for where, message in problems_of(problems, self.under):
            name = where.partition(".")[0].partition("[")[0]
            is_own = name in self.fields
            self.add_error(name if is_own else None, message if is_own else f"{where}: {message}")
        if not self.errors:
            self.add_error(None, str(error))
        return None


class PartForm(DocumentForm):
    """A form for part of a draft, filled in for what the draft was then."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)


class PublishForm(DocumentForm):
    effective_from = InstantField(label="On offer from (UTC)", required=False)

    def prepare(self) -> None:
        self.fields["effective_from"].help_text = "Empty is now."


class ArchiveForm(OperationForm):
    effective_to = InstantField(label="Off offer from (UTC)", required=False)

    def prepare(self) -> None:
        self.fields["effective_to"].help_text = "Empty is now."


def is_draft(version: Any) -> bool:
    """Say whether a version can still be changed."""
    return version.effective_from is None


def is_published(version: Any) -> bool:
    """Say whether a version is published, and not archived for good."""
    return version.effective_from is not None and version.effective_to is None


def status_badge(version: Any) -> SafeString:
    """Show what a version is now."""
    status = versions.status_of(version, now())
    return badge(status.label.lower(), _TONES[status.value])


@dataclass(kw_only=True)
class ShownCard:
    """A rate card in the overview of a version."""

    card: Mapping[str, Any]
    url: str
    remove_url: str
    problems: list[str]

    @property
    def price(self) -> str:
        return words.price(self.card)

    @property
    def around(self) -> str:
        return "; ".join(words.around(self.card))

    @property
    def entitlement(self) -> str:
        return words.entitlement(self.card)


@dataclass(kw_only=True)
class ShownPhase:
    """A phase in the overview of a version; an add-on has one, without a key."""

    phase: Mapping[str, Any]
    cards: list[ShownCard]
    add_url: str
    edit_url: str = ""
    remove_url: str = ""
    problems: list[str] = field(default_factory=list)


class VersionPages(DraftPages):
    """Versions of plans or of add-ons."""

    change_form_template = "admin/billing/version.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return self.model.objects.select_related(f"{self.kind.name}__book", "asset")

    def siblings(self, version: Any) -> Any:
        """Return the versions of the same plan or add-on, in their order."""
        same = {self.kind.name: self.kind.offer(version)}
        own = self.model.objects.filter(**same)
        return own.select_related(self.kind.name, "asset").order_by("version")

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        ours = [
            path("<int:pk>/compare/", wrap(self.compare), name=f"{name}_compare"),
            path("<int:pk>/remove/", wrap(self.remove), name=f"{name}_remove"),
        ]
        return [*ours, *super().get_urls()]

    def panels(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        version = self.kind.whole(obj)
        document = self.kind.document(version)
        problems = self.kind.problems(version) if is_draft(version) else []
        before = self.siblings(version).filter(version__lt=version.version).last()
        compare = f"{url(version, 'compare', version.pk)}?with={before.pk}" if before else ""
        return {
            "phases": list(self._phases(version, document, problems)),
            "problems": problems,
            "elsewhere": [each for each in problems if "rate_cards[" not in each.field],
            "is_draft": is_draft(version),
            "may_draft": self.may_draft(request, version),
            "links": [(compare, f"Compare with v{before.version}")] if before else [],
        }

    def _phases(
        self, version: Any, document: Mapping[str, Any], problems: list[Problem]
    ) -> Iterator[ShownPhase]:
        for place, phase in enumerate(document.get("phases", ())):
            key = phase["key"]
            yield ShownPhase(
                phase=phase,
                cards=list(self._cards(version, document, phase, key, problems)),
                add_url=card_url(version, key),
                edit_url=f"{url(version, 'phase', version.pk)}?phase={key}",
                remove_url=f"{url(version, 'remove', version.pk)}?phase={key}",
                problems=[
                    message
                    for where, message in problems_of(problems, f"phases[{place}]")
                    if not where.startswith("rate_cards[")
                ],
            )
        if "phases" not in document:
            cards = list(self._cards(version, document, document, "", problems))
            yield ShownPhase(phase={}, cards=cards, add_url=card_url(version, ""))

    def _cards(
        self,
        version: Any,
        document: Mapping[str, Any],
        holder: Mapping[str, Any],
        phase: str,
        problems: list[Problem],
    ) -> Iterator[ShownCard]:
        for card in holder["rate_cards"]:
            own_path = draft_document.path_of(document, phase, card["key"])
            address = card_url(version, phase, card["key"])
            yield ShownCard(
                card=card,
                url=address,
                remove_url=f"{url(version, 'remove', version.pk)}?{address.partition('?')[2]}",
                problems=[message for _, message in problems_of(problems, own_path)],
            )

    def compare(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show two versions side by side where they differ."""
        version = self.version(request, pk)
        others = self.siblings(version).exclude(pk=version.pk)
        wanted = request.GET.get("with", "")
        other = others.filter(pk=int(wanted)).first() if wanted.isdigit() else others.last()
        if other is None:
            raise Http404
        first, second = sorted((self.kind.whole(other), version), key=lambda one: one.version)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{first} and v{second.version}",
            "opts": self.opts,
            "row": version,
            "back": url(version, "change", version.pk),
            "before": first,
            "after": second,
            "differences": draft_document.differences(
                self.kind.document(first), self.kind.document(second)
            ),
            "others": others,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/billing/compare.html", context)

    def remove(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, and take a rate card or a phase out of a draft."""
        version = self.version(request, pk)
        phase, card = request.GET.get("phase", ""), request.GET.get("card", "")
        document = self.kind.document(version)
        holder = draft_document.cards_of(document, phase)
        if holder is None or (card and not draft_document.find(holder, "rate_cards", card)):
            raise Http404
        named = f"the rate card {card}" if card else f"the phase {phase} and its rate cards"
        operation = Operation(
            name="remove",
            label=f"Remove {card or phase}",
            explanation=f"Takes {named} out of this draft.",
            permission=self.drafting,
            run=partial(self._remove, phase=phase, card=card),
            applies=is_draft,
            is_grave=True,
        )
        return self.respond(request, operation, version)

    def respond(self, request: HttpRequest, operation: Operation, version: Any) -> HttpResponse:
        """Ask and do, if somebody may change the draft."""
        if not self.may_draft(request, version):
            raise PermissionDenied
        return operations.respond(self, request, operation, version)

    def _remove(
        self, request: HttpRequest, row: Any, given: dict[str, Any], *, phase: str, card: str
    ) -> Done:
        document = self.kind.document(row)
        if card:
            document = draft_document.without_card(document, phase, card)
        else:
            document = draft_document.without_phase(document, phase)
        saved = self.kind.replace(row, document)
        return Done(message=f"Removed {card or phase}.", row=saved)

    @admin.display(description="version")
    def title(self, row: Any) -> str:
        return str(row)

    @admin.display(description="version of")
    def offer_link(self, row: Any) -> SafeString:
        return link(self.kind.offer(row))

    @admin.display(description="status")
    def status(self, row: Any) -> SafeString:
        return status_badge(row)

    @admin.display(description="on offer from")
    def since(self, row: Any) -> SafeString:
        return instant(row.effective_from)

    @admin.display(description="until")
    def until(self, row: Any) -> SafeString:
        return instant(row.effective_to)


def checked(form: Mapping[str, Any], version: PlanVersion | AddonVersion) -> None:
    """
    Check that a form was filled in for the draft as it is.

    Raises:
        StaleDraftError: it has changed meanwhile.
    """
    if form.get("seen") and form["seen"] != seen(version):
        raise StaleDraftError
