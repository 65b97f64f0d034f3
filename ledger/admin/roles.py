"""
The default groups of users, read off what the admin offers.

An auditor may look at everything. Finance operations may, besides, do whatever the pages offer,
except what sets the system up: that is left to superusers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from ledger.admin.base import Listing

AUDITOR: Final = "Auditor"
FINANCE: Final = "Finance operations"
APPLICATIONS: Final = ("ledger", "wallets", "billing", "integrations")
SETTING_UP: Final = frozenset(
    {"ledger.add_apikey", "ledger.add_book", "ledger.change_apikey", "ledger.change_book"}
)


def offered() -> set[str]:
    """Return the permissions that the pages' operations ask for."""
    found = set()
    for page in admin.site._registry.values():  # noqa: SLF001  (there is no other way to list them)
        if isinstance(page, Listing):
            found |= {operation.permission for operation in page.operations}
            found |= {page.adding.permission} if page.adding else set()
    return found


def create() -> dict[str, int]:
    """
    Make the groups and give them their permissions; return how many each was given.

    What a group has beyond these stays. Safe to run again, after an upgrade too.
    """
    looks = Q(content_type__app_label__in=APPLICATIONS, codename__startswith="view_")
    acts = _named(offered() - SETTING_UP)
    granted = {AUDITOR: looks, FINANCE: looks | acts}
    counts = {}
    for name, condition in granted.items():
        group, _ = Group.objects.get_or_create(name=name)
        permissions = list(Permission.objects.filter(condition))
        group.permissions.add(*permissions)
        counts[name] = len(permissions)
    return counts


def _named(permissions: Iterable[str]) -> Q:
    condition = Q(pk__in=[])
    for permission in permissions:
        label, codename = permission.split(".")
        condition |= Q(content_type__app_label=label, codename=codename)
    return condition
