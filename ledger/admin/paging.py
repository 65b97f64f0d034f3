"""
Pages of long lists, found by where the last one ended: nothing is counted, nothing is skipped.

Django's own pages count the rows and step over those before, which takes the longer the more
there are. Here a page is "the next rows after this one", found through an index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

if TYPE_CHECKING:
    _Page: TypeAlias = Page[Any]
    _Paginator: TypeAlias = Paginator[Any]
else:
    _Page, _Paginator = Page, Paginator

AFTER: Final = "after"
BEFORE: Final = "before"
_MOST_PAGES: Final = 1_000_000


class KeysetChangeList(ChangeList):
    """A change list whose pages follow the model admin's ``keyset``, a unique order of its rows."""

    model_admin: Any

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.after = request.GET.get(AFTER)
        self.before = request.GET.get(BEFORE)
        self.next_url = self.previous_url = ""
        model_admin = kwargs.get("model_admin") or args[-3]
        self.keyset: Sequence[str] = model_admin.get_keyset(request)
        super().__init__(request, *args, **kwargs)
        self.title = str(self.opts.verbose_name_plural).capitalize()

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        kept: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in kept.items() if name not in (AFTER, BEFORE)}

    def get_query_string(self, new_params: Any = None, remove: Iterable[str] | None = None) -> str:
        return super().get_query_string(new_params, [*(remove or ()), AFTER, BEFORE])

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return list(self.keyset)

    def get_results(self, request: HttpRequest) -> None:
        backwards = self.before is not None
        rows, has_more = self._rows(self.before if backwards else self.after, backwards)
        if rows and (has_more or backwards):
            self.next_url = self.get_query_string({AFTER: self._place(rows[-1])})
        if rows and (has_more if backwards else self.after):
            self.previous_url = self.get_query_string({BEFORE: self._place(rows[0])})
        self.model_admin.enrich(rows)
        self.result_list = rows
        self.result_count = len(rows)
        self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False
        self.paginator = UncountedPaginator(rows, self.list_per_page)

    def _rows(self, place: str | None, backwards: bool) -> tuple[list[Any], bool]:
        queryset = self.queryset.reverse() if backwards else self.queryset
        if place is not None:
            queryset = queryset.filter(_beyond(self.model, self.keyset, place, backwards))
        rows = list(queryset[: self.list_per_page + 1])
        has_more = len(rows) > self.list_per_page
        rows = rows[: self.list_per_page]
        return (rows[::-1] if backwards else rows), has_more

    def _place(self, row: Model) -> str:
        return json.dumps([str(getattr(row, name.lstrip("-"))) for name in self.keyset])


def _beyond(model: type[Model], keyset: Sequence[str], place: str, backwards: bool) -> Q:
    """Return the condition of the rows that come after a place in the order."""
    beyond, same, reach = Q(pk__in=[]), Q(), Q()
    for name, value in zip(keyset, _values(model, keyset, place), strict=True):
        field = name.lstrip("-")
        lookup = "lt" if name.startswith("-") is not backwards else "gt"
        # The first field's bound alone is what an index can start from.
        reach = reach or Q(**{f"{field}__{lookup}e": value})
        beyond |= same & Q(**{f"{field}__{lookup}": value})
        same &= Q(**{field: value})
    return reach & beyond


def _values(model: type[Model], keyset: Sequence[str], place: str) -> list[Any]:
    options: Any = model._meta  # noqa: SLF001
    try:
        written = json.loads(place)
        fields = [name.lstrip("-") for name in keyset]
        return [
            (options.pk if name == "pk" else options.get_field(name)).to_python(value)
            for name, value in zip(fields, written, strict=True)
        ]
    except (ValueError, TypeError, ValidationError) as error:
        raise IncorrectLookupParameters(error) from error


class _UncountedPage(_Page):
    has_more = False

    def has_next(self) -> bool:
        return self.has_more


class UncountedPaginator(_Paginator):
    """A paginator for callers that want page numbers: it looks one row ahead, and never counts."""

    @property
    def count(self) -> int:
        return _MOST_PAGES * int(self.per_page)

    def page(self, number: int | str) -> _UncountedPage:
        start = (self.validate_number(number) - 1) * self.per_page
        rows: Iterable[Any] = self.object_list[start : start + self.per_page + 1]
        found = list(rows)
        page = _UncountedPage(found[: self.per_page], int(number), self)
        page.has_more = len(found) > self.per_page
        return page
