"""
What finance may do with a row: a form, a permission, one call of the domain.

An operation's page states what will happen and asks for what it needs. What the domain refuses
is shown at the field it is about; what was done is written to the admin's log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from ledger.admin.display import url
from ledger.errors import DomainError, InvalidInputError


class OperationForm(forms.Form):
    """
    What an operation asks for; ``row`` is what it is about, None for a new one.

    ``go`` is what its button says, unless that is the operation's name.
    """

    go = ""

    def __init__(self, *args: Any, row: Any = None, **kwargs: Any) -> None:
        self.row = row
        super().__init__(*args, **kwargs)
        self.prepare()

    def prepare(self) -> None:
        """Fit the fields to the row."""

    def refuse(self, error: DomainError) -> None:
        """Show what the domain refused, at its field if it names one."""
        if isinstance(error, InvalidInputError):
            name = error.field.partition(".")[0]
            if name in self.fields:
                return self.add_error(name, error.remedy)
        self.add_error(None, str(error))
        return None


class NoQuestions(OperationForm):
    """For operations that ask nothing but to be confirmed."""


def always(_row: Any) -> bool:
    """Offer an operation on every row."""
    return True


def anybody(_request: HttpRequest, _row: Any) -> bool:
    """Offer an operation to everybody who has its permission."""
    return True


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of an operation: what to say, and which row to show."""

    message: str
    row: Model | None = None
    level: int = messages.SUCCESS


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A thing to do: ``run`` gets the request, the row and the form's values."""

    name: str  # as it stands in the address
    label: str
    explanation: str
    permission: str
    run: Callable[[HttpRequest, Any, dict[str, Any]], Done | HttpResponse]
    form: type[OperationForm] = NoQuestions
    applies: Callable[[Any], bool] = always
    lets: Callable[[HttpRequest, Any], bool] = anybody  # who may, of those with the permission
    is_grave: bool = False

    def is_offered(self, request: HttpRequest, row: Any) -> bool:
        """Say whether somebody may do it with a row, as that is now."""
        may = request.user.has_perm(self.permission)
        return may and self.applies(row) and self.lets(request, row)


def respond(admin_: Any, request: HttpRequest, operation: Operation, row: Any) -> HttpResponse:
    """Ask, or do what was asked for and go on to the row."""
    if row is not None and not operation.is_offered(request, row):
        raise PermissionDenied
    form = operation.form(request.POST or None, row=row)
    if request.method == "POST":
        form = operation.form(request.POST, row=row)
        if form.is_valid():
            try:
                done = operation.run(request, row, form.cleaned_data)
            except DomainError as error:
                form.refuse(error)
            else:
                return _finish(admin_, request, operation, row, done)
    return ask(admin_, request, operation, row, form)


def ask(
    admin_: Any, request: HttpRequest, operation: Operation, row: Any, form: OperationForm
) -> TemplateResponse:
    """Ask what a form asks for: also the next step of an operation that takes several."""
    return TemplateResponse(
        request, "admin/ledger/operation.html", _context(admin_, request, operation, row, form)
    )


def _finish(
    admin_: Any, request: HttpRequest, operation: Operation, row: Any, done: Done | HttpResponse
) -> HttpResponse:
    if isinstance(done, HttpResponse):
        return done
    shown = done.row or row
    admin_.log_change(request, shown, f"{operation.label}: {done.message}")
    messages.add_message(request, done.level, done.message)
    return HttpResponseRedirect(url(shown, "change", shown.pk))


def _context(
    admin_: Any, request: HttpRequest, operation: Operation, row: Any, form: OperationForm
) -> dict[str, Any]:
    return {
        **admin_.admin_site.each_context(request),
        "title": operation.label,
        "opts": admin_.opts,
        "operation": operation,
        "row": row,
        "form": form,
        "back": url(row, "change", row.pk) if row else url(admin_.model, "changelist"),
        "media": admin_.media + form.media,
    }
