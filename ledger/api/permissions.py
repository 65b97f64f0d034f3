"""What a caller may do: one scope per operation."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAuthenticated, NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ledger.api.caller import Caller


def check_person(request: Request, permission: str) -> None:
    """
    Let a person do only what they are permitted; keys are bounded by their scopes.

    Raises:
        PermissionDenied: naming the permission that somebody signed in lacks.
    """
    caller = request.auth
    is_person = isinstance(caller, Caller) and caller.is_staff
    if is_person and not request.user.has_perm(permission):
        detail = f"This needs the permission {permission}."
        raise PermissionDenied(detail, code="permission_missing")


class HasScope(BasePermission):
    """Lets in who has the operation's scope; bound callers only where customers are apart."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return true, or raise what the caller should know."""
        caller = request.auth
        if not isinstance(caller, Caller):
            raise NotAuthenticated
        scope = view.scopes.get(request.method)
        if scope is not None and scope not in caller.scopes:
            raise PermissionDenied(f"This needs the scope {scope}.", code="scope_missing")
        if request.method in view.staff_only and not caller.is_staff:
            raise PermissionDenied("This is for signed-in staff only.", code="staff_only")
        if caller.is_staff and (needed := view.person_needs.get(request.method)):
            check_person(request, needed)
        if request.method in view.whole_book and caller.customer_id is not None:
            raise NotFound
        return True
