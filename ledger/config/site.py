"""The admin site: its name, its first page, and the pages that are not lists of rows."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, path, reverse

_ORDER = {label: place for place, label in enumerate(("ledger", "wallets", "billing"))}


class Admin(AdminConfig):
    """Django's admin, with our site as the default one."""

    default = False
    default_site = "ledger.config.site.Site"


class Site(AdminSite):
    site_header = "Meterbook"
    site_title = "Meterbook"
    site_url = None
    index_title = "At a glance"
    index_template = "admin/ledger/index.html"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        from ledger.admin.pages import PAGES  # noqa: PLC0415  (needs the applications to be ready)

        ours = [
            path(
                f"{page.app_label}/{page.name}/",
                self.admin_view(_guarded(page)),
                name=page.url_name,
            )
            for page in PAGES
        ]
        return [*ours, *super().get_urls()]

    def get_app_list(self, request: Any, app_label: str | None = None) -> list[Any]:
        from ledger.admin.pages import PAGES  # noqa: PLC0415

        apps: list[Any] = super().get_app_list(request, app_label)
        for app in apps:
            pages = [
                {
                    "name": page.title,
                    "object_name": page.url_name,
                    "admin_url": reverse(f"admin:{page.url_name}"),
                    "add_url": None,
                    "view_only": True,
                    "perms": {"view": True},
                    "model": None,
                }
                for page in PAGES
                if page.app_label == app["app_label"] and request.user.has_perm(page.permission)
            ]
            app["models"] = [*pages, *app["models"]]
        return sorted(apps, key=lambda app: _ORDER.get(app["app_label"], len(_ORDER)))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from ledger.admin.dashboard import PANELS  # noqa: PLC0415

        figures = [
            figure
            for panel in PANELS
            if request.user.has_perm(panel.permission)
            for figure in panel.figures()
        ]
        return super().index(request, {"figures": figures, **(extra_context or {})})


def _guarded(page: Any) -> Any:
    def view(request: HttpRequest) -> Any:
        if not request.user.has_perm(page.permission):
            raise PermissionDenied
        return page.view(request)

    return view
