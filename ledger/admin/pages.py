"""
Pages beside those of rows: reports and status, listed with the rows of their package.

Each package registers its own; the site (``ledger.config.site``) gives them addresses and links.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the admin: ``view`` is called for those who have the permission."""

    app_label: str
    name: str  # as it stands in the address
    title: str
    permission: str
    view: Callable[[HttpRequest], HttpResponse]

    @property
    def url_name(self) -> str:
        return f"{self.app_label}_{self.name.replace('-', '_')}"


PAGES: Final[list[Page]] = []


def register(page: Page) -> Page:
    """Give a page a place in the admin."""
    PAGES.append(page)
    return page


def report(
    request: HttpRequest,
    page: Page,
    values: dict[str, Any],
    template: str = "admin/ledger/report.html",
) -> HttpResponse:
    """Draw a page: figures, choices and tables, by what ``values`` has of them."""
    common = {"title": page.title, "app_label": page.app_label}
    context = {**admin.site.each_context(request), **common, **values}
    return TemplateResponse(request, template, context)
