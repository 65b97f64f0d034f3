"""What a caller may do: one scope per operation."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import NotAuthenticated, NotFound, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ledger.api.caller import Caller


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
        if request.method in view.whole_book and caller.customer_id is not None:
            raise NotFound
        return True
