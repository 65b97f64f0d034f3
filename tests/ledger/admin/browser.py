"""Somebody who looks at the admin, and the queries that takes."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledger.admin import roles

_BIG = (
    "ledger_entry", "ledger_delta", "ledger_transaction", "ledger_receipt",
    "billing_usageevent", "billing_eventkey",
)  # fmt: skip


class Browser:
    """A signed-in user: a superuser unless ``permissions`` or a ``role`` are named."""

    def __init__(self, *, permissions: Iterable[str] | None = None, role: str = "") -> None:
        number = User.objects.count()
        self.user = User.objects.create_user(f"user{number}", is_staff=True)
        self.user.is_superuser = permissions is None and not role
        self.user.save()
        if role:
            roles.create()
            self.user.groups.add(Group.objects.get(name=role))
        for permission in permissions or ():
            label, codename = permission.split(".")
            self.user.user_permissions.add(
                Permission.objects.get(content_type__app_label=label, codename=codename)
            )
        self.client = Client()
        self.client.force_login(self.user)

    def get(self, name: str, *arguments: object, status: int = 200, **query: Any) -> HttpResponse:
        response = self.client.get(reverse(f"admin:{name}", args=arguments), query)
        assert response.status_code == status, response.content.decode()[:2000]
        return response

    def read(self, name: str, *arguments: object, **query: Any) -> str:
        """Return what a page says, without its mark-up."""
        page = self.get(name, *arguments, **query).content.decode()
        page = re.sub(r"(?s)<(script|style|nav|title).*?</\1>", " ", page)
        return " ".join(re.sub(r"<[^>]+>", " ", page).split())

    def do(
        self,
        name: str,
        *arguments: object,
        values: Mapping[str, Any] | None = None,
        status: int = 302,
    ) -> HttpResponse:
        """Fill in a page's form and send it."""
        response = self.client.post(reverse(f"admin:{name}", args=arguments), dict(values or {}))
        assert response.status_code == status, response.content.decode()[:4000]
        return response

    def offers(self, operation: str, name: str, *arguments: object) -> bool:
        """Say whether a page has a button for an operation."""
        return f'href="../{operation}/"' in self.get(name, *arguments).content.decode()

    def queries(self, name: str, *arguments: object, **query: Any) -> list[str]:
        """Return the SQL of showing a page."""
        with CaptureQueriesContext(connection) as captured:
            self.get(name, *arguments, **query)
        return [entry["sql"] for entry in captured.captured_queries]


def counted(queries: Iterable[str]) -> list[str]:
    """Return the queries that count rows of tables that grow with usage."""
    return [
        sql
        for sql in queries
        if re.search(r"count\s*\(\s*(\*|\d)", sql, re.IGNORECASE)
        and any(f'"{table}"' in sql or f" {table} " in sql for table in _BIG)
    ]
