"""What every list and detail page has in common: fast pages, no change but through operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import ShowFacets
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from ledger.admin import operations
from ledger.admin.operations import Operation
from ledger.admin.paging import KeysetChangeList, UncountedPaginator
from ledger.models import Book

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

_LONGEST_NUMBER: Final = 19  # digits
_LARGEST_NUMBER: Final = (1 << 63) - 1


class Listing(ModelAdmin):
    """
    Rows that everybody with the right to may look at, and nobody edits.

    What may be done with a row is an ``Operation``: a button on its page, a form, one call of
    the domain. ``adding`` is the operation behind "Add".
    """

    actions: Sequence[Any] | None = ()
    adding: Operation | None = None
    change_form_template = "admin/ledger/detail.html"
    change_list_template = "admin/ledger/list.html"
    keyset: Sequence[str] = ("-pk",)
    list_per_page = 50
    operations: Sequence[Operation] = ()
    paginator = UncountedPaginator
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    sortable_by: ClassVar[tuple[str, ...]] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.adding is not None and request.user.has_perm(self.adding.permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_paginator(
        self, request: HttpRequest, queryset: Any, per_page: int, *arguments: Any, **others: Any
    ) -> Paginator[Any]:
        is_history = queryset.model is LogEntry  # of one row: few, and its page wants their number
        kind = Paginator if is_history else self.paginator
        return kind(queryset, per_page, *arguments, **others)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_keyset(self, request: HttpRequest) -> Sequence[str]:
        """Return the unique order of the list, one that an index gives."""
        return self.keyset

    def enrich(self, rows: list[Any]) -> None:
        """Read what a page of the list shows beside its rows: for all of them at once."""

    def panels(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the detail page shows beside the fields."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        options = self.opts
        ours = [
            path(
                f"<path:object_id>/{operation.name}/",
                self.admin_site.admin_view(self._operation_view(operation)),
                name=f"{options.app_label}_{options.model_name}_{operation.name}",
            )
            for operation in self.operations
        ]
        return [*ours, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.adding is None or not self.has_add_permission(request):
            raise PermissionDenied
        return operations.respond(self, request, self.adding, None)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        row = self.get_object(request, object_id)
        if row is not None and self.has_view_permission(request, row):
            context |= {"operations": self._offered(request, row), **self.panels(request, row)}
        return super().change_view(request, object_id, form_url, context)

    def _offered(self, request: HttpRequest, row: Any) -> list[Operation]:
        return [one for one in self.operations if one.is_offered(request, row)]

    def _operation_view(self, operation: Operation) -> Any:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.get_object(request, object_id)
            if not request.user.has_perm(operation.permission):
                raise PermissionDenied
            if row is None:
                raise Http404
            return operations.respond(self, request, operation, row)

        return view

    class Media:
        css = {"all": ["ledger/admin.css"]}


class BookFilter(admin.SimpleListFilter):
    """The few books there are, read once."""

    title = "book"
    parameter_name = "book"
    path = "book_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), key) for pk, key in Book.objects.values_list("pk", "key")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(**{self.path: int(value)}) if value and value.isdigit() else queryset


class CustomersBookFilter(BookFilter):
    path = "customer__book_id"


def row_number(text: str) -> int | None:
    """Return the number of a row that somebody searches for, if it is one."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number and int(text) <= _LARGEST_NUMBER else None


def cause_of(request: HttpRequest) -> str:
    """Return who asks, as the ledger records it."""
    return f"user:{request.user.get_username()}"
