"""What all views share: who may call, reading what was sent, writing the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.utils.timezone import now
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from ledger.api import authentication, parsers, problems
from ledger.api.caller import Caller
from ledger.api.permissions import HasScope

AnySerializer = type[Serializer[Any]]


class Resource(APIView):
    """
    A view of the API: reads what was sent, makes one domain call, writes the answer.

    ``whole_book`` names the methods that do not exist for callers bound to a customer,
    ``staff_only`` those that no key can call. ``person_needs`` names the permission that somebody
    signed in needs for a method beside its scope, as the admin's page of it asks.
    """

    authentication_classes = [authentication.KeyAuthentication, authentication.StaffSession]
    permission_classes = [HasScope]
    parser_classes = [parsers.Json]
    renderer_classes = [JSONRenderer]
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    scopes: ClassVar[dict[str, str]] = {
        "GET": "read",
        "HEAD": "read",
        "POST": "manage",
        "PUT": "manage",
        "PATCH": "manage",
    }
    whole_book: ClassVar[frozenset[str]] = frozenset()
    staff_only: ClassVar[frozenset[str]] = frozenset()
    person_needs: ClassVar[Mapping[str, str]] = {}

    @property
    def caller(self) -> Caller:
        """Return who calls; permissions have let them in."""
        assert isinstance(self.request.auth, Caller)
        return self.request.auth

    @property
    def now(self) -> datetime:
        """Return the clock's time: here is the edge that reads it."""
        return now()

    def body(self, kind: AnySerializer) -> dict[str, Any]:
        """
        Return the body, read.

        Raises:
            InvalidFields: naming each field that cannot be read, with its value.
        """
        return self.read(kind, self.request.data)

    def asked(self, kind: AnySerializer) -> dict[str, Any]:
        """Return the query, read; errors as ``body``."""
        return self.read(kind, self.request.query_params.dict())

    def answer(
        self, kind: AnySerializer, value: object, *, status: int = 200, **context: object
    ) -> Response:
        """Return the answer for one thing."""
        return Response(kind(value, context=context).data, status=status)

    def page(
        self, kind: AnySerializer, rows: Sequence[Any], following: str | None, **context: object
    ) -> Response:
        """Return the answer for a page of things."""
        data = kind(rows, many=True, context=context).data
        return Response({"data": data, "next": following})

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Write problems as JSON whatever was asked for, and let nothing be cached."""
        if getattr(response, "exception", False):
            request.accepted_renderer = JSONRenderer()
            request.accepted_media_type = problems.MEDIA_TYPE
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)

    def read(self, kind: AnySerializer, data: Any) -> dict[str, Any]:
        """Return anything sent, read; errors as ``body``."""
        serializer = kind(data=data)
        if not serializer.is_valid():
            raise problems.InvalidFields(serializer.errors, data)
        found: dict[str, Any] = serializer.validated_data
        return found
